"""Fits the learned reader's models, and leaves whole sources out to judge them.

scikit-learn is needed here and nowhere else in the reader.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from starprobe.bench.readers.annotated import Annotated
from starprobe.bench.readers.examine import Examined, examine
from starprobe.bench.readers.features import general_features, whole_features
from starprobe.bench.readers.learned import (
    UNSEEN,
    LearnedClassifier,
    Linear,
    Models,
    bounded,
    reasoned_rows,
    summaries_of,
)
from starprobe.bench.readers.summaries import Summary
from starprobe.bench.records import Verdict

Floats = npt.NDArray[np.float64]
STRENGTH = {"reasoned": 0.1, "general": 0.3, "whole": 0.3}
"""C of each logistic regression: the inverse of the L2 penalty on standardised features."""


class Prepared(NamedTuple):
    """A row examined once, for all folds."""

    row: Annotated
    examined: Examined
    summaries: dict[int, Summary]
    features: dict[int, list[float]]
    """Option -> REASONED features."""


def prepare_rows(rows: Sequence[Annotated]) -> list[Prepared]:
    """Examines every row."""
    prepared = []
    for row in rows:
        examined = examine(row.reading)
        summaries = summaries_of(examined)
        features = reasoned_rows(examined, summaries)
        prepared.append(Prepared(row, examined, summaries, features))
    return prepared


def fit(prepared: Sequence[Prepared]) -> Models:
    """All models. Those that build on probabilities see them as made for unseen sources."""
    reasoned = _fit_reasoned(prepared)
    sources = sorted({one.row.source for one in prepared})
    held: dict[str, dict[int, float]] = {}
    for source in sources:
        rest = [one for one in prepared if one.row.source != source]
        model = _fit_reasoned(rest) if rest else reasoned
        for one in prepared:
            if one.row.source == source:
                held[one.row.reading.id] = _probabilities(model, one)
    general = _linear(
        [general_features(one.examined, held[one.row.reading.id]) for one in prepared],
        [one.row.gold.general for one in prepared],
        STRENGTH["general"],
    )
    chosen = [one for one in prepared if len(one.row.reading.shown) >= 2]
    whole = _linear(
        [whole_features(one.examined, held[one.row.reading.id], UNSEEN) for one in chosen],
        [one.row.gold.style == "option_by_option" for one in chosen],
        STRENGTH["whole"],
    )
    return Models(reasoned, general, whole)


def read_left_out(prepared: Sequence[Prepared]) -> dict[str, Verdict]:
    """Response id -> verdict of models that saw nothing of its source."""
    found: dict[str, Verdict] = {}
    for source in sorted({one.row.source for one in prepared}):
        rest = [one for one in prepared if one.row.source != source]
        reader = LearnedClassifier(fit(rest), "left-out")
        for one in prepared:
            if one.row.source == source:
                found[one.row.reading.id] = reader.classify(one.row.reading)
    return found


def _fit_reasoned(prepared: Sequence[Prepared]) -> Linear:
    features, truth = [], []
    for one in prepared:
        labels = [shown.label for shown in one.row.reading.shown]
        for option, numbers in one.features.items():
            features.append(numbers)
            truth.append(one.row.gold.codes[labels[option]].startswith("r"))
    return _linear(features, truth, STRENGTH["reasoned"])


def _probabilities(model: Linear, one: Prepared) -> dict[int, float]:
    return bounded(model, one.examined, one.summaries, one.features)


def _linear(features: list[list[float]], truth: list[bool], strength: float) -> Linear:
    """A logistic regression on standardised features, folded back to the raw ones."""
    from sklearn.linear_model import LogisticRegression

    matrix = np.asarray(features, dtype=np.float64)
    target = np.asarray(truth, dtype=bool)
    if target.all() or not target.any():
        rate = (float(target.sum()) + 0.5) / (len(target) + 1.0)
        return Linear((0.0,) * matrix.shape[1], math.log(rate / (1.0 - rate)))
    mean, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread == 0.0] = 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = LogisticRegression(C=strength, max_iter=5000)
        model.fit((matrix - mean) / spread, target)
    weights = model.coef_[0] / spread
    bias = float(model.intercept_[0] - (weights * mean).sum())
    return Linear(tuple(float(weight) for weight in weights), bias)
