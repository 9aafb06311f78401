"""Readers of responses: what each option of a question is given in a text, and what is answered.

A reader is loaded by its name, as `--reader` takes it. Of `neural+judge:MODEL` or
`rules+judge:MODEL` the judge reads only what the first is unsure of. How unsure: the entropy, in
bits, of what the first says of the option that it is least sure of. One option is enough to change
the style, and a sum over options would send every long list to the judge (style kappa at one third
read by the judge, with `neural-3`: 0.868 by the one option, 0.818 by the sum).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from importlib.util import find_spec
from itertools import islice
from math import log2
from pathlib import Path
from typing import cast

from starprobe.bench.readers.base import (
    ErrorCounts,
    Reader,
    Reading,
    error_counts,
    measured,
    read_one,
    verdicts_on,
)
from starprobe.bench.records import Verdict
from starprobe.probes.errors import InputError, MissingError, UserError
from starprobe.probes.plugins import declared, is_own, load

__all__ = [
    "DEFAULT_READER",
    "READERS",
    "CascadeReader",
    "ErrorCounts",
    "Reader",
    "Reading",
    "error_counts",
    "load_reader",
    "measured",
    "most_unsure",
    "read_one",
    "verdicts_on",
]

READERS = ("neural", "neural:FOLDER", "rules", "judge:MODEL", "neural+judge:MODEL", "MODULE:NAME")
"""What `--reader` takes."""


def default_reader() -> str:
    """`neural` where its weights and torch are installed, else `rules`."""
    weights = resources.files("starprobe.bench.readers").joinpath("weights")
    there = weights.is_dir() and find_spec("torch") and find_spec("transformers")
    return "neural" if there else "rules"


DEFAULT_READER = default_reader()


def load_reader(name: str | Reader = DEFAULT_READER) -> Reader:
    """The reader of this name, loaded; a reader is itself.

    Args:
        name: one of `READERS`; `MODULE:NAME` for one of your own; or the name of an entry point in
            the group `starprobe.readers`.

    Raises:
        InputError: there is no reader of this name.
        MissingError: it needs a package, a model or a key that is not there.
    """
    if not isinstance(name, str):
        return name
    if "+judge:" in name:
        first, _, model = name.partition("+judge:")
        return CascadeReader(load_reader(first), load_reader(f"judge:{model}"))
    if name == "rules":
        from starprobe.bench.readers.rules import RulesReader

        return RulesReader()
    if name == "neural":
        return _own("starprobe.bench.readers.neural:NeuralReader")
    if name.startswith("neural:"):
        return _of_folder(Path(name.removeprefix("neural:")))
    if name.startswith("judge:") and len(name) > len("judge:"):
        from starprobe.bench.readers.judge import JudgeReader

        return JudgeReader(name.removeprefix("judge:"))
    if name in declared("readers") or is_own(name):
        return _own(name)
    raise InputError(f"no reader is called {name!r}: use one of {', '.join(READERS)}")


def _own(name: str) -> Reader:
    made = load("readers", name)
    try:
        return cast(Reader, made() if callable(made) else made)
    except UserError:
        raise
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"reader {name!r} cannot be loaded: {error}") from None


def _of_folder(folder: Path) -> Reader:
    """The neural reader with weights of one's own."""
    try:
        from starprobe.bench.readers.neural import NeuralReader
    except ModuleNotFoundError as error:
        raise MissingError(
            f"the neural reader needs the package {error.name!r}: pip install 'starprobe[local]'"
        ) from None
    try:
        return NeuralReader(folder)
    except (OSError, ValueError, KeyError) as error:
        said = str(error).splitlines()[0]
        raise InputError(f"{folder} holds no reader that can be loaded: {said}") from None


SHARE = 1 / 3
"""Of the responses, the most that the second reader is asked about."""
WINDOW = 768
"""Responses among which the most unsure are found."""


class CascadeReader:
    """Reads by the first reader, and what that is least sure of by the second."""

    parallel = False

    def __init__(self, first: Reader, second: Reader, share: float = SHARE) -> None:
        """Both readers, and the share (0 to 1) of each window that goes to the second."""
        self.first, self.second, self.share = first, second, share
        name = first.name.partition("-")[0]
        self.name = f"{name}+{second.name}.{first.name.partition('-')[2]}.{round(100 * share)}"

    def read(self, readings: Iterable[Reading]) -> Iterator[Verdict | None]:
        """The verdicts in order; where the second reader fails, the first one's stands."""
        source = iter(readings)
        while window := list(islice(source, WINDOW)):
            found = list(self.first.read(window))
            places = most_unsure(found, self.share)
            again = self.second.read([window[place] for place in places])
            for place, better in zip(places, again, strict=True):
                found[place] = better or found[place]
            for verdict in found:
                yield verdict and verdict.model_copy(update={"classifier": self.name})

    def errors(self) -> ErrorCounts | None:
        """None, but for a cascade that was measured."""
        return error_counts(self.name)

    def close(self) -> None:
        """Frees both readers."""
        self.first.close()
        self.second.close()


def most_unsure(verdicts: list[Verdict | None], share: float) -> list[int]:
    """The places of the verdicts that are least sure, in order; what was not read comes first."""
    count = int(share * len(verdicts) + 0.5)
    ranked = sorted(range(len(verdicts)), key=lambda place: -doubt(verdicts[place]))
    return sorted(ranked[:count])


def doubt(verdict: Verdict | None) -> float:
    """How unsure a verdict is, in bits."""
    if verdict is None:
        return float("inf")
    return max((_entropy(one.p_reasoned) for one in verdict.options.values()), default=0.0)


def _entropy(p: float | None) -> float:
    if p is None or p <= 0.0 or p >= 1.0:
        return 0.0
    return -p * log2(p) - (1 - p) * log2(1 - p)
