"""How much more often one kind of model does a thing than another: a difference of rates. Pure."""

from __future__ import annotations

from starprobe.bench.signs.variance import Compared, contrast_parts, margin, touches
from starprobe.bench.statistics.intervals import LEVEL, Floats


class Difference(Compared):
    """rate(first) - rate(second), on the same questions."""


def rate_difference(first: Floats, second: Floats, level: float = LEVEL) -> Difference:
    """The difference of two arms' rates, over their training seeds and the questions they share.

    Seeds are drawn for each arm, questions for both together, so that what both find hard cancels;
    see `bench.signs.variance`. The interval is on the scale of the rates and may pass 0 and 1.

    Args:
        first: seeds by questions, shares of responses.
        second: the other arm's; the columns are the same questions.
        level: of the interval.

    Raises:
        ValueError: a table with gaps or fewer than two questions, or unlike numbers of them.
    """
    seeds, questions = contrast_parts(first, second)
    centre = float(first.mean() - second.mean())
    reach = margin(seeds, questions, 1 - level)
    return Difference(
        value=centre,
        low=centre - reach,
        high=centre + reach,
        p=touches(centre, seeds, questions),
        seeds=(first.shape[0], second.shape[0]),
        questions=first.shape[1],
    )
