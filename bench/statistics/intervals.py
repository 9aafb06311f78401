"""Means over questions with their intervals. Numbers in, numbers out; no records.

What is estimated is always the mean over questions of the question's mean: every question weighs
alike, however often it was asked. Inside a question its orders weigh alike, and inside an order its
repeats. n is the number of questions. Missing values are NaN and are left out. Nothing to measure
is `NOTHING`: no value, n = 0. No result depends on the order in which values come.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 4000
LEVEL = 0.95
FEWEST = 5
"""Questions below which an unbounded mean has no interval."""


class Estimate(NamedTuple):
    """A value with its interval; None throughout where there is nothing to measure."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """Questions."""
    method: str


NOTHING = Estimate(None, None, None, 0, "")


def by_question(
    values: Floats, questions: NDArray[Any], orders: NDArray[Any] | None = None
) -> Floats:
    """The mean of each question, sorted; missing values are left out.

    Args:
        values: a number a response, NaN where missing.
        questions: the question of each.
        orders: the order of the options of each; orders of a question then weigh alike.
    """
    return np.sort(grouped_means(values, questions, orders)[1])


def grouped_means(
    values: Floats, questions: NDArray[Any], orders: NDArray[Any] | None = None
) -> tuple[NDArray[Any], Floats]:
    """The questions that have a value, and the mean of each; see `by_question`."""
    kept = ~np.isnan(values)
    values, questions = values[kept], np.asarray(questions)[kept]
    if not len(values):
        return questions[:0], values
    names, codes = _coded(questions)
    if orders is not None:
        _, places = _coded(np.asarray(orders)[kept])
        cells = codes * (int(places.max()) + 1) + places
        values, cells = _means(values, cells)
        codes = cells // (int(places.max()) + 1)
    means, _ = _means(values, codes)
    return names, means


def _coded(names: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """`np.unique` with codes; words are sorted once each and not once a row."""
    if names.dtype != object:
        return np.unique(names, return_inverse=True)
    import pandas as pd

    found, there = pd.factorize(names)
    order = np.argsort(there, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return there[order], ranks[found]


def _means(values: Floats, codes: NDArray[Any]) -> tuple[Floats, NDArray[Any]]:
    """Mean and code of each group; sorted inside first, so that sums are the same to the digit."""
    order = np.lexsort((values, codes))
    values, codes = values[order], codes[order]
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    sizes = np.diff(np.r_[starts, len(codes)])
    return np.add.reduceat(values, starts) / sizes, codes[starts]


def wilson(successes: float, trials: float, alpha: float = 1 - LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927, JASA 22:209); trials may be a fraction.

    Raises:
        ValueError: no trials.
    """
    from statsmodels.stats.proportion import proportion_confint

    if trials <= 0:
        raise ValueError(f"a proportion of {trials} trials has no interval")
    low, high = proportion_confint(successes, trials, alpha=alpha, method="wilson")
    # At 0 and at trials rounding leaves a limit beside the bound that it is.
    return 0.0 if successes <= 0 else float(low), 1.0 if successes >= trials else float(high)


def rate(
    values: Floats,
    questions: NDArray[Any],
    orders: NDArray[Any] | None = None,
) -> Estimate:
    """A share, or a mean of numbers between 0 and 1, over questions; see `bounded_mean`."""
    return bounded_mean(by_question(values, questions, orders))


def bounded_mean(means: Floats) -> Estimate:
    """The mean of numbers between 0 and 1, one a question, with Wilson's interval for it.

    The effective number of questions is p(1-p)/v (Korn & Graubard 1998, Survey Methodology 24:193),
    v the variance of the mean. Its variance between questions gets one more question at 0 and one
    at 1, so that values which happen to agree do not give an interval without width (the idea of
    Agresti & Coull 1998, The American Statistician 52:119), and the quantile is Student's t.
    """
    n = len(means)
    if not n:
        return NOTHING
    means = np.sort(means)
    value = float(means.mean())
    if n < 2:
        return Estimate(value, None, None, n, "one question: no interval")
    floored = np.r_[0.0, means, 1.0]
    p, variance = float(floored.mean()), float(floored.var(ddof=1)) / n
    effective = p * (1 - p) / variance
    low, high = wilson(value * effective, effective, _t_alpha(n))
    return Estimate(value, low, high, n, "Wilson over questions, floored variance, t")


@lru_cache(maxsize=4096)
def t_quantile(freedom: int) -> float:
    """The two-sided t quantile of that many degrees of freedom."""
    from scipy import stats

    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))


@lru_cache(maxsize=4096)
def _t_alpha(questions: int) -> float:
    """The alpha whose normal quantile is the t quantile of questions - 1 degrees of freedom."""
    from scipy import stats

    return float(2 * stats.norm.sf(t_quantile(questions - 1)))


