"""Rates over training seeds and questions, their ratios and differences: crossed random effects.

Seeds are drawn, questions are drawn, and every seed answers every question. The mean's variance has
a part for seeds and a part for questions, from the mean squares of a two-way random model with one
value a cell (Searle, Casella & McCulloch 1992, Variance Components, section 4.3). Each part gets
the t quantile of its own degrees of freedom, and the squared margins are added, as in recovering
limits of sums from limits of their terms (Zou & Donner 2008, Stat. Med. 27:1693). With three seeds
an arm a bootstrap of seeds would be far too sure of itself: it has ten distinct resamples. Pure.
"""

from __future__ import annotations

from math import exp, floor, log, sqrt
from typing import NamedTuple

import numpy as np

from starprobe.bench.statistics.intervals import LEVEL, Estimate, Floats, wilson
from starprobe.probes.schema import Record

METHOD = "random effects of seeds and questions"
ALONE = "one checkpoint: its own rate, over questions only"
_SMALLEST = 1e-9
"""The least p that is given."""
_CERTAIN = 1e9
"""Degrees of freedom of a part that is not there."""


class ArmRate(Record):
    """How often the models of one arm show the sign."""

    arm: str
    checkpoints: dict[str, float]
    """Checkpoint -> its own rate."""
    questions: int
    value: float
    low: float | None
    high: float | None
    method: str


class Part(NamedTuple):
    """A part of a variance, and its degrees of freedom."""

    value: float
    df: float


class Parts(NamedTuple):
    """The parts of the variance of one arm's mean."""

    seeds: Part
    """What differs between seeds, chance at single responses included."""
    questions: Part
    """What differs between questions, chance included too."""
    residual: float
    """The chance that both of them hold."""


class Compared(Record):
    """Two arms held against each other on the same questions."""

    value: float
    low: float
    high: float
    p: float
    """Of "they are alike", two-sided; a little more cautious than the interval (see `touches`)."""
    seeds: tuple[int, int]
    questions: int


class Ratio(Compared):
    """P(sign | positive) / P(sign | negative), per response."""


class Difference(Compared):
    """rate(first) - rate(second), on the same questions."""


def check_cells(cells: Floats) -> None:
    """Refuses what is no table of seeds (rows) by questions (columns) without gaps.

    Raises:
        ValueError: no row, fewer than two columns, or a missing value.
    """
    if cells.ndim != 2 or not len(cells) or cells.shape[1] < 2 or np.isnan(cells).any():
        raise ValueError(f"need seeds by two questions or more, without gaps, not {cells.shape}")


def parts(cells: Floats) -> Parts:
    """The parts of the variance of the mean of a table of seeds by questions.

    One row is a model that was not drawn, such as the base itself: it has no part for seeds.
    """
    seeds, questions = cells.shape
    if seeds == 1:
        spread = float(cells[0].var(ddof=1)) / questions
        return Parts(Part(0.0, _CERTAIN), Part(spread, questions - 1), 0.0)
    by_seed, by_question, mean = cells.mean(axis=1), cells.mean(axis=0), float(cells.mean())
    left = cells - by_seed[:, None] - by_question[None, :] + mean
    error = float((left**2).sum()) / ((seeds - 1) * (questions - 1))
    return Parts(
        Part(float(by_seed.var(ddof=1)) / seeds, seeds - 1),
        Part(float(by_question.var(ddof=1)) / questions, questions - 1),
        error / (seeds * questions),
    )


def margin(seeds: Part, questions: Part, alpha: float) -> float:
    """How far the limits are from the mean."""
    by_seeds = seeds.value * t_quantile(seeds.df, alpha) ** 2
    return sqrt(by_seeds + questions.value * t_quantile(questions.df, alpha) ** 2)


def contrast_parts(one: Floats, two: Floats) -> tuple[Part, Part]:
    """The parts of the variance of the difference of two arms' means: of seeds, of questions.

    Both arms answer the same questions; their seeds' parts are joined as in Welch's test.

    Raises:
        ValueError: see `check_cells`; or the questions differ in number.
    """
    check_cells(one)
    check_cells(two)
    if one.shape[1] != two.shape[1]:
        raise ValueError(f"not the same questions: {one.shape[1]} and {two.shape[1]}")
    first, second = parts(one), parts(two)
    a, b = first.seeds, second.seeds
    total = a.value + b.value
    welch = a.value**2 / a.df + b.value**2 / b.df
    seeds = Part(total, max(1.0, total**2 / welch) if welch > 0 else a.df + b.df)
    changes = one.mean(axis=0) - two.mean(axis=0)
    spread = float(changes.var(ddof=1)) / len(changes)
    alone = max(0.0, spread - first.residual - second.residual)
    return seeds, Part(alone, len(changes) - 1)


