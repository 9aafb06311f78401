"""What a reader is: text and shown options in, verdicts out.

A reader of your own is a class with the attributes and methods of `Reader`. It is given readings in
any number, batches them as it likes and gives the verdicts in the same order, None where it could
not read. `verdict` puts codes for each option into a record and derives style and coverage. Use it
by `--reader my_package.my_module:MyReader` (a class or function that is called without arguments),
or let your package declare it in the entry point group `starprobe.readers`:

    [project.entry-points."starprobe.readers"]
    mine = "my_package.my_module:MyReader"

after which `--reader mine` loads it. Hold it against the others by
`python -m starprobe.bench.readers.evaluate --reader my_package.my_module:MyReader`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple, Protocol

from starprobe.bench.records import (
    FinishReason,
    Outcome,
    Side,
    Style,
    Treatment,
    TreatmentCode,
    Verdict,
)
from starprobe.probes.errors import UserError
from starprobe.probes.schema import ShownOption

OFFLINE_READERS = ("neural", "learned", "rules")
"""Names of files of verdicts, best first: whose count where no reader is asked for. Runs of before
version 0.3 hold those of a reader called `learned`."""


class Reading(NamedTuple):
    """What a reader is given."""

    id: str
    text: str
    """`Response.readable`: spans of the verdict point into it."""
    stem: str
    shown: tuple[ShownOption, ...]
    finish_reason: FinishReason | None = None


class ErrorCounts(NamedTuple):
    """How often a reader was right on "goes option by option", on annotated responses.

    For correcting observed rates (Rogan & Gladen 1978; Lang & Reiczigel 2014).
    """

    true_positives: int
    positives: int
    """Responses annotated option_by_option."""
    true_negatives: int
    negatives: int


class Reader(Protocol):
    """Reads responses. Knows nothing of files, models or answer keys."""

    @property
    def name(self) -> str:
        """Name and version, and a hash of what it has learned; stored in `Verdict.classifier`."""

    @property
    def parallel(self) -> bool:
        """May be loaded in several processes at once: not what holds a GPU or asks an API."""

    def read(self, readings: Iterable[Reading]) -> Iterator[Verdict | None]:
        """The verdicts in order, keyed by the labels shown; None where it could not read.

        Never raises on any text. Reads ahead no further than a batch of its own needs.
        """

    def errors(self) -> ErrorCounts | None:
        """Its counts on annotated responses that it has not learned from; None for unknown."""

    def close(self) -> None:
        """Frees what it holds; may be called twice."""


def verdicts_on(reader: Reader, readings: Sequence[Reading]) -> list[Verdict]:
    """The verdicts on responses that all have to be read, in order.

    Raises:
        UserError: the reader gave none on one of them (a judge that failed, say).
    """
    verdicts = iter(reader.read(readings))
    found = []
    for reading in readings:
        if (verdict := next(verdicts, None)) is None:
            raise UserError(f"{reader.name} could not read {reading.id}")
        found.append(verdict)
    return found


def read_one(reader: Reader, reading: Reading) -> Verdict:
    """The verdict on one response.

    Raises:
        UserError: the reader gave none (a judge that failed, say).
    """
    return verdicts_on(reader, [reading])[0]


def coverage_of(codes: Mapping[str, TreatmentCode]) -> float | None:
    """Share of the options reasoned about, 0 to 1; None where there are no options."""
    if not codes:
        return None
    return sum(code == "reasoned" for code in codes.values()) / len(codes)


def style_of(codes: Mapping[str, TreatmentCode], answer: str | None, general: bool) -> Style:
    """The style of a response: the first rule of the annotation guideline that fits.

    Args:
        codes: option -> how it is treated; may be empty (a question without options).
        answer: the option answered, in the same words as the keys; `multi`; or None.
        general: whether the response holds reasoning that is about no single option.
    """
    reasoned = {option for option, code in codes.items() if code == "reasoned"}
    if not reasoned:
        return "general_reasoning" if general else "direct"
    if len(reasoned) == len(codes) and len(codes) >= 2:
        return "option_by_option"
    if reasoned == {answer}:
        return "chosen_only"
    return "partial"


def codes_of(options: Mapping[str, Treatment]) -> dict[str, TreatmentCode]:
    """Option -> treatment code."""
    return {option: treatment.treatment for option, treatment in options.items()}


CODES: tuple[str, ...] = ("0", "n", "r+", "r-", "r~")
_TREATMENTS: dict[str, tuple[TreatmentCode, Side | None]] = {
    "0": ("none", None),
    "n": ("named", None),
    "r+": ("reasoned", "for"),
    "r-": ("reasoned", "against"),
    "r~": ("reasoned", "neutral"),
}


def code_of(treatment: Treatment) -> str:
    """The annotation code of a treatment."""
    for code, pair in _TREATMENTS.items():
        if pair == (treatment.treatment, treatment.side):
            return code
    return "n" if treatment.treatment == "named" else "r~"


def treatment_of(code: str) -> Treatment:
    """The treatment of an annotation code, without spans; KeyError for another code."""
    treatment, side = _TREATMENTS[code]
    return Treatment(treatment=treatment, side=side)


def verdict(
    reading: Reading,
    options: Mapping[str, Treatment],
    answer: str | None,
    outcome: Outcome,
    general: bool,
    name: str,
    p_option_by_option: float | None = None,
) -> Verdict:
    """The record of what a reader found, with style and coverage derived.

    Args:
        reading: what was read.
        options: label -> treatment, for every option shown.
        answer: a label, `multi` or None.
        outcome: what became of the question.
        general: whether there is reasoning that is about no single option.
        name: the reader's name and version.
        p_option_by_option: calibrated probability of going option by option, where there is one.
    """
    codes = codes_of(options)
    return Verdict(
        id=reading.id,
        options=dict(options),
        answer=answer,
        outcome=outcome,
        general=general,
        style=style_of(codes, answer, general),
        coverage=coverage_of(codes),
        p_option_by_option=p_option_by_option,
        classifier=name,
    )


@lru_cache(maxsize=1)
def _all_measured() -> dict[str, dict[str, Any]]:
    file = resources.files("starprobe.bench.readers").joinpath("measured.json")
    found: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def measured(name: str) -> dict[str, Any] | None:
    """The figures of a reader, as `evaluate --record` wrote them; `name` may lack the version.

    `responses`, `reasoned_f1`, `side_accuracy`, `answer_accuracy`, `style_kappa`, and `sources`:
    source -> the four numbers of `ErrorCounts`. None where it was never measured.
    """
    found = _all_measured()
    for known in (name, *(known for known in found if known.rpartition("-")[0] == name)):
        if known in found:
            return found[known]
    return None


def error_counts(name: str) -> ErrorCounts | None:
    """The counts of the reader that signs with this name, over all sources; None for unknown."""
    found = measured(name)
    if found is None:
        return None
    return ErrorCounts(*(sum(column) for column in zip(*found["sources"].values(), strict=True)))
