"""Intervals and tests over values clustered by question. Numbers in, numbers out; no records.

Answers to one question in several orders or repeats are no independent observations, so every
function takes the questions as clusters; n is the number of questions. Missing values are NaN and
are left out. Nothing to measure is `NOTHING`: no value, n = 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 4000
LEVEL = 0.95
_CELLS = 4_000_000
_KEPT_CELLS = 40_000_000
"""Draws up to this size are kept for the next metric: a byte each."""


class Estimate(NamedTuple):
    """A value with its interval; None throughout where there is nothing to measure."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """Questions (clusters)."""
    method: str


class Sums(NamedTuple):
    """Totals and sizes of each cluster: all that the mean over clusters needs."""

    total: Floats
    size: Floats

    @property
    def mean(self) -> float:
        """The mean over all values, not over clusters."""
        return float(self.total.sum() / self.size.sum())


NOTHING = Estimate(None, None, None, 0, "")


def sums_by_cluster(values: Floats, clusters: NDArray[Any]) -> Sums:
    """Totals and sizes by cluster, missing values left out."""
    kept = ~np.isnan(values)
    _, codes = np.unique(np.asarray(clusters)[kept], return_inverse=True)
    totals = np.bincount(codes, weights=values[kept]).astype(np.float64)
    return Sums(totals, np.bincount(codes).astype(np.float64))


def wilson(successes: float, trials: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927, JASA 22:209); trials may be a fraction.

    Raises:
        ValueError: no trials.
    """
    if trials <= 0:
        raise ValueError(f"a proportion of {trials} trials has no interval")
    return _wilson(successes, trials, 1 - level)


def _wilson(successes: float, trials: float, alpha: float) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(successes, trials, alpha=alpha, method="wilson")
    # At 0 and at trials rounding leaves a limit beside the bound that it is.
    return 0.0 if successes <= 0 else float(low), 1.0 if successes >= trials else float(high)


def rate(values: Floats, clusters: NDArray[Any], level: float = LEVEL) -> Estimate:
    """A share of zeros and ones with Wilson's interval, widened for clusters.

    One value a question: plain Wilson. More: Wilson with the effective sample size p(1-p)/v, where
    v is the cluster-robust variance, and a t quantile for the number of questions (Korn & Graubard
    1998, Survey Methodology 24:193; Franco et al. 2019, J. Surv. Stat. Methodol. 7:334). Where all
    values agree the number of questions is the effective size.
    """
    return rate_of(sums_by_cluster(values, clusters), level)


def rate_of(sums: Sums, level: float = LEVEL) -> Estimate:
    """`rate` of totals and sizes that are there already."""
    questions = len(sums.size)
    if not questions:
        return NOTHING
    method = "Wilson" if sums.size.max() == 1 else "Wilson, effective n of clustered answers"
    low, high = wilson_of_clusters(sums, level)
    return Estimate(sums.mean, low, high, questions, method)


def wilson_of_clusters(sums: Sums, level: float = LEVEL) -> tuple[float, float]:
    """Wilson limits of a share over clusters; see `rate`."""
    p, questions = sums.mean, len(sums.size)
    if sums.size.max() == 1:
        return wilson(p * questions, questions, level)
    effective = effective_size(sums)
    return _wilson(p * effective, effective, _t_alpha(questions, level))


def effective_size(sums: Sums) -> float:
    """How many independent answers the clustered ones are worth: from 1 to their number."""
    p, questions, answers = sums.mean, len(sums.size), float(sums.size.sum())
    if p <= 0 or p >= 1 or questions < 2:
        return float(questions)
    residuals = sums.total - p * sums.size
    variance = questions / (questions - 1) * float(residuals @ residuals) / answers**2
    return min(answers, max(1.0, p * (1 - p) / variance)) if variance > 0 else float(questions)


def _t_alpha(questions: int, level: float) -> float:
    """The alpha whose normal quantile is the t quantile of questions - 1 degrees of freedom."""
    from scipy import stats

    if questions < 2:
        return 1 - level
    return float(2 * stats.norm.sf(stats.t.ppf((1 + level) / 2, questions - 1)))