def touches(centre: float, seeds: Part, questions: Part) -> float:
    """The p at which the interval of level 1 - p would touch 0, with whole degrees of freedom.

    Welch's degrees of freedom are a little too many far out, where Holm's first step looks; rounded
    down, a sign that tells nothing is called so in 95 % of families or more.
    """
    from scipy import optimize

    if seeds.value + questions.value <= 0:
        return 1.0 if centre == 0 else _SMALLEST
    whole = Part(seeds.value, float(floor(seeds.df)))

    def short(exponent: float) -> float:
        return margin(whole, questions, exp(exponent)) - abs(centre)

    if short(log(_SMALLEST)) < 0:
        return _SMALLEST
    exponent = float(optimize.brentq(short, log(_SMALLEST), 0.0, xtol=1e-6))
    return min(1.0, exp(exponent))


def seed_rate(cells: Floats) -> Estimate:
    """An arm's rate over its seeds and the questions, with an interval on the logit scale.

    Where every seed gives 0 everywhere, or 1, seeds show no variance at all; Wilson's limits for
    the number of questions are given. One checkpoint has an interval over questions only. `n`
    counts questions.

    Raises:
        ValueError: see `check_cells`.
    """
    check_cells(cells)
    p, questions = float(cells.mean()), cells.shape[1]
    if p <= 0 or p >= 1:
        low, high = wilson(p * questions, questions)
        return Estimate(p, low, high, questions, "Wilson over questions: all seeds alike")
    found = parts(cells)
    alone = Part(max(0.0, found.questions.value - found.residual), found.questions.df)
    reach = margin(found.seeds, alone, 1 - LEVEL) / (p * (1 - p))
    centre = log(p / (1 - p))
    method = METHOD if len(cells) > 1 else ALONE
    return Estimate(p, _expit(centre - reach), _expit(centre + reach), questions, method)


def likelihood_ratio(positive: Floats, negative: Floats) -> Ratio:
    """The ratio of two arms' rates on the same questions, with an interval on the log scale.

    Seeds are drawn for each arm (their two parts are joined as in Welch's test), questions for both
    arms together, so what both find hard cancels. The log of each rate is taken by the delta
    method. A rate of 0 counts as half a response in a question more than were asked (Walter 1975,
    Biometrika 62:371).

    Args:
        positive: seeds by questions, shares of responses with the sign.
        negative: the other arm's; the columns are the same questions.

    Raises:
        ValueError: see `check_cells`; or the questions differ in number.
    """
    check_cells(positive)
    check_cells(negative)
    one, two = _raised(positive), _raised(negative)
    centre = log(one.mean() / two.mean())
    seeds, questions = contrast_parts(one / one.mean(), two / two.mean())
    unseen = _unseen(positive) + _unseen(negative)
    questions = Part(questions.value + unseen, questions.df)
    reach = margin(seeds, questions, 1 - LEVEL)
    return Ratio(
        value=exp(centre),
        low=exp(centre - reach),
        high=exp(centre + reach),
        p=touches(centre, seeds, questions),
        seeds=(positive.shape[0], negative.shape[0]),
        questions=positive.shape[1],
    )


def rate_difference(first: Floats, second: Floats) -> Difference:
    """The difference of two arms' rates, over their training seeds and the questions they share.

    Seeds are drawn for each arm, questions for both together, so that what both find hard cancels;
    see this module's first lines. The interval is on the scale of the rates and may pass 0 and 1.

    Args:
        first: seeds by questions, shares of responses.
        second: the other arm's; the columns are the same questions.

    Raises:
        ValueError: a table with gaps or fewer than two questions, or unlike numbers of them.
    """
    seeds, questions = contrast_parts(first, second)
    centre = float(first.mean() - second.mean())
    reach = margin(seeds, questions, 1 - LEVEL)
    return Difference(
        value=centre,
        low=centre - reach,
        high=centre + reach,
        p=touches(centre, seeds, questions),
        seeds=(first.shape[0], second.shape[0]),
        questions=first.shape[1],
    )


def t_quantile(df: float, alpha: float) -> float:
    """The quantile of Student's t that leaves alpha / 2 above it."""
    from scipy import special

    return float(-special.stdtrit(df, alpha / 2))


def _expit(x: float) -> float:
    if x < 0:
        return exp(max(x, -700.0)) / (1 + exp(max(x, -700.0)))
    return 1 / (1 + exp(-x))


def _raised(cells: Floats) -> Floats:
    """The cells; where all are 0, half a response over one question more in each."""
    return cells if cells.any() else np.full_like(cells, 0.5 / (cells.shape[1] + 1))


def _unseen(cells: Floats) -> float:
    """The variance of the log of a rate of 0 or 1, which no mean square shows (Walter 1975)."""
    questions, p = cells.shape[1], float(cells.mean())
    if 0 < p < 1:
        return 0.0
    return float(1 / (p * questions + 0.5) - 1 / (questions + 1))
