"""Two frames, before and after, paired question by question: differences, tests and one verdict.

What is compared is whatever two frames hold: two runs, two models, two conditions, two sets.
Questions are paired by their content. One vocabulary says what came of it, on every page and in the
terminal: *more*, *less*, *alike* (the interval lies inside the margin) and *undecided*.

A long response has more room for every option, so full breakdowns are also compared at matched
length: in the bins of length that both fill, weighted alike (coarsened exact matching, Iacus, King
& Porro 2012, Political Analysis 20:1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from starprobe.bench.metrics.definitions import (
    HEADLINES,
    MARGIN,
    PRIMARY,
    RELATIVE_MARGIN,
    SECONDARY,
    Definition,
    all_metrics,
    numbers,
)
from starprobe.bench.records import Comparison
from starprobe.bench.statistics.intervals import (
    FEWEST,
    NOTHING,
    Estimate,
    Floats,
    expanded_percentiles,
    resample,
)
from starprobe.bench.statistics.paired import (
    Paired,
    benjamini_hochberg,
    detectable,
    holm,
    paired,
    questions_to_decide,
    word_for,
)
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


MATCHED = "full_breakdown_at_matched_length"
DEFAULT = (*HEADLINES, MATCHED)
PAIR_KEYS = ("question", "condition", "arranged", "repeat")
PLAIN = "plain"
BINS = 5
"""Of length."""
FULL_BIN = 5
"""Responses that every group must have in a bin for the bin to count."""


class Cell(NamedTuple):
    """What stands before and after under one heading."""

    model_before: str
    model_after: str
    condition: str
    before: pd.DataFrame
    """Rows that `after` has too, in the same order."""
    after: pd.DataFrame
    unmatched: int = 0
    """Questions that only one of them has."""
    probes: str = ""


class Comparisons(list[Comparison]):
    """Comparisons in the order of conditions and metrics; a table where a notebook shows them."""

    def to_frame(self) -> pd.DataFrame:
        """A row for each comparison, with the fields of `Comparison`."""
        import pandas as pd

        return pd.DataFrame([row.model_dump(mode="json") for row in self])

    def _repr_html_(self) -> str:
        """What was compared, the difference with its interval, and the verdict."""
        columns = ["metric", "condition", "role", "difference", "low", "high", "verdict"]
        return self.to_frame()[columns].to_html(index=False)


def compare(
    before: pd.DataFrame, after: pd.DataFrame, metrics: Sequence[str | Definition] = DEFAULT
) -> Comparisons:
    """A row for each metric and condition that both frames have, with its verdict.

    Verdicts are paired by the question's content, condition, order of the options and repeat. Where
    each frame holds one model, they are the two that are compared; otherwise each model is compared
    with itself. Asked for nothing (`plain`), full breakdown is the primary outcome and is tested
    alone; coverage, right answers and answers given are secondary (Holm); all else is exploratory
    (Benjamini-Hochberg).

    Args:
        before: from `frame`.
        after: the same of the other run, or other rows of one frame.
        metrics: names of metrics, or definitions of your own; by default the headlines.

    Raises:
        InputError: an unknown metric, or the frames share no model, or no question in the same
            condition.
    """
    named = [name for name in metrics if isinstance(name, str)]
    unknown = [name for name in named if name not in all_metrics() and name != MATCHED]
    if unknown:
        raise InputError(
            f"unknown metric {unknown[0]!r}; known: {', '.join(all_metrics())}, {MATCHED}"
        )
    found: list[Comparison] = []
    for _, cells in groupby(paired_cells(before, after), key=lambda cell: cell[:2]):
        found += compared(list(cells), metrics)
    if not found:
        raise InputError(_why_nothing(before, after))
    return Comparisons(found)


def compared(cells: Sequence[Cell], metrics: Sequence[str | Definition]) -> list[Comparison]:
    """The comparisons of cells that belong together: roles, adjusted p and verdicts."""
    rows = []
    for cell in cells:
        for metric in metrics:
            row = compare_cell(cell, metric)
            role = "exploratory" if cell.probes else role_of(row.metric, cell.condition)
            rows.append(row.model_copy(update={"role": role}))
    return judged(rows)


def role_of(metric: str, condition: str) -> Literal["primary", "secondary", "exploratory"]:
    """What a comparison was declared to be; all but what was asked for nothing explores."""
    if condition != PLAIN:
        return "exploratory"
    if metric == PRIMARY:
        return "primary"
    return "secondary" if metric in SECONDARY else "exploratory"


def judged(rows: Sequence[Comparison]) -> list[Comparison]:
    """The same rows with p adjusted in their families, and the verdict that follows."""
    adjusted: list[float | None] = [row.p for row in rows]
    for role, adjust_family in (("secondary", holm), ("exploratory", benjamini_hochberg)):
        places = [place for place, row in enumerate(rows) if row.role == role]
        for place, p in zip(places, adjust_family([rows[i].p for i in places]), strict=True):
            adjusted[place] = p
    return [with_verdict(row, p) for row, p in zip(rows, adjusted, strict=True)]


def adjust(family: Sequence[Comparison]) -> list[Comparison]:
    """The same rows as one family of secondary outcomes: p adjusted by Holm, verdicts with it."""
    ps = holm([row.p for row in family])
    return [
        with_verdict(row.model_copy(update={"role": "secondary"}), p)
        for row, p in zip(family, ps, strict=True)
    ]


def with_verdict(row: Comparison, p_adjusted: float | None) -> Comparison:
    """The row with its adjusted p, its verdict, and nothing to wait for where it is decided."""
    update: dict[str, object] = {"p_adjusted": p_adjusted}
    if row.difference is not None:
        found = Estimate(row.difference, row.low, row.high, row.n, "")
        update["verdict"] = word_for(found, p_adjusted, row.margin)
        if update["verdict"] != "undecided":
            update["questions_needed"] = None
    return row.model_copy(update=update)


def paired_rows(
    before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str] = PAIR_KEYS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that both frames have, aligned by these keys, in the order of `before`."""
    first, second = _unique(before, keys), _unique(after, keys)
    shared = first.index[first.index.isin(second.index)]
    return first.loc[shared], second.loc[shared]