def mean(values: Floats, clusters: NDArray[Any], bounded: bool = False, seed: int = 0) -> Estimate:
    """A mean with a 95 % bootstrap interval over questions.

    The expanded percentile interval: percentile limits widened by the t quantile and n/(n-1), which
    the plain percentile interval lacks (Hesterberg 2015, The American Statistician 69:371).

    Args:
        values: numbers, NaN where missing.
        clusters: the question of each.
        bounded: they lie between 0 and 1. Where all stand at one end, resampling cannot vary, and
            Wilson's limits for that many questions are given instead.
        seed: of the resampling.
    """
    sums = sums_by_cluster(values, clusters)
    return bootstrap_ratio(sums, bounded, seed) if len(sums.size) else NOTHING


def bootstrap_ratio(sums: Sums, bounded: bool = False, seed: int = 0) -> Estimate:
    """The ratio of two totals over clusters, resampled by cluster; see `mean`."""
    value, questions = sums.mean, len(sums.size)
    if questions < 2:
        return Estimate(value, None, None, questions, "one question: no interval")
    if bounded and value in (0.0, 1.0):
        low, high = wilson(value * questions, questions)
        return Estimate(value, low, high, questions, "Wilson: all values are equal")
    low, high = expanded_percentiles(_resampled_ratio(sums, seed), questions)
    return Estimate(value, low, high, questions, "bootstrap over questions")


def _resampled_ratio(sums: Sums, seed: int) -> Floats:
    """Total over size in each resample; where all sizes agree, theirs is known without drawing."""
    if np.all(sums.size == sums.size[0]):
        return np.asarray(resample(sums.total[:, None], seed=seed)[:, 0] / sums.size.sum())
    drawn = resample(np.column_stack([sums.total, sums.size]), seed=seed)
    return np.asarray(drawn[:, 0] / drawn[:, 1])


def resample(columns: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Column totals of cluster rows drawn with replacement: one row a resample.

    Args:
        columns: one row a cluster, one column a quantity.
        resamples: how many.
        seed: the same seed and number of clusters draw the same clusters.
    """
    clusters = len(columns)
    kept = clusters * resamples <= _KEPT_CELLS
    counts = _kept_counts(clusters, resamples, seed) if kept else _counts(clusters, resamples, seed)
    return np.concatenate([_totals(block, columns) for block in counts])


def _totals(counts: NDArray[np.uint8], columns: Floats) -> Floats:
    # Not `@`: on a busy machine the threads of BLAS make so small a product fifty times slower.
    return np.column_stack(
        [np.einsum("rk,k->r", counts, np.ascontiguousarray(column)) for column in columns.T]
    )


@lru_cache(maxsize=4)
def _kept_counts(clusters: int, resamples: int, seed: int) -> list[NDArray[np.uint8]]:
    """`_counts`, kept: the metrics of one run have the same number of questions."""
    return list(_counts(clusters, resamples, seed))


def _counts(clusters: int, resamples: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """How often each cluster is drawn in each resample, a block of resamples at a time."""
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // clusters)
    for start in range(0, resamples, step):
        yield _draw(generator, clusters, min(step, resamples - start))


def _draw(generator: np.random.Generator, clusters: int, rows: int) -> NDArray[np.uint8]:
    picks = generator.integers(0, clusters, size=(rows, clusters))
    picks += np.arange(rows)[:, None] * clusters
    counts = np.bincount(picks.ravel(), minlength=rows * clusters)
    # No cluster is ever drawn more than 255 times: at most as often as there are clusters, and
    # about once each.
    return counts.reshape(rows, clusters).astype(np.uint8)


def expanded_percentiles(drawn: Floats, clusters: int, level: float = LEVEL) -> tuple[float, float]:
    """Limits of a bootstrap distribution over clusters, widened as `mean` describes."""
    from scipy import stats

    t = float(stats.t.ppf((1 - level) / 2, clusters - 1)) * sqrt(clusters / (clusters - 1))
    tail = float(stats.norm.cdf(t))
    low, high = np.quantile(drawn[~np.isnan(drawn)], [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_p(drawn: Floats, clusters: int) -> float:
    """Two-sided p of "no difference", such that p < 0.05 where the 95 % interval leaves out 0.

    The inverse of `expanded_percentiles`; ties with 0 count half, and never under 1/resamples.
    """
    from scipy import stats

    below = float(np.mean(drawn < 0) + np.mean(drawn == 0) / 2)
    share = min(max(min(below, 1 - below), 0.5 / len(drawn)), 0.5)
    t = float(stats.norm.isf(share)) * sqrt((clusters - 1) / clusters)
    return max(float(2 * stats.t.sf(t, clusters - 1)), 1 / len(drawn))
