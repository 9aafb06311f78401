"""What a reader is: text and shown options in, a verdict out, keyed by the labels shown."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from starprobe.bench.records import FinishReason, Verdict
from starprobe.probes.schema import ShownOption


class Reading(NamedTuple):
    """What a reader is given."""

    id: str
    text: str
    """`Response.readable`: spans of the verdict point into it."""
    stem: str
    shown: tuple[ShownOption, ...]
    finish_reason: FinishReason | None = None


class Classifier(Protocol):
    """Reads one response. Knows nothing of files, models or answer keys."""

    name: str
    """Name and version, as stored in `Verdict.classifier`."""

    def classify(self, reading: Reading) -> Verdict:
        """The verdict; `options` and `answer` name labels. Never raises on any text."""
