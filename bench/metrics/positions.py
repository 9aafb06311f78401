"""What the place and the order of the options do: accuracy by position, RStd, flips.

Over the orders of one question; identity is the option's id, so a flip is a change of the option
chosen, not of its letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from starprobe.bench.metrics.definitions import numbers, right_of_all
from starprobe.bench.statistics.intervals import (
    NOTHING,
    Estimate,
    Floats,
    Sums,
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
    questions = table["question_id"].to_numpy()
    right, key = right_of_all(table), numbers(table, "key_position")
    chosen = numbers(table, "position")
    places = range(1, int(table["options"].max() or 0) + 1) if len(table) else range(0)
    for place in places:
        yield f"accuracy_at_{place}", rate(np.where(key == place, right, np.nan), questions)
    for place in places:
        at = np.where(np.isnan(chosen), np.nan, (chosen == place).astype(float))
        yield f"answers_at_{place}", rate(at, questions)
    yield from _recall_spread(right, key, questions)
    if table["order"].nunique() > 1:
        yield "flip_rate", rate_of(disagreements(table, ["question_id", "repeat"]))
        yield "right_in_every_order", _right_in_every_order(table, right)
        yield "accuracy_spread", _spread_of(right, numbers(table, "order"), questions, _range)
    if table["repeat"].nunique() > 1:
        yield "repeat_flip_rate", rate_of(disagreements(table, ["question_id", "order"]))


def disagreements(table: pd.DataFrame, group: list[str]) -> Sums:
    """For each question: pairs of answers in a group that differ, and all pairs."""
    answered = table[table["answer"].notna()]
    counts = answered.groupby([*group, "answer"]).size()
    sizes = counts.groupby(level=group).sum()
    alike = (counts * (counts - 1) / 2).groupby(level=group).sum()
    pairs = sizes * (sizes - 1) / 2
    total = pairs.groupby(level="question_id").sum()
    differing = (pairs - alike).groupby(level="question_id").sum()
    kept = total > 0
    return Sums(
        np.asarray(differing[kept], dtype=np.float64), np.asarray(total[kept], dtype=np.float64)
    )


def _right_in_every_order(table: pd.DataFrame, right: Floats) -> Estimate:
    keyed = table.assign(right=right)[~np.isnan(right)]
    if not len(keyed):
        return NOTHING
    worst = keyed.groupby(["question_id", "repeat"], as_index=False)["right"].min()
    return rate(np.asarray(worst["right"], dtype=np.float64), worst["question_id"].to_numpy())


def _recall_spread(
    right: Floats, key: Floats, questions: NDArray[Any]
) -> Iterator[tuple[str, Estimate]]:
    found = _spread_of(right, key, questions, _std)
    yield "recall_std", found
    if found.value is not None:
        yield "recall_std_by_chance", _std_by_chance(right, key, questions)


def _std(by_place: Floats) -> Floats:
    return np.asarray(np.std(by_place, axis=-1))


def _range(by_place: Floats) -> Floats:
    return np.asarray(np.max(by_place, axis=-1) - np.min(by_place, axis=-1))


def _spread_of(
    right: Floats, places: Floats, questions: NDArray[Any], spread: Callable[[Floats], Floats]
) -> Estimate:
    """A spread of accuracies over places, with a bootstrap interval over questions.

    Resampling adds noise, and noise adds spread: the drawn values are moved back by what they
    exceed the value by on average.
    """
    known = ~np.isnan(right) & ~np.isnan(places)
    if not known.any() or len(np.unique(places[known])) < 2:
        return NOTHING
    _, rows = np.unique(questions[known], return_inverse=True)
    _, columns = np.unique(places[known], return_inverse=True)
    n = int(rows.max()) + 1
    totals, counts = np.zeros((2, n, int(columns.max()) + 1))
    np.add.at(totals, (rows, columns), right[known])
    np.add.at(counts, (rows, columns), 1.0)
    value = float(spread(totals.sum(axis=0) / counts.sum(axis=0)))
    drawn_right, drawn_counts = np.hsplit(resample(np.hstack([totals, counts])), 2)
    whole = drawn_counts.min(axis=1) > 0
    if n < 2 or whole.mean() < 0.5:
        return Estimate(value, None, None, n, "too few questions at each place: no interval")
    drawn = spread(drawn_right[whole] / drawn_counts[whole])
    low, high = expanded_percentiles(drawn - (drawn.mean() - value), n)
    method = "bootstrap over questions, recentred"
    return Estimate(value, max(0.0, low), min(1.0, high), n, method)


def _std_by_chance(right: Floats, key: Floats, questions: NDArray[Any], seed: int = 0) -> Estimate:
    """RStd where places mean nothing: they are shuffled among the answers to one question.

    With one order a question they are shuffled among all answers, which also takes the questions
    themselves to be exchangeable.
    """
    known = ~np.isnan(right) & ~np.isnan(key)
    right, key, questions = right[known], key[known], questions[known]
    _, groups = np.unique(questions, return_inverse=True)
    _, columns = np.unique(key, return_inverse=True)
    generator = np.random.default_rng(seed)
    sizes = np.bincount(columns)
    if np.bincount(groups).max() == 1:
        # How many right answers each place gets of all of them: known without shuffling.
        drawn = generator.multivariate_hypergeometric(sizes, int(right.sum()), PERMUTATIONS)
        totals = drawn.astype(np.float64)
    else:
        totals = _shuffled_totals(right, columns, groups, generator)
    found = _std(totals / sizes)
    low, high = np.quantile(found, [0.025, 0.975])
    method = f"{PERMUTATIONS} shuffles of the places; the range holds 95 % of them"
    return Estimate(float(found.mean()), float(low), float(high), len(np.unique(questions)), method)


def _shuffled_totals(
    right: Floats, columns: NDArray[Any], groups: NDArray[Any], generator: np.random.Generator
) -> Floats:
    """Right answers at each place, a row a shuffle of the places inside each group."""
    sorted_columns = columns[np.argsort(groups, kind="stable")]
    totals = np.empty((PERMUTATIONS, int(columns.max()) + 1))
    for number in range(PERMUTATIONS):
        # Sorting by group and then at random shuffles inside each group.
        shuffled = np.lexsort((generator.random(len(right)), groups))
        totals[number] = np.bincount(sorted_columns, weights=right[shuffled])
    return totals
