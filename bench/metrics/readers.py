"""What the choice of reader does: the headline under each, and how far readers agree.

Young 2026 found rankings of models to reverse between detectors; a headline without its range over
readers says less than it seems to.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.metrics.records import ReaderAgreement, ReaderRange
from starprobe.bench.paired import mcnemar
from starprobe.bench.statistics import rate

if TYPE_CHECKING:
    import pandas as pd


def reader_agreement(frames: Mapping[str, pd.DataFrame]) -> list[ReaderAgreement]:
    """Cohen's kappa of each pair of readers on full breakdown and on style, same responses.

    The McNemar test treats responses as independent: it asks whether one reader sees more full
    breakdowns than the other in these responses, not in models at large.
    """
    found = []
    for (one, first), (two, second) in combinations(frames.items(), 2):
        joined = first.merge(second, on="response_id", suffixes=("", "_2"))
        a, b = numbers(joined, "full"), numbers(joined, "full_2")
        both = ~(np.isnan(a) | np.isnan(b))
        a, b = a[both], b[both]
        first_only, second_only = int(np.sum((a == 1) & (b == 0))), int(np.sum((a == 0) & (b == 1)))
        found.append(
            ReaderAgreement(
                readers=(one, two),
                responses=len(a),
                same=float(np.mean(a == b)) if len(a) else None,
                kappa_full_breakdown=kappa(a, b),
                kappa_style=kappa(joined["style"].to_numpy(), joined["style_2"].to_numpy()),
                first_only=first_only,
                second_only=second_only,
                p=mcnemar(first_only, second_only) if len(a) else None,
            )
        )
    return found


def kappa(one: np.ndarray, two: np.ndarray) -> float | None:
    """Cohen's kappa; None where there is nothing, or both always say the same one thing."""
    from sklearn.metrics import cohen_kappa_score

    if not len(one) or len(set(one) | set(two)) < 2:
        return None
    return float(cohen_kappa_score(one, two))


def reader_ranges(frames: Mapping[str, pd.DataFrame]) -> list[ReaderRange]:
    """The full-breakdown rate of each model and condition under each reader."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for reader, frame in frames.items():
        for (model, condition), table in frame.groupby(["model", "condition"], sort=False):
            share = rate(numbers(table, "full"), table["question_id"].to_numpy())
            if share.value is not None:
                found.setdefault((str(model), str(condition)), {})[reader] = share.value
    return [
        ReaderRange(
            model=model,
            condition=condition,
            full_breakdown=by_reader,
            range=max(by_reader.values()) - min(by_reader.values()),
        )
        for (model, condition), by_reader in found.items()
        if len(by_reader) > 1
    ]
