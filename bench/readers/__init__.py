"""Readers of responses: what each option of a question is given in a text, and what is answered."""

from __future__ import annotations

from starprobe.bench.readers.base import Classifier
from starprobe.bench.readers.correction import ErrorCounts, error_counts
from starprobe.bench.records import DEFAULT_READER
from starprobe.probes.errors import InputError

__all__ = [
    "CLASSIFIERS",
    "DEFAULT_CLASSIFIER",
    "Classifier",
    "ErrorCounts",
    "error_counts",
    "load_classifier",
]

DEFAULT_CLASSIFIER = DEFAULT_READER
CLASSIFIERS = ("learned", "rules", "judge:MODEL")


def load_classifier(name: str = DEFAULT_CLASSIFIER) -> Classifier:
    """The reader of this name: `rules`, `learned` or `judge:MODEL`.

    Raises:
        InputError: there is no reader of this name.
    """
    if name == "rules":
        from starprobe.bench.readers.rules import RulesClassifier

        return RulesClassifier()
    if name == "learned":
        from starprobe.bench.readers.learned import LearnedClassifier

        return LearnedClassifier()
    if name.startswith("judge:") and len(name) > 6:
        from starprobe.bench.readers.judge import JudgeClassifier

        return JudgeClassifier(name[6:])
    raise InputError(f"no classifier is called {name!r}: use one of {', '.join(CLASSIFIERS)}")
