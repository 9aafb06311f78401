"""What every format is turned into before it becomes a run: a response and its question."""

from __future__ import annotations

from starprobe.bench.records import FinishReason, Usage
from starprobe.probes.schema import Record


class Choice(Record):
    """One option as the source shows it."""

    label: str
    text: str


class Sample(Record):
    """One response made elsewhere."""

    id: str | None = None
    """The source's own id of the response."""
    question_id: str | None = None
    question: str
    options: tuple[Choice, ...] = ()
    response: str = ""
    answer: str | None = None
    """A label of `options`; without options, the answer as the source writes it."""
    model: str = ""
    condition: str = "imported"
    repeat: int | None = None
    prompt: str | None = None
    """The whole text that was sent, where the source has it."""
    reasoning: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    latency_s: float | None = None
    error: str | None = None
