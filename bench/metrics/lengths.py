"""Full breakdowns at matched length: a long response has more room for every option.

Responses are sorted into bins of length, and rates are compared inside the bins that all groups
fill, weighted alike (coarsened exact matching, Iacus, King & Porro 2012, Political Analysis 20:1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from starprobe.bench.metrics.definitions import numbers
from starprobe.bench.statistics.intervals import (
    NOTHING,
    Estimate,
    Floats,
    expanded_percentiles,
    resample,
)

if TYPE_CHECKING:
    import pandas as pd

BINS = 5
FEWEST = 5
"""Responses that every group must have in a bin for the bin to count."""
NAME = "full_breakdown_at_matched_length"


class Matched(NamedTuple):
    """Rates of the groups in the bins that they share."""

    rates: dict[str, Estimate]
    difference: Estimate
    """Last group minus first."""
    matched: int
    """Responses inside the shared bins."""


def matched_length(groups: Mapping[str, pd.DataFrame]) -> Matched:
    """The full-breakdown rate of each group of responses with the same mix of lengths.

    Length is in tokens where every response has a count, else in characters; the bins are
    quantiles of all groups together, and a bin weighs as much as it has responses in the group
    with the fewest there. Groups may share questions: questions are resampled together. There is no
    interval where resampling does not vary.
    """
    lengths = _lengths(groups)
    edges = np.unique(np.quantile(np.concatenate(lengths), np.linspace(0, 1, BINS + 1)[1:-1]))
    names, tables = list(groups), list(groups.values())
    kept = [~np.isnan(numbers(table, "full")) for table in tables]
    bins = [np.searchsorted(edges, length, side="right") for length in lengths]
    counts = np.stack(
        [np.bincount(b[k], minlength=len(edges) + 1) for b, k in zip(bins, kept, strict=True)]
    )
    shared = np.flatnonzero(counts.min(axis=0) >= FEWEST)
    if not len(shared):
        empty = NOTHING._replace(method="no bin of length is filled by all groups")
        return Matched(dict.fromkeys(names, empty), empty, 0)
    weights = counts[:, shared].min(axis=0).astype(np.float64)
    columns, n = _columns(tables, bins, shared)
    values = _rates(columns.sum(axis=0)[None, :], len(names), weights)[0]
    drawn = _rates(resample(columns), len(names), weights)
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    rates = {
        name: _estimate(float(values[place]), drawn[:, place], n)
        for place, name in enumerate(names)
    }
    difference = _estimate(float(values[-1] - values[0]), drawn[:, -1] - drawn[:, 0], n)
    return Matched(rates, difference, int(counts[:, shared].sum()))


def _lengths(groups: Mapping[str, pd.DataFrame]) -> list[Floats]:
    tokens = [numbers(table, "tokens") for table in groups.values()]
    if not any(np.isnan(found).any() for found in tokens):
        return tokens
    return [numbers(table, "chars") for table in groups.values()]


def _columns(
    tables: list[pd.DataFrame], bins: list[np.ndarray], shared: np.ndarray
) -> tuple[Floats, int]:
    """A row a question: for each group and shared bin the full breakdowns and the responses."""
    questions = np.concatenate([table["question"].to_numpy() for table in tables])
    known, codes = np.unique(questions, return_inverse=True)
    columns = np.zeros((len(known), 2 * len(tables) * len(shared)))
    start = 0
    for group, table in enumerate(tables):
        mine = codes[start : start + len(table)]
        start += len(table)
        full = numbers(table, "full")
        for place, number in enumerate(shared):
            inside = (bins[group] == number) & ~np.isnan(full)
            column = 2 * (group * len(shared) + place)
            np.add.at(columns[:, column], mine[inside], full[inside])
            np.add.at(columns[:, column + 1], mine[inside], 1.0)
    return columns, len(known)


def _rates(totals: Floats, groups: int, weights: Floats) -> Floats:
    """Rows of totals -> rows of weighted rates, NaN where a resample left a bin empty."""
    cells = totals.reshape(len(totals), groups, len(weights), 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = cells[..., 0] / cells[..., 1]
    return np.asarray((rates * (weights / weights.sum())).sum(axis=-1))


def _estimate(value: float, drawn: Floats, n: int) -> Estimate:
    if n < FEWEST or len(drawn) < 2 or float(np.ptp(drawn)) < 1e-12:
        return Estimate(value, None, None, n, "matched bins of length: no interval")
    low, high = expanded_percentiles(drawn, n)
    return Estimate(value, low, high, n, "matched bins of length, bootstrap over questions")
