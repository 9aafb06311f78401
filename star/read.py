"""From a generation to what it says: bench's reader for the answer, and the closing sentence.

One notion of "right": bench's. The closing sentence is only held against it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from starprobe.bench.readers import Reader, Reading, read_one
from starprobe.bench.records import MULTI, Outcome, Verdict, is_right
from starprobe.probes.schema import Question, ShownOption
from starprobe.star.records import Generated
from starprobe.star.verify import Checked, Verifier, plain, verify

_CLOSING = re.compile(
    r"\bthe (?:final |correct |right )?answer is:? *\(?([A-Za-z]|\d{1,2}|[ivx]{1,4})\)? *[:.,-]?"
    r" *([^\n]*)",
    re.IGNORECASE,
)


class Read(NamedTuple):
    """A generation as it was read."""

    row: Generated
    verdict: Verdict | None
    """Of bench's reader, in labels; None for a question without options."""
    answer: str | None
    """An option id, `multi`, a free answer as read, or None."""
    outcome: Outcome
    correct: bool | None
    shown: tuple[ShownOption, ...]
    stem: str
    sides: dict[str, str | None]
    """Option id -> the side its reasons take before the closing sentence, which takes sides too;
    empty where nobody asked."""
    faults: tuple[str, ...] = ()
    """What verifiers found wrong with the working."""


class Closing(NamedTuple):
    """The last sentence of the form `The answer is (B) basket`."""

    label: str
    text: str


def shown_options(row: Generated, question: Question) -> tuple[ShownOption, ...]:
    """What the prompt of a generation showed."""
    return tuple(
        ShownOption(label=label, option_id=option_id, text=question.option(option_id).text)
        for label, option_id in row.shown.items()
    )


def read(
    row: Generated,
    question: Question,
    reader: Reader,
    verifiers: Sequence[Verifier] = (),
    sides: bool = False,
) -> Read:
    """What a generation says, and whether it is right.

    Args:
        row: the generation.
        question: its own.
        reader: bench's reader, of responses to questions with options.
        verifiers: of the configuration; with none, the key alone is compared.
        sides: find out which side the reasons take before the closing sentence.
    """
    shown = shown_options(row, question)
    if not question.options:
        return _read_free(row, question, verifiers)
    whole = Reading(row.id, row.text, question.stem, shown, row.finish_reason)
    verdict = read_one(reader, whole)
    answer = verdict.answer
    if answer is not None and answer != MULTI:
        answer = row.shown[answer]
    correct = is_right(answer, question.answer_id)
    checked = verify(question, row.text, verifiers) if verifiers else Checked(right=None)
    if checked.right is not None and correct is not None:
        correct = correct and checked.right
    taken: dict[str, str | None] = {}
    if sides:
        reasons = read_one(reader, whole._replace(text=before_closing(row.text)))
        taken = {row.shown[label]: one.side for label, one in reasons.options.items()}
    return Read(
        row, verdict, answer, verdict.outcome, correct, shown, question.stem, taken, checked.faults
    )


def closing(text: str) -> Closing | None:
    """The last closing sentence; None where there is none."""
    found = list(_CLOSING.finditer(text))
    if not found:
        return None
    return Closing(found[-1][1], found[-1][2].strip().rstrip(".").strip())


def before_closing(text: str) -> str:
    """The text up to its last closing sentence; all of it where there is none."""
    found = list(_CLOSING.finditer(text))
    return text[: found[-1].start()] if found else text


def working(text: str, shown: tuple[ShownOption, ...]) -> str:
    """What comes before the first line that begins with an option's label, and before the close."""
    labels = "|".join(re.escape(option.label) for option in shown)
    first = re.search(rf"^\W*(?:{labels})\W", text, re.MULTILINE) if labels else None
    return before_closing(text[: first.start()] if first else text)


def closes_well(text: str, shown: tuple[ShownOption, ...], answer_id: str) -> bool:
    """Whether the closing sentence names this option by label and by text."""
    last = closing(text)
    if last is None:
        return False
    wanted = next((one for one in shown if one.option_id == answer_id), None)
    if wanted is None or last.label.casefold() != wanted.label.casefold():
        return False
    return plain(last.text) == plain(wanted.text)


def _read_free(row: Generated, question: Question, verifiers: Sequence[Verifier]) -> Read:
    found = verify(question, row.text, verifiers)
    outcome: Outcome = "answered" if found.answer is not None else "no_answer"
    if found.answer is None and row.finish_reason == "length":
        outcome = "cut"
    return Read(row, None, found.answer, outcome, found.right, (), question.stem, {}, found.faults)
