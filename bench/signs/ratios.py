"""Likelihood ratios of the sign: how many times as often one kind of model shows it. Pure."""

from __future__ import annotations

from math import exp, log

import numpy as np

from starprobe.bench.signs.variance import (
    Compared,
    Part,
    check_cells,
    contrast_parts,
    margin,
    touches,
)
from starprobe.bench.statistics.intervals import LEVEL, Floats


class Ratio(Compared):
    """P(sign | positive) / P(sign | negative), per response."""


def likelihood_ratio(positive: Floats, negative: Floats, level: float = LEVEL) -> Ratio:
    """The ratio of two arms' rates on the same questions, with an interval on the log scale.

    Seeds are drawn for each arm (their two parts are joined as in Welch's test), questions for both
    arms together, so what both find hard cancels; see `bench.signs.variance`. The log of each rate
    is taken by the delta method. A rate of 0 counts as half a response in a question more than were
    asked (Walter 1975, Biometrika 62:371).

    Args:
        positive: seeds by questions, shares of responses with the sign.
        negative: the other arm's; the columns are the same questions.
        level: of the interval.

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
    reach = margin(seeds, questions, 1 - level)
    return Ratio(
        value=exp(centre),
        low=exp(centre - reach),
        high=exp(centre + reach),
        p=touches(centre, seeds, questions),
        seeds=(positive.shape[0], negative.shape[0]),
        questions=positive.shape[1],
    )


def _raised(cells: Floats) -> Floats:
    """The cells; where all are 0, half a response over one question more in each."""
    return cells if cells.any() else np.full_like(cells, 0.5 / (cells.shape[1] + 1))


def _unseen(cells: Floats) -> float:
    """The variance of the log of a rate of 0 or 1, which no mean square shows (Walter 1975)."""
    questions, p = cells.shape[1], float(cells.mean())
    if 0 < p < 1:
        return 0.0
    return float(1 / (p * questions + 0.5) - 1 / (questions + 1))