def mean(
    values: Floats,
    questions: NDArray[Any],
    bounded: bool = False,
    orders: NDArray[Any] | None = None,
) -> Estimate:
    """A mean over questions: `bounded_mean` where values lie between 0 and 1, else `free_mean`."""
    means = by_question(values, questions, orders)
    return bounded_mean(means) if bounded else free_mean(means)


def free_mean(means: Floats) -> Estimate:
    """The mean of numbers without bounds, one a question.

    Positive numbers (tokens, seconds): a t interval on the scale of the logarithm, for skewed
    numbers; its standard error is the larger of the sample's and that of a lognormal (Zhou & Gao
    1997, Stat. Med. 16:783, who call it Cox's method). Others (scores): Hall's transformation of
    Student's t for skewness (Hall 1992, J. R. Stat. Soc. B 54:221). No interval below `FEWEST`
    questions, or where all are equal.
    """
    n = len(means)
    if not n:
        return NOTHING
    means = np.sort(means)
    value = float(means.mean())
    spread = float(means.std(ddof=1)) if n > 1 else 0.0
    if n < FEWEST:
        return Estimate(value, None, None, n, f"fewer than {FEWEST} questions: no interval")
    if spread <= 1e-12 * abs(value):
        return Estimate(value, None, None, n, "all questions alike: no interval")
    if means[0] > 0:
        low, high = _on_log_scale(means, value, spread)
        return Estimate(value, low, high, n, "t over questions, log scale")
    low, high = _skewed_t(means, value, spread)
    if means[0] == 0:
        low = max(0.0, low)
    return Estimate(value, low, high, n, "t over questions, corrected for skewness")


def _on_log_scale(means: Floats, value: float, spread: float) -> tuple[float, float]:
    n = len(means)
    of_logs = float(np.log(means).var(ddof=1))
    lognormal = sqrt(of_logs / n + of_logs**2 / (2 * (n - 1)))
    # Mean and variance of the logarithms are both estimated: two degrees of freedom less.
    width = t_quantile(n - 2) * max(spread / value / sqrt(n), lognormal)
    return value * exp(-width), value * exp(min(width, 700.0))


def _skewed_t(means: Floats, value: float, spread: float) -> tuple[float, float]:
    # The skewness is estimated too: one degree of freedom less.
    n, t = len(means), t_quantile(len(means) - 2)
    centred = (means - value) / float(means.std())
    skewness, root = float((centred**3).mean()), sqrt(n)
    if abs(skewness) < 1e-9:
        return value - t * spread / root, value + t * spread / root

    def turned(quantile: float) -> float:
        inside = 1 + skewness * (quantile - skewness / (6 * root)) / root
        return 3 * root / skewness * (float(np.cbrt(inside)) - 1)

    return value - turned(t) * spread / root, value - turned(-t) * spread / root


def resample(columns: Floats, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """Column totals of rows drawn with replacement: one row a resample.

    Args:
        columns: one row a question, one column a quantity; their order does not matter.
        resamples: how many.
        seed: the same seed and number of rows draw the same rows.
    """
    rows = columns[np.lexsort(columns.T[::-1])]
    n = len(rows)
    generator = np.random.default_rng(seed)
    totals = [
        # Not `@`: on a busy machine the threads of BLAS make so small a product far slower.
        np.einsum("rk,kc->rc", _draw(generator, n, min(step, resamples - start)), rows)
        for step in (max(1, 2_000_000 // n),)
        for start in range(0, resamples, step)
    ]
    return np.concatenate(totals)


def _draw(generator: np.random.Generator, n: int, times: int) -> Floats:
    """How often each row is drawn, a row a resample."""
    picks = generator.integers(0, n, size=(times, n)) + np.arange(times)[:, None] * n
    return np.bincount(picks.ravel(), minlength=times * n).reshape(times, n).astype(np.float64)


def expanded_percentiles(drawn: Floats, questions: int) -> tuple[float, float]:
    """Limits of a bootstrap distribution over questions, for what is no plain mean.

    Percentiles widened by the t quantile and n/(n-1), which the plain ones lack (Hesterberg 2015,
    The American Statistician 69:371).
    """
    from scipy import stats

    tail = float(stats.norm.cdf(-t_quantile(questions - 1) * sqrt(questions / (questions - 1))))
    low, high = np.quantile(drawn[~np.isnan(drawn)], [tail, 1 - tail])
    return float(low), float(high)


def bootstrapped(value: float, drawn: Floats, questions: int, least: float = 0.0) -> Estimate:
    """A value from `least` to 1 with `expanded_percentiles`; none of few questions or all alike."""
    drawn = drawn[~np.isnan(drawn)]
    if questions < FEWEST or not len(drawn) or float(np.ptp(drawn)) < 1e-12:
        none = "too few, or all questions alike: no interval"
        return Estimate(value, None, None, questions, none)
    low, high = expanded_percentiles(drawn, questions)
    limits = max(least, low), min(1.0, high)
    return Estimate(value, *limits, questions, "bootstrap over questions")
