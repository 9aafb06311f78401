"""The built-in probe sets: names and what they are for; and a sample of any set."""

from __future__ import annotations

import random
from collections import defaultdict
from importlib.resources import files

from starprobe.probes.generated import FAMILIES, VERSION
from starprobe.probes.schema import ProbeSet, Question, Record


class BuiltIn(Record):
    """One built-in set."""

    name: str
    about: str
    file: str = ""
    """In probes/data; empty for a generated set."""
    version: str = "1"

    def path(self) -> str:
        """Where its file is."""
        return str(files("starprobe.probes").joinpath("data", self.file))


BUILT_IN = {
    entry.name: entry
    for entry in (
        BuiltIn(
            name="everyday",
            about="Commonsense of everyday life, five options; holds the video's three questions.",
            file="everyday.jsonl",
            version="3",
        ),
        BuiltIn(
            name="science",
            about="School science that needs a reason, five options.",
            file="science.jsonl",
            version="3",
        ),
        BuiltIn(
            name="traps",
            about="The obvious option (`tempting`) is wrong; five options, with why.",
            file="traps.jsonl",
            version="3",
        ),
        BuiltIn(
            name="unanswerable",
            about="No option is right: answer missing, premise false, or nobody can know.",
            file="unanswerable.jsonl",
            version="3",
        ),
        *(
            BuiltIn(name=family.name, about=family.about, version=VERSION)
            for family in FAMILIES.values()
        ),
        BuiltIn(
            name="numbers",
            about="Generated: sums, comparisons, divisibility, sequences; four options."
            " numbers:train:n=300,seed=1,level=1,kinds=sum+largest",
        ),
    )
}


def find_built_in(name: str) -> BuiltIn | None:
    """The built-in set that a name asks for; None where it is none of them.

    Only a generated set takes parameters after a colon.
    """
    entry = BUILT_IN.get(name.partition(":")[0])
    if entry is None or (entry.file and ":" in name):
        return None
    return entry


STRATA = ("tier", "topic", "category", "subject", "domain", "kind")
"""Fields of a question that say what it is about; the first that it has counts."""


def sample_set(probe_set: ProbeSet, limit: int | None, seed: int = 0) -> ProbeSet:
    """So many of its questions, in their order: of every topic its share, drawn by the seed.

    A larger sample of the same seed holds the smaller one.
    """
    if limit is None or limit >= len(probe_set.questions):
        return probe_set
    by_topic: dict[str, list[str]] = defaultdict(list)
    for question in probe_set.questions:
        by_topic[_topic(question)].append(question.id)
    places: dict[str, tuple[float, float]] = {}
    for topic, ids in sorted(by_topic.items()):
        rng = random.Random(f"{seed}|{topic}")
        rng.shuffle(ids)
        # Spread evenly over (0, 1): any beginning of the order holds every topic in proportion.
        places |= {name: ((i + 0.5) / len(ids), rng.random()) for i, name in enumerate(ids)}
    drawn = set(sorted(places, key=places.__getitem__)[:limit])
    kept = tuple(question for question in probe_set.questions if question.id in drawn)
    return probe_set.model_copy(update={"questions": kept})


def _topic(question: Question) -> str:
    return next((str(question.metadata[name]) for name in STRATA if name in question.metadata), "")
