"""What the place and the order of the options do: accuracy by position, RStd, flips.

Over the orders of one question; identity is the option's id, so a flip is a change of the option
chosen, not of its letter. Only questions that were asked in several orders say anything of orders,
and only those asked several times of repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from starprobe.bench.metrics.definitions import numbers, right_of_all
from starprobe.bench.statistics.intervals import (
    FEWEST,
    NOTHING,
    Estimate,
    Floats,
    expanded_percentiles,
    rate,
    rate_of,
    resample,
)

if TYPE_CHECKING:
    import pandas as pd

PERMUTATIONS = 500


def position_metrics(table: pd.DataFrame) -> Iterator[tuple[str, Estimate]]:
    """Metrics of one model in one condition, by name.

    `accuracy_at_K` is accuracy where the key stands at place K, `answers_at_K` the share of answers
    at place K. `recall_std` is their spread, RStd (Zheng et al. 2024, ICLR, section 2), to be held
    against `recall_std_by_chance`: what places shuffled among the answers give, with the range that
    holds 95 % of shuffles. `flip_rate` is the share of pairs of orders with different answers,
    `repeat_flip_rate` the same over repeats of one order: chance alone flips as often as that.
    `right_in_every_order` is the share of questions, `accuracy_spread` the best order's accuracy
    less the worst's (Pezeshkpour & Hruschka 2024, Findings of NAACL, section 3).
    """
    questions = table["question"].to_numpy()
    right, key = right_of_all(table), numbers(table, "key_position")
    chosen = numbers(table, "position")
    places = range(1, int(table["options"].max() or 0) + 1) if len(table) else range(0)
    for place in places:
        yield f"accuracy_at_{place}", rate(np.where(key == place, right, np.nan), questions)
    for place in places:
        at = np.where(np.isnan(chosen), np.nan, (chosen == place).astype(float))
        yield f"answers_at_{place}", rate(at, questions)
    yield from _recall_spread(grid(right, key, questions))
    several = _asked_in_several(table, "arranged")
    if several.any():
        turned, rightly = table[several], right[several]
        yield "flip_rate", rate_of(disagreements(turned, ["question", "repeat"]))
        yield "right_in_every_order", _right_in_every_order(turned, rightly)
        orders = numbers(turned, "order")
        yield "accuracy_spread", _spread_of(grid(rightly, orders, questions[several]), _range)
    again = _asked_in_several(table, "repeat")
    if again.any():
        found = disagreements(table[again], ["question", "arranged"])
        yield "repeat_flip_rate", rate_of(found)


def _asked_in_several(table: pd.DataFrame, column: str) -> NDArray[np.bool_]:
    """The rows of questions that have several values in a column."""
    counts = table.groupby("question")[column].nunique()
    return np.asarray(table["question"].isin(counts.index[counts > 1]))


def disagreements(table: pd.DataFrame, group: list[str]) -> Floats:
    """For each question, the share of pairs of answers in a group that differ."""
    answered = table[table["answer"].notna()]
    counts = answered.groupby([*group, "answer"]).size()
    sizes = counts.groupby(level=group).sum()
    alike = (counts * (counts - 1) / 2).groupby(level=group).sum()
    pairs = sizes * (sizes - 1) / 2
    total = pairs.groupby(level=group[0]).sum()
    differing = (pairs - alike).groupby(level=group[0]).sum()
    kept = total > 0
    return np.asarray(differing[kept] / total[kept], dtype=np.float64)


def _right_in_every_order(table: pd.DataFrame, right: Floats) -> Estimate:
    keyed = table.assign(right=right)[~np.isnan(right)]
    if not len(keyed):
        return NOTHING
    worst = keyed.groupby(["question", "repeat"], as_index=False)["right"].min()
    return rate(np.asarray(worst["right"], dtype=np.float64), worst["question"].to_numpy())


def grid(right: Floats, places: Floats, questions: NDArray[Any]) -> Floats:
    """A row a question, a column a place: the share right there, NaN where it was not asked there.

    Repeats are averaged; the rows are sorted by what stands in them.
    """
    known = ~np.isnan(right) & ~np.isnan(places)
    if not known.any():
        return np.empty((0, 0))
    _, rows = np.unique(questions[known], return_inverse=True)
    _, columns = np.unique(places[known], return_inverse=True)
    totals, counts = np.zeros((2, int(rows.max()) + 1, int(columns.max()) + 1))
    np.add.at(totals, (rows, columns), right[known])
    np.add.at(counts, (rows, columns), 1.0)
    shares = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    return shares[np.lexsort(np.nan_to_num(shares, nan=2.0).T[::-1])]


def _recall_spread(shares: Floats) -> Iterator[tuple[str, Estimate]]:
    found = _spread_of(shares, _std)
    yield "recall_std", found
    if found.value is not None:
        yield "recall_std_by_chance", by_chance(shares)


def _std(by_place: Floats) -> Floats:
    return np.asarray(np.std(by_place, axis=-1))


def _range(by_place: Floats) -> Floats:
    return np.asarray(np.max(by_place, axis=-1) - np.min(by_place, axis=-1))


def _spread_of(shares: Floats, spread: Callable[[Floats], Floats]) -> Estimate:
    """A spread of accuracies over places, with a bootstrap interval over questions.

    Resampling adds noise, and noise adds spread: the drawn values are moved back by what they
    exceed the value by on average.
    """
    n = len(shares)
    if shares.size == 0 or shares.shape[1] < 2:
        return NOTHING
    totals, counts = np.nan_to_num(shares), (~np.isnan(shares)).astype(np.float64)
    value = float(spread(totals.sum(axis=0) / counts.sum(axis=0)))
    drawn_right, drawn_counts = np.hsplit(resample(np.hstack([totals, counts])), 2)
    whole = drawn_counts.min(axis=1) > 0
    if n < FEWEST or whole.mean() < 0.5:
        return Estimate(value, None, None, n, "too few questions at each place: no interval")
    drawn = spread(drawn_right[whole] / drawn_counts[whole])
    if float(np.ptp(drawn)) < 1e-12:
        return Estimate(value, None, None, n, "all questions alike: no interval")
    low, high = expanded_percentiles(drawn - (drawn.mean() - value), n)
    method = "bootstrap over questions, recentred"
    return Estimate(value, max(0.0, low), min(1.0, high), n, method)


def by_chance(shares: Floats, seed: int = 0) -> Estimate:
    """RStd where places mean nothing: they are shuffled among the places of one question.

    Questions that were asked at one place each say nothing by themselves; where all are such,
    places are shuffled among all of them, which also takes the questions themselves to be
    exchangeable.
    """
    rows, columns = np.nonzero(~np.isnan(shares))
    right = shares[rows, columns]
    groups = rows if np.bincount(rows).max() > 1 else np.zeros_like(rows)
    generator = np.random.default_rng(seed)
    sizes = np.bincount(columns)
    found = _std(np.round(shuffled_totals(right, columns, groups, generator) / sizes, 12))
    low, high = np.quantile(found, [0.025, 0.975])
    method = f"{PERMUTATIONS} shuffles of the places; the range holds 95 % of them"
    return Estimate(float(found.mean()), float(low), float(high), len(shares), method)


def shuffled_totals(
    right: Floats, columns: NDArray[Any], groups: NDArray[Any], generator: np.random.Generator
) -> Floats:
    """What is right at each place, a row a shuffle of the places inside each group."""
    sorted_columns = columns[np.argsort(groups, kind="stable")]
    totals = np.empty((PERMUTATIONS, int(columns.max()) + 1))
    for number in range(PERMUTATIONS):
        # Sorting by group and then at random shuffles inside each group.
        shuffled = np.lexsort((generator.random(len(right)), groups))
        totals[number] = np.bincount(sorted_columns, weights=right[shuffled])
    return totals
