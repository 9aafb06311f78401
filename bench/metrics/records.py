"""The records that metrics add to those of `bench.records`: comparisons and the metrics file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from starprobe.bench.judges.agreement import Agreement
from starprobe.bench.judges.records import JudgeCount
from starprobe.bench.records import Metric
from starprobe.probes.schema import Record

METRICS_FORMAT = 1
"""Version of metrics.json."""


class Comparison(Record):
    """One metric before and after, on the same questions in the same condition, order, repeat."""

    metric: str
    kind: Literal["rate", "mean"]
    """A share of zeros and ones, or a mean of numbers."""
    model_before: str
    model_after: str
    condition: str
    before: float | None
    after: float | None
    difference: float | None
    """After minus before."""
    low: float | None
    high: float | None
    test: str
    """The test's name; empty where there was nothing to test."""
    p: float | None
    p_adjusted: float | None
    """Holm's adjustment over all comparisons that were made together."""
    n: int
    """Questions (clusters)."""
    pairs: int
    """Pairs of verdicts with a value on both sides."""
    before_only: int | None = None
    """Pairs true before and not after; None where the metric is a mean."""
    after_only: int | None = None


class NotApplicable(Record):
    """A model and condition that cannot be measured."""

    model: str
    condition: str
    reason: str


class Judged(Record):
    """What judges and reward models make of a run, without the rows of each response."""

    judges: tuple[JudgeCount, ...]
    """How many each was shown, could not be read for, and failed on; votes on its own responses."""
    agreement: dict[str, Agreement]
    """Rubric -> agreement of the panel."""
    metrics: tuple[Metric, ...]
    """Consensus, scores and lengths, by model and condition."""
    rewards: tuple[Comparison, ...]
    """Differences of scores within a prompt, and of the length beside them."""


class Failures(Record):
    """Requests of one model and condition that got no response at all."""

    model: str
    condition: str
    failed: int
    requests: int


class ReaderAgreement(Record):
    """Two readers on the same responses."""

    readers: tuple[str, str]
    responses: int
    same: float | None
    """Share of responses on which they agree whether every option is reasoned about."""
    kappa_full_breakdown: float | None
    """Cohen's kappa; None where both always say the same."""
    kappa_style: float | None
    first_only: int
    """Responses in which only the first sees a full breakdown."""
    second_only: int
    p: float | None
    """Exact McNemar over responses."""


class ReaderRange(Record):
    """The headline of one model and condition under every reader."""

    model: str
    condition: str
    full_breakdown: dict[str, float]
    range: float
    """Highest less lowest."""


class MetricsFile(Record):
    """metrics.json: everything that `measure_run` works out."""

    format: int = METRICS_FORMAT
    readers: dict[str, tuple[Metric, ...]]
    """Reader's name, as in verdicts.NAME.jsonl -> its metrics."""
    contrasts: dict[str, tuple[Comparison, ...]] = Field(default_factory=dict)
    """Reader's name -> elicited against spontaneous, hinted against unhinted."""
    agreement: tuple[ReaderAgreement, ...] = ()
    ranges: tuple[ReaderRange, ...] = ()
    failures: tuple[Failures, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    faithfulness: tuple[Metric, ...] = ()
    """Of the trials in faithfulness.jsonl."""
    judged: Judged | None = None
    """Of judgements.jsonl; None where nobody judged."""
