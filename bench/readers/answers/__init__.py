"""Which option a response gives as its answer, and with what outcome; not whether it is right."""

from __future__ import annotations

from starprobe.bench.readers.answers.asked import SPOKEN
from starprobe.bench.readers.answers.implied import implied
from starprobe.bench.readers.answers.outcomes import outcome_of
from starprobe.bench.readers.answers.records import CROSSES, TICKS, Answer
from starprobe.bench.readers.answers.stated import stated

__all__ = ["CROSSES", "SPOKEN", "TICKS", "Answer", "implied", "outcome_of", "stated"]
