"""A document's scores: our reader's verdicts as plain numbers, averaged over repeats."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean

from starprobe.bench.readers import Reader, Reading, load_reader, read_one
from starprobe.bench.records import STYLES, Verdict
from starprobe.probes.schema import Prompt

METRICS = (
    "full_breakdown",
    "coverage",
    "accuracy",
    "answered",
    *(f"style_{style}" for style in STYLES),
)
"""All metrics of a task; not every prompt has each."""


def row_metrics(prompt: Prompt) -> frozenset[str]:
    """The metrics that a prompt has: no coverage without options, no accuracy without a key."""
    missing = set()
    if not prompt.shown:
        missing |= {"full_breakdown", "coverage"}
    if prompt.answer_id is None or not prompt.shown:
        missing.add("accuracy")
    return frozenset(METRICS) - missing


def score_responses(prompt: Prompt, responses: Sequence[str], reader: str) -> dict[str, float]:
    """Metric -> its mean over the repeats of one document."""
    verdicts = [read(prompt, text, reader) for text in responses]
    wanted = row_metrics(prompt)
    return {
        name: fmean(value(name, prompt, one) for one in verdicts)
        for name in METRICS
        if name in wanted
    }


def read(prompt: Prompt, text: str, reader: str) -> Verdict:
    """The verdict of the reader of this name, in labels."""
    return read_one(_reader(reader), Reading(prompt.id, text, prompt.stem, prompt.shown))


def value(name: str, prompt: Prompt, verdict: Verdict) -> float:
    """One metric of one verdict; no answer is not a right one."""
    if name == "coverage":
        return verdict.coverage or 0.0
    if name == "full_breakdown":
        return float(verdict.coverage == 1.0)
    if name == "accuracy":
        return float(verdict.answer == prompt.label_of(str(prompt.answer_id)))
    if name == "answered":
        return float(verdict.outcome == "answered")
    return float(name == f"style_{verdict.style}")


@lru_cache(maxsize=4)
def _reader(reader: str) -> Reader:
    return load_reader(reader)
