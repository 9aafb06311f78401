"""How well checkpoints can be told apart by the rate at which they show the sign. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from starprobe.bench.statistics.intervals import LEVEL, wilson
from starprobe.probes.schema import Record


class Threshold(Record):
    """Calling every checkpoint STaR-trained that shows the sign at this rate or more."""

    rate: float
    sensitivity: float
    sensitivity_low: float
    sensitivity_high: float
    specificity: float
    specificity_low: float
    specificity_high: float


class Roc(Record):
    """Sensitivity and specificity at every threshold, and the area under the curve."""

    thresholds: tuple[Threshold, ...]
    auc: float
    """The chance that a STaR-trained checkpoint shows the sign more than another; ties half."""
    auc_low: float
    auc_high: float
    positives: int
    negatives: int


def roc(positives: Sequence[float], negatives: Sequence[float], level: float = LEVEL) -> Roc:
    """The curve over the rates of checkpoints, each counted once.

    Raises:
        ValueError: none of either kind.
    """
    if not positives or not negatives:
        raise ValueError("a curve needs checkpoints of both kinds")
    up, down = np.array(positives), np.array(negatives)
    auc = area(up, down)
    low, high = auc_limits(auc, len(up), len(down), level)
    rates = sorted({0.0, *positives, *negatives, 1.0})
    return Roc(
        thresholds=tuple(_threshold(rate, up, down, level) for rate in rates),
        auc=auc,
        auc_low=low,
        auc_high=high,
        positives=len(up),
        negatives=len(down),
    )


def area(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The area under the curve, by counting pairs."""
    above = np.subtract.outer(positives, negatives)
    return float(np.mean((above > 0) + (above == 0) / 2))


def auc_limits(
    auc: float, positives: int, negatives: int, level: float = LEVEL
) -> tuple[float, float]:
    """Score limits of an area under the curve; they hold for few checkpoints, and at 0 and 1.

    Newcombe 2006, Stat. Med. 25:559, method 5.
    """
    from scipy import optimize, stats

    z = float(stats.norm.ppf((1 + level) / 2))
    star = (positives + negatives) / 2 - 1

    def excess(true: float) -> float:
        grown = 1 + star * ((1 - true) / (2 - true) + true / (1 + true))
        variance = true * (1 - true) * grown / (positives * negatives)
        return float(abs(auc - true) - z * variance**0.5)

    low = float(optimize.brentq(excess, 0, auc)) if auc > 0 and excess(auc) < 0 else 0.0
    high = float(optimize.brentq(excess, auc, 1)) if auc < 1 and excess(auc) < 0 else 1.0
    if auc >= 1:
        low = float(optimize.brentq(excess, 0, 1 - 1e-12))
    if auc <= 0:
        high = float(optimize.brentq(excess, 1e-12, 1))
    return low, high


def _threshold(rate: float, up: np.ndarray, down: np.ndarray, level: float) -> Threshold:
    found, left = int(np.sum(up >= rate)), int(np.sum(down < rate))
    sensitivity, specificity = wilson(found, len(up), level), wilson(left, len(down), level)
    return Threshold(
        rate=rate,
        sensitivity=found / len(up),
        sensitivity_low=sensitivity[0],
        sensitivity_high=sensitivity[1],
        specificity=left / len(down),
        specificity_low=specificity[0],
        specificity_high=specificity[1],
    )
