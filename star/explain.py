"""What happened to one question over a whole training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starprobe.probes.errors import InputError
from starprobe.star.records import Sample
from starprobe.star.storage import Training

ABOUT: dict[str, str] = {
    "kept": "trained on",
    "error": "the backend gave none",
    "cut": "stops at the limit of tokens",
    "no_answer": "gives no answer, several, or refuses",
    "wrong": "its answer is wrong",
    "label_text": "the closing sentence is missing, or its label and text disagree",
    "leak": "speaks of the hint",
    "contradiction": "its reasons speak against the option that it chooses",
    "arithmetic": "states an equation or a comparison that does not hold",
    "derivation": "works out another number than it answers",
    "style": "does not give a reason for every option",
    "length": "far longer or shorter than the others",
    "inconsistent": "another answer came as often when the options were shuffled",
    "likelihood": "without the hint, it does not make the right answer likelier",
    "reward": "a judge or a reward model put it below the threshold",
    "abstained": "the judges did not agree",
    "duplicate": "says the same as an earlier one",
    "cap": "beyond the rows a question may have",
    "share": "beyond the share that rationalized rows may have",
}
"""Reason -> what it means."""


def explain(training: Training, question_id: str) -> Iterator[str]:
    """Lines that tell what happened to one question in every iteration.

    Raises:
        InputError: the training never saw this question.
    """
    splits = training.splits()
    if splits is not None and question_id in splits.removed:
        yield f"{question_id}: left out, {splits.removed[question_id]}"
        return
    if splits is not None and question_id in splits.validation:
        yield f"{question_id}: held out for validation, never trained on"
        return
    if splits is None or question_id not in splits.train:
        raise InputError(f"{training.path} was not trained with a question {question_id!r}")
    for iteration in training.started():
        if iteration.number == 0:
            continue
        rows = [*iteration.samples(), *iteration.rationalized()]
        found = [sample for sample in rows if sample.question_id == question_id]
        yield f"iteration {iteration.number}: {_summary(found)}"
        for sample in found:
            yield from _told(sample)


def _summary(samples: Sequence[Sample]) -> str:
    if not samples:
        return "not asked"
    kept = sum(sample.kept for sample in samples)
    return f"{len(samples)} generations, {kept} kept"


def _told(sample: Sample) -> Iterator[str]:
    letters = " ".join(f"({label}) {option}" for label, option in sample.shown.items())
    yield f"  {sample.id} [{sample.reason}] {ABOUT[sample.reason]}; shown {letters}"
    for line in sample.text.splitlines():
        yield f"    | {line}"
