"""The built-in probe sets: their names, where they come from and what they are for."""

from __future__ import annotations

from importlib.resources import files

from starprobe.probes.schema import Record


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
        ),
        BuiltIn(
            name="science",
            about="School science that needs a reason, four options.",
            file="science.jsonl",
        ),
        BuiltIn(
            name="traps",
            about="The obvious option (`tempting`) is wrong; five options, with why.",
            file="traps.jsonl",
        ),
        BuiltIn(
            name="unanswerable",
            about="No option is right: answer missing, premise false, or nobody can know.",
            file="unanswerable.jsonl",
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
