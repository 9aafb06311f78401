"""Which option a response gives as its answer, and with what outcome; not whether it is right."""

from __future__ import annotations

from bench.classifiers.answers.asked import SPOKEN
from bench.classifiers.answers.implied import implied
from bench.classifiers.answers.outcomes import outcome_of
from bench.classifiers.answers.records import CROSSES, TICKS, Answer
from bench.classifiers.answers.stated import stated

__all__ = ["CROSSES", "SPOKEN", "TICKS", "Answer", "implied", "outcome_of", "stated"]