def _unique(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """One row a key; of several always the same, whatever order they stand in."""
    if table.duplicated(list(keys)).any():
        places = table.assign(place=range(len(table))).sort_values("mark", kind="stable")
        kept = places.drop_duplicates(list(keys))["place"].sort_values()
        table = table.iloc[kept.to_numpy()]
    return table.set_index(list(keys), drop=False)


def paired_cells(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[Cell]:
    """A cell for each two models that are compared and each condition that they share."""
    for one, two in _model_pairs(before, after):
        first, second = before[before["model"] == one], after[after["model"] == two]
        for condition in first["condition"].drop_duplicates():
            rows, others = (side[side["condition"] == condition] for side in (first, second))
            cell = cell_of((one, two, str(condition)), rows, others)
            if cell is not None:
                yield cell


def cell_of(
    names: tuple[str, str, str],
    before: pd.DataFrame,
    after: pd.DataFrame,
    keys: Sequence[str] = PAIR_KEYS,
    probes: str = "",
) -> Cell | None:
    """The cell of these rows under (model before, model after, heading); None without a pair."""
    rows, others = paired_rows(before, after, keys)
    if not len(rows):
        return None
    asked = set(before["question"]) | set(after["question"])
    return Cell(*names, rows, others, len(asked) - rows["question"].nunique(), probes)


def _model_pairs(before: pd.DataFrame, after: pd.DataFrame) -> list[tuple[str, str]]:
    one = [str(name) for name in before["model"].drop_duplicates()]
    two = [str(name) for name in after["model"].drop_duplicates()]
    if len(one) == len(two) == 1:
        return [(one[0], two[0])]
    shared = [(name, name) for name in one if name in two]
    if not shared:
        raise InputError(
            f"the runs share no model (before: {', '.join(one)}; after: {', '.join(two)}); compare "
            f"runs of one model each, or runs of the same models"
        )
    return shared


def _why_nothing(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """Why no question is shared: other conditions, or other questions under the same ids."""
    if not set(before["question"]) & set(after["question"]):
        ids = sorted(set(before["question_id"]) & set(after["question_id"]))
        if ids:
            stems = [t.loc[t["question_id"] == ids[0], "stem"].iloc[0] for t in (before, after)]
            return (
                f"nothing to compare: the two runs use the same ids for other questions "
                f"({ids[0]!r} is {stems[0]:.60} before and {stems[1]:.60} after); questions are "
                f"paired by their stem and options"
            )
    return (
        "nothing to compare: the two runs share no question in the same condition, order and "
        "repeat; compare runs of the same probe set and conditions"
    )


def compare_cell(cell: Cell, metric: str | Definition) -> Comparison:
    """One metric in one cell, its p not adjusted yet."""
    if metric == MATCHED:
        return at_matched_length(cell)
    definition = all_metrics()[metric] if isinstance(metric, str) else metric
    names = cell.model_before, cell.model_after, cell.condition
    found = paired(
        definition.values(cell.before),
        definition.values(cell.after),
        cell.before["question"].to_numpy(),
        cell.before["arranged"].to_numpy(),
        bounded=definition.within_bounds,
    )
    row = comparison(definition.name, definition.kind, names, found, definition.within_bounds)
    return row.model_copy(update={"unmatched": cell.unmatched, "probes": cell.probes})


def comparison(
    metric: str,
    kind: Literal["rate", "mean"],
    names: tuple[str, str, str],
    found: Paired,
    bounded: bool = True,
) -> Comparison:
    """A paired result as a record, its p not adjusted yet.

    Args:
        metric: its name.
        kind: a share of zeros and ones, or a mean of numbers.
        names: model before, model after, condition.
        found: the result.
        bounded: its numbers lie between 0 and 1.
    """
    margin = MARGIN if bounded else RELATIVE_MARGIN * abs(found.before or 0.0) or None
    value, spread = found.difference.value, found.spread
    needed = None if value is None or not spread else questions_to_decide(value, spread, margin)
    return Comparison(
        metric=metric,
        kind=kind,
        model_before=names[0],
        model_after=names[1],
        condition=names[2],
        before=found.before,
        after=found.after,
        difference=value,
        low=found.difference.low,
        high=found.difference.high,
        test=found.test,
        p=found.p,
        p_adjusted=None,
        n=found.difference.n,
        pairs=found.pairs,
        before_only=found.before_only,
        after_only=found.after_only,
        margin=margin,
        detectable=detectable(spread, found.difference.n),
        questions_needed=needed,
    )


def at_matched_length(cell: Cell) -> Comparison:
    """The full-breakdown rates in the bins of length that both fill."""
    found = matched_length({"before": cell.before, "after": cell.after})
    before, after = (found.rates[side].value for side in ("before", "after"))
    matched = Paired(before, after, found.difference, None, "", found.matched)
    names = cell.model_before, cell.model_after, cell.condition
    row = comparison(MATCHED, "rate", names, matched)
    return row.model_copy(update={"unmatched": cell.unmatched, "probes": cell.probes})


def said(row: Comparison) -> str:
    """The verdict in words, the same wherever a comparison is shown.

    "more", "less", "alike (within 5 points)", or "undecided (would take about 120 questions; 20
    show differences from 31 points)".
    """
    if row.verdict is None:
        return "nothing to compare"
    if row.verdict == "alike":
        return f"alike (within {amount(row, row.margin)})"
    if row.verdict != "undecided":
        return row.verdict
    parts = []
    if row.questions_needed is not None and row.questions_needed > row.n:
        parts.append(f"would take about {row.questions_needed:,} questions")
    if row.detectable is not None:
        limit = amount(row, row.detectable)
        beyond = _within_bounds(row) and row.detectable > 1
        parts.append(
            f"{row.n} are too few for any" if beyond else f"{row.n} show differences from {limit}"
        )
    return f"undecided ({'; '.join(parts)})" if parts else "undecided"


def _within_bounds(row: Comparison) -> bool:
    known = all_metrics().get(row.metric)
    return known is None or known.within_bounds


def amount(row: Comparison, size: float | None) -> str:
    """A difference in the units of a row: points of a share, or the numbers themselves."""
    if size is None:
        return "?"
    if _within_bounds(row):
        return f"{100 * size:.0f} points" if size >= 0.02 else f"{100 * size:.1f} points"
    return f"{size:.3g}"


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
    shared = np.flatnonzero(counts.min(axis=0) >= FULL_BIN)
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
