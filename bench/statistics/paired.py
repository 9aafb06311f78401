"""Before against after on the same questions: differences, intervals, tests, Holm over a family.

Pure, like `bench.statistics`; the question is the cluster; a pair with a missing side is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from starprobe.bench.statistics.intervals import (
    LEVEL,
    NOTHING,
    Estimate,
    Floats,
    Sums,
    bootstrap_p,
    expanded_percentiles,
    resample,
    sums_by_cluster,
    wilson_of_clusters,
)


class Paired(NamedTuple):
    """Before against after on the same questions."""

    before: float | None
    after: float | None
    difference: Estimate
    """After minus before."""
    p: float | None
    test: str
    pairs: int
    before_only: int | None = None
    """Pairs true before and not after; None where the values are numbers."""
    after_only: int | None = None


def mcnemar(before_only: int, after_only: int) -> float:
    """The exact two-sided McNemar test of discordant pairs; 1.0 where there are none.

    Binomial on the discordant pairs (McNemar 1947, Psychometrika 12:153).
    """
    from scipy import stats

    discordant = before_only + after_only
    if not discordant:
        return 1.0
    return float(stats.binomtest(before_only, discordant, 0.5).pvalue)


def sign_flip(changes: NDArray[np.int64]) -> float:
    """Exact two-sided p of the summed change when before and after are swapped by question.

    Fisher's randomization test with the question as unit, all 2^n swaps counted by convolution.
    With changes of -1, 0 and 1 it is the exact McNemar test.
    """
    sizes = np.abs(changes[changes != 0])
    if not len(sizes):
        return 1.0
    if np.all(sizes == 1):
        return mcnemar(int(np.sum(changes < 0)), int(np.sum(changes > 0)))
    half = np.ones(1)
    for size in sizes:
        # The sum moves by 0 or 2 * size from its least value; halved, by 0 or size.
        wider = np.zeros(len(half) + int(size))
        wider[: len(half)] += half / 2
        wider[int(size) :] += half / 2
        half = wider
    sums = 2 * np.arange(len(half)) - int(sizes.sum())
    return min(1.0, float(half[np.abs(sums) >= abs(int(changes.sum()))].sum()))


def paired_rate(
    before: Floats, after: Floats, clusters: NDArray[Any], level: float = LEVEL
) -> Paired:
    """Two shares on the same questions: difference, interval, exact test, discordant pairs.

    The test is McNemar's exact one; with several pairs a question, its form with the question as
    unit (`sign_flip`). The interval squares and adds the Wilson limits of both shares with their
    correlation (Newcombe 1998, Stat. Med. 17:2635; Zou & Donner 2008, Stat. Med. 27:1693), the
    correlation and the effective sizes taken over questions.
    """
    first, second, codes = _pairs(before, after, clusters)
    if not len(codes):
        return Paired(None, None, NOTHING, None, "", 0)
    one, two = sums_by_cluster(first, codes), sums_by_cluster(second, codes)
    single = bool(one.size.max() == 1)
    changes = np.rint(two.total - one.total).astype(np.int64)
    low, high = _square_and_add(one, two, level)
    difference = Estimate(
        two.mean - one.mean, low, high, len(one.size), "Newcombe's square-and-add of Wilson"
    )
    return Paired(
        one.mean,
        two.mean,
        difference,
        sign_flip(changes),
        "McNemar, exact" if single else "McNemar by question, exact",
        len(codes),
        int(np.sum((first == 1) & (second == 0))),
        int(np.sum((first == 0) & (second == 1))),
    )


def _square_and_add(one: Sums, two: Sums, level: float) -> tuple[float, float]:
    p, q = one.mean, two.mean
    (p_low, p_high), (q_low, q_high) = (
        wilson_of_clusters(one, level),
        wilson_of_clusters(two, level),
    )
    x, y = one.total - p * one.size, two.total - q * two.size
    spread = sqrt(float(x @ x) * float(y @ y))
    r = float(x @ y) / spread if spread > 0 else 0.0
    below = sqrt(max(0.0, _cross(q - q_low, p_high - p, r)))
    above = sqrt(max(0.0, _cross(q_high - q, p - p_low, r)))
    return max(-1.0, q - p - below), min(1.0, q - p + above)


def _cross(a: float, b: float, r: float) -> float:
    return a * a - 2 * r * a * b + b * b


def paired_mean(
    before: Floats, after: Floats, clusters: NDArray[Any], level: float = LEVEL, seed: int = 0
) -> Paired:
    """Two means on the same questions: the paired bootstrap over questions (see `mean`)."""
    first, second, codes = _pairs(before, after, clusters)
    if not len(codes):
        return Paired(None, None, NOTHING, None, "", 0)
    sums = sums_by_cluster(second - first, codes)
    n, test = len(sums.size), "paired bootstrap over questions"
    means = float(first.mean()), float(second.mean())
    if n < 2:
        difference = Estimate(sums.mean, None, None, n, "one question: no interval")
        return Paired(*means, difference, None, "", len(codes))
    drawn = resample(np.column_stack([sums.total, sums.size]), seed=seed)
    changes = drawn[:, 0] / drawn[:, 1]
    low, high = expanded_percentiles(changes, n, level)
    p = 1.0 if not np.any(sums.total) else bootstrap_p(changes, n)
    return Paired(*means, Estimate(sums.mean, low, high, n, test), p, test, len(codes))


def _pairs(
    before: Floats, after: Floats, clusters: NDArray[Any]
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """The pairs that have both values, and their clusters as numbers."""
    kept = ~(np.isnan(before) | np.isnan(after))
    _, codes = np.unique(np.asarray(clusters)[kept], return_inverse=True)
    return before[kept], after[kept], codes.astype(np.int64)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """The p values adjusted for their family, in order; None stays None and counts for nothing.

    Holm 1979, Scand. J. Statist. 6:65; three lines of our own, because statsmodels' multipletests
    collects garbage on every call (0.1 s).
    """
    places = [place for place, p in enumerate(ps) if p is not None]
    known = np.array([ps[place] for place in places], dtype=float)
    order = np.argsort(known)
    scaled = np.minimum(1, np.maximum.accumulate(known[order] * np.arange(len(known), 0, -1)))
    adjusted: list[float | None] = [None] * len(ps)
    for rank, place in enumerate(order):
        adjusted[places[place]] = float(scaled[rank])
    return adjusted
