"""How far two readings of the same responses agree: rates, kappas, calibration, with intervals.

Pure functions over arrays; knows nothing of readers or files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from starprobe.bench.readers.annotated import Gold
from starprobe.bench.records import STYLES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Interval(NamedTuple):
    """A figure with its interval; value None where there is nothing to measure."""

    value: float | None
    low: float | None
    high: float | None


class Table(NamedTuple):
    """One row a response: what is counted of truth and reading."""

    hit: Floats
    """Options that both call reasoned."""
    extra: Floats
    missed: Floats
    sided: Floats
    """Of the hits, those with the same side."""
    answer: Floats
    outcome: Floats
    general: Floats
    truth: Ints
    """Index of the true style."""
    read: Ints
    miss: Floats
    """Absolute difference of coverage."""
    obo: Floats
    """Probability that the response goes option by option; NaN where not given."""


def tabulate(
    truth: Sequence[Gold], read: Sequence[Gold], whole: Sequence[float | None] | None = None
) -> Table:
    """The counts of all rows; `whole` are probabilities of going option by option."""
    rows = [_counts(one, other) for one, other in zip(truth, read, strict=True)]
    columns = np.asarray(rows, dtype=np.float64).reshape(len(rows), 8)
    given = [np.nan if p is None else p for p in whole or [None] * len(rows)]
    hit, extra, missed, sided, answer, outcome, general, miss = columns.T
    return Table(
        hit,
        extra,
        missed,
        sided,
        answer,
        outcome,
        general,
        np.asarray([STYLES.index(one.style) for one in truth], dtype=np.int64),
        np.asarray([STYLES.index(one.style) for one in read], dtype=np.int64),
        miss,
        np.asarray(given, dtype=np.float64),
    )


def _counts(truth: Gold, read: Gold) -> tuple[float, ...]:
    hit = extra = missed = sided = 0
    for label, code in truth.codes.items():
        other = read.codes.get(label, "0")
        both = code[0] == "r" and other[0] == "r"
        hit += both
        sided += both and code == other
        extra += other[0] == "r" and code[0] != "r"
        missed += code[0] == "r" and other[0] != "r"
    return (
        hit, extra, missed, sided,
        truth.answer == read.answer, truth.outcome == read.outcome, truth.general == read.general,
        abs(missed - extra) / max(1, len(truth.codes)),
    )  # fmt: skip


def take(table: Table, rows: Ints) -> Table:
    """The table of some rows, in that order, repeats allowed."""
    return Table._make(column[rows] for column in table)


def f1(table: Table) -> float | None:
    """F1 of "reasoned" over options."""
    hit = table.hit.sum()
    total = 2 * hit + table.extra.sum() + table.missed.sum()
    return float(2 * hit / total) if total else None


def side_accuracy(table: Table) -> float | None:
    """Share of the options that both call reasoned where the side is the same."""
    return float(table.sided.sum() / table.hit.sum()) if table.hit.sum() else None


def mean_of(name: str) -> Callable[[Table], float | None]:
    """The mean of one column."""

    def measure(table: Table) -> float | None:
        column = getattr(table, name)
        return float(column.mean()) if len(column) else None

    return measure


def style_kappa(table: Table) -> float | None:
    """Cohen's kappa of the five styles (Cohen 1960)."""
    return kappa(table.truth, table.read)


def kappa(one: Ints, other: Ints) -> float | None:
    """Cohen's kappa: agreement beyond what the two margins give by chance; None for none."""
    if not len(one):
        return None
    values = np.union1d(one, other)
    observed = float((one == other).mean())
    expected = float(sum((one == value).mean() * (other == value).mean() for value in values))
    return 1.0 if expected >= 1.0 else (observed - expected) / (1.0 - expected)


def style_ac1(table: Table) -> float | None:
    """Gwet's AC1 of the styles (Gwet 2008, formula 9): steadier than kappa with rare styles."""
    if not len(table.truth):
        return None
    count = len(STYLES)
    shares = [
        ((table.truth == value).mean() + (table.read == value).mean()) / 2 for value in range(count)
    ]
    expected = float(sum(share * (1 - share) for share in shares)) / (count - 1)
    observed = float((table.truth == table.read).mean())
    return (observed - expected) / (1.0 - expected)


def full_breakdown_kappa(table: Table) -> float | None:
    """Cohen's kappa of "goes option by option" against the rest."""
    return kappa((table.truth == 0).astype(np.int64), (table.read == 0).astype(np.int64))


def brier(table: Table) -> float | None:
    """Mean squared error of the probability of going option by option."""
    given = ~np.isnan(table.obo)
    if not given.any():
        return None
    return float(((table.obo[given] - (table.truth[given] == 0)) ** 2).mean())


def ece(table: Table, bins: int = 10) -> float | None:
    """Expected calibration error over equal-width bins (Naeini et al. 2015)."""
    parts = reliability(table, bins)
    total = sum(part[2] for part in parts)
    if not total:
        return None
    return float(sum(abs(said - true) * count for said, true, count in parts) / total)


def reliability(table: Table, bins: int = 10) -> list[tuple[float, float, int]]:
    """For each bin that holds any: mean probability said, share true, responses."""
    given = ~np.isnan(table.obo)
    said, true = table.obo[given], (table.truth[given] == 0).astype(np.float64)
    places = np.minimum((said * bins).astype(np.int64), bins - 1)
    return [
        (float(said[places == b].mean()), float(true[places == b].mean()), int((places == b).sum()))
        for b in range(bins)
        if (places == b).any()
    ]


def clustered(
    table: Table,
    clusters: Sequence[str],
    measure: Callable[[Table], float | None],
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """A figure with its 95 % percentile interval from resampling whole clusters.

    With few clusters (sources) such an interval is rough; it says so by being wide.
    """
    value = measure(table)
    names = sorted(set(clusters))
    if value is None or len(names) < 2:
        return Interval(value, None, None)
    where = {name: np.flatnonzero(np.asarray(clusters) == name) for name in names}
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = random.integers(0, len(names), len(names))
        sample = measure(take(table, np.concatenate([where[names[i]] for i in drawn])))
        if sample is not None:
            found.append(sample)
    if not found:
        return Interval(value, None, None)
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(value, float(low), float(high))
