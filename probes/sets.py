"""Sets of questions by name: built in, generated, of a file, a task or a plug-in; and their rows.

Knows where questions come from and how they are written, and nothing of what they are about.
"""

from __future__ import annotations

import difflib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from starprobe.probes.conditions import ALPHABETS
from starprobe.probes.errors import InputError
from starprobe.probes.formats import DATA, SUFFIXES, read_content, rows_of
from starprobe.probes.generated import (
    Family,
    Spec,
    make_questions,
    parse_name,
    quantities,
    relations,
    texts,
)
from starprobe.probes.generated.numbers import NumbersSpec, make_numbers
from starprobe.probes.parsing import TASK, parse_questions, task_questions
from starprobe.probes.plugins import declared, is_own, load
from starprobe.probes.schema import ProbeSet, Question, Record

FAMILIES: dict[str, Family] = {
    family.name: family for family in (*relations.FAMILIES, *quantities.FAMILIES, *texts.FAMILIES)
}
"""The families with tiers; `numbers` is older and has levels instead."""
VERSION = "2"


class BuiltIn(Record):
    """One built-in set."""

    name: str
    about: str
    file: str = ""
    """In probes/data; empty for a generated set."""
    version: str = "1"

    def path(self) -> str:
        """Where its file is."""
        return str(DATA / self.file)


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


def load_probe_set(name_or_path: str | Path | ProbeSet) -> ProbeSet:
    """The built-in set of this name, a task of the lm-evaluation-harness, or a file's questions.

    Names: `everyday` and the like; generated ones take parameters, see `probes.generated`;
    `everyday@HASH` is refused where the set is no longer the one of this hash;
    `lm-eval:TASK` or `lm-eval:FILE.yaml`. Files: JSONL, JSON, CSV, Parquet, Excel, a saved data
    set; their rows ours or those of CommonsenseQA, ARC, MMLU, GSM8K and the like. MODULE:NAME or
    what a package declares in the entry point group `starprobe.probes`: a `ProbeSet`, or a function
    that makes one. A `ProbeSet` is itself.

    Raises:
        InputError: for an unknown name, or a file that cannot be read as questions.
        MissingError: the library that reads such a file is not installed.
    """
    if isinstance(name_or_path, ProbeSet):
        return name_or_path
    name = str(name_or_path)
    bare, at, wanted = name.partition("@")
    if at and find_built_in(bare) is not None:
        return _pinned(load_probe_set(bare), wanted)
    entry = find_built_in(name)
    if entry is not None and not entry.file:
        return _generated(name)
    if entry is None and (name in declared("probes") or is_own(name)):
        return _plugged_in(name)
    questions = tuple(read_any(name))
    if entry is not None:
        return ProbeSet(name=entry.name, version=entry.version, questions=questions)
    repeated = [one for one, count in Counter(q.id for q in questions).items() if count > 1]
    if repeated:
        raise InputError(f"{name}: the id {repeated[0]!r} stands on more than one line")
    stem = name if name.startswith(TASK) else Path(name.removesuffix(".gz")).stem
    return ProbeSet(name=stem, questions=questions)


def _pinned(found: ProbeSet, wanted: str) -> ProbeSet:
    """The set, where it is the one of this hash."""
    if len(wanted) < 6 or not found.hash.startswith(wanted):
        raise InputError(f"{found.name}@{wanted}: the set that comes with this version is "
                         f"{found.name}@{found.hash}, other questions")  # fmt: skip
    return found


def _plugged_in(name: str) -> ProbeSet:
    """A set that another package or a module brings: itself, or what makes it when called."""
    found = load("probes", name)
    found = found() if callable(found) else found
    if not isinstance(found, ProbeSet):
        raise InputError(f"probes {name!r}: is a {type(found).__name__}, no ProbeSet")
    return found


def join_sets(sets: Sequence[ProbeSet]) -> ProbeSet:
    """Several sets as one; a question that stands in two of them is an error.

    Raises:
        InputError: an id is in more than one set.
    """
    if len(sets) == 1:
        return sets[0]
    questions = [question for one in sets for question in one.questions]
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise InputError(f"the question id {question.id!r} is in more than one set of --probes")
        seen.add(question.id)
    return ProbeSet(name=" + ".join(one.name for one in sets), questions=tuple(questions))


def read_any(name_or_path: str | Path) -> list[Question]:
    """The questions of a set, a task or a file, as they stand; ids may repeat (checks find them).

    Raises:
        InputError: for an unknown name, or a file that is not one of questions: file, line, field.
    """
    name = str(name_or_path)
    entry = find_built_in(name)
    if entry is not None and not entry.file:
        return list(_generated(name).questions)
    if name.startswith(TASK):
        return task_questions(name)
    if entry is None and name != "-" and not Path(name).exists():
        raise InputError(_unknown(name))
    path = name if entry is None else entry.path()
    questions = parse_questions(rows_of(read_content(Path(path))))
    if not questions:
        raise InputError(f"{name}: holds no questions")
    return questions


def _unknown(name: str) -> str:
    if name.lower().endswith(SUFFIXES) or "/" in name:
        return f"{name}: no such file"
    near = difflib.get_close_matches(name.partition(":")[0], BUILT_IN, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"built in are {', '.join(BUILT_IN)}"
    return f"unknown probe set {name!r}: no built-in set and no file of that name; {advice}"


def question_row(question: Question) -> dict[str, Any]:
    """The question as a row of a question file; `parse_question` gives the same question back."""
    labels = _labels(question)
    options = [
        {"label": label, "text": option.text}
        | ({} if option.id == f"o{number}" else {"id": option.id})
        for number, (option, label) in enumerate(zip(question.options, labels, strict=True), 1)
    ]
    answer: str | None = question.answer_text
    if question.answer_id is not None:
        answer = labels[[option.id for option in question.options].index(question.answer_id)]
    row = {"id": question.id, "question": question.stem, "options": options, "answer": answer}
    return row | question.metadata


def _labels(question: Question) -> list[str]:
    stored = [option.label for option in question.options]
    if all(stored) and len(set(stored)) == len(stored):
        return stored
    return list(ALPHABETS["upper"][: len(stored)])


def write_questions(questions: Iterable[Question], path: str | Path) -> None:
    """A question file, one row a question."""
    rows = (json.dumps(question_row(one), ensure_ascii=False) for one in questions)
    Path(path).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


@cache
def _generated(name: str) -> ProbeSet:
    """The set of this name, such as `numbers:train:n=300,seed=1` or `dates:test:tier=hard`.

    Raises:
        InputError: for a name that does not follow the pattern, or more questions than there are.
        KeyError: for a family that does not exist.
    """
    family = name.partition(":")[0]
    if family == "numbers":
        numbers = parse_name(name, NumbersSpec, "numbers:train:n=300,seed=1,level=1")
        return ProbeSet(name=name, version=VERSION, questions=tuple(make_numbers(numbers)))
    made = FAMILIES[family]
    spec = parse_name(name, Spec, f"{family}:train:n=300,seed=1,tier=easy+hard")
    return ProbeSet(name=name, version=VERSION, questions=tuple(make_questions(made, spec)))


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
