"""What metrics.json and judgements hold, as rich tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import OverflowMethod
from rich.markup import escape
from rich.table import Table

from starprobe.bench.judges.summary import Summary
from starprobe.bench.metrics.definitions import HEADLINES
from starprobe.bench.records import Comparison, Metric
from starprobe.bench.results import MetricsFile
from starprobe.bench.run_folder import short_names


class Wanted(NamedTuple):
    """Which rows to show; an empty tuple is all of them."""

    readers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    every: bool = False
    """Also metrics that had nothing to measure."""

    def keeps(self, metric: Metric) -> bool:
        """Whether a metric is among them."""
        return (
            metric.model in (self.models or (metric.model,))
            and metric.condition in (self.conditions or (metric.condition,))
            and metric.name in (self.metrics or (metric.name,))
        )


OVERVIEW = {
    "full_breakdown": "breakdown",
    "coverage": "coverage",
    "rejection": "rejection",
    "accuracy": "accuracy",
    "outcome_answered": "answered",
    "tokens": "tokens",
}
"""Metric -> its short name, where all models and conditions stand in one table."""
CELL, NAMES = 25, 30
"""Columns of a value with its interval, and of the names before it."""


def headline(found: MetricsFile, width: int = 80) -> Table:
    """Models by conditions: how many break down every option, or are right where none are shown."""
    rows = found.readers[found.reader]
    name = next(
        (one for one in (HEADLINES[0], "accuracy") if any(r.name == one and r.n for r in rows)),
        HEADLINES[0],
    )
    short = _names(found)
    cells = {(short[r.model], r.condition): escape(percent(r)) for r in rows if r.name == name}
    models = list(dict.fromkeys(model for model, _ in cells))
    conditions = list(dict.fromkeys(condition for _, condition in cells))
    title = f"{name.replace('_', ' ')}, 95 % interval, as read by {found.reader}"
    if len(conditions) <= max(1, (width - NAMES) // CELL):
        return _grid(title, "model", models, conditions, cells)
    turned = {(condition, model): cell for (model, condition), cell in cells.items()}
    return _grid(title, "condition", conditions, models, turned)


def percent(metric: Metric) -> str:
    """A share as `43 % (31 to 55)`; a dash where there is nothing to measure."""
    if metric.value is None:
        return "-"
    shown = f"{100 * metric.value:.0f} %"
    if metric.low is None or metric.high is None:
        return shown
    return f"{shown} ({100 * metric.low:.0f} to {100 * metric.high:.0f})"


def overview(found: MetricsFile, width: int = 80) -> Iterator[Table]:
    """The headline with its interval, then a row of figures for each model and condition."""
    yield headline(found, width)
    rows = [row for row in found.readers[found.reader] if row.name in OVERVIEW]
    short = _names(found)
    names = [name for name in OVERVIEW if any(row.name == name and row.n for row in rows)]
    table = Table(title="Of every model and condition", title_justify="left", box=SIMPLE_HEAD)
    for column in ("model", "condition", "n", *(OVERVIEW[name] for name in names)):
        right = column not in ("model", "condition")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for model, condition in dict.fromkeys((row.model, row.condition) for row in rows):
        own = {row.name: row for row in rows if (row.model, row.condition) == (model, condition)}
        values = [own[name].value if name in own else None for name in names]
        n = max((row.n for row in own.values()), default=0)
        table.add_row(escape(short[model]), escape(condition), str(n), *map(_or_dash, values))
    yield table
    if found.failures:
        yield _failures(found, short)


def tables(
    found: MetricsFile, wanted: Wanted | None = None, width: int | None = None
) -> Iterator[Table]:
    """Tables for the terminal.

    Args:
        found: what `measure_run` gave.
        wanted: which of it; metrics alone where it names any.
        width: columns of the terminal; by default all models stand beside each other.
    """
    wanted = wanted or Wanted()
    short = _names(found)
    for name, metrics in found.readers.items():
        if name in (wanted.readers or (name,)):
            kept = [metric for metric in metrics if wanted.keeps(metric)]
            yield from metric_tables(kept, f", as read by {name}", wanted.every, width, short)
            if not wanted.metrics and found.contrasts.get(name):
                rows = found.contrasts[name]
                yield _contrasts(f"Conditions of one model, as read by {name}", rows, short)
            if not wanted.metrics and found.factors.get(name):
                rows = found.factors[name]
                yield _contrasts(f"Factors of the design, as read by {name}", rows, short)
    if found.sets and (wanted.readers or (found.reader,)) == (found.reader,):
        yield from _sets(found, wanted, short)
    if found.agreement and not wanted.metrics:
        yield _agreement(found)
    if found.faithfulness and not wanted.metrics:
        kept = [metric for metric in found.faithfulness if wanted.keeps(metric)]
        yield from metric_tables(kept, ", rationales tampered with", wanted.every, width, short)
    if found.not_applicable:
        yield _not_applicable(found, short)
    if found.failures:
        yield _failures(found, short)


def metric_tables(
    metrics: Sequence[Metric],
    title: str = "",
    every: bool = False,
    width: int | None = None,
    short: Mapping[str, str] | None = None,
) -> Iterator[Table]:
    """Tables for each condition; see `tables`. `short`: model -> what to call it."""
    short = short or short_names(metric.model for metric in metrics)
    for condition in dict.fromkeys(metric.condition for metric in metrics):
        here = [metric for metric in metrics if metric.condition == condition]
        known = {m.name for m in here if every or m.n}
        names = [name for name in dict.fromkeys(m.name for m in here) if name in known]
        models = list(dict.fromkeys(short[m.model] for m in here))
        cells = {(m.name, short[m.model]): escape(show(m)) for m in here}
        fits = len(models) if width is None else max(1, (width - NAMES) // CELL)
        if len(models) <= fits:
            yield _grid(f"{condition}{title}", "metric", names, models, cells)
            continue
        turned = {(model, name): cell for (name, model), cell in cells.items()}
        for start in range(0, len(names), fits):
            part = names[start : start + fits]
            yield _grid(f"{condition}{title}", "model", models, part, turned)


def _grid(
    title: str,
    corner: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[str, str], str],
) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(corner, overflow="fold")
    for column in columns:
        table.add_column(escape(column), justify="right", overflow="fold")
    for row in rows:
        table.add_row(escape(row), *(cells.get((row, column), "") for column in columns))
    return table


def show(metric: Metric) -> str:
    """Value, interval and n in one line: `0.43 [0.31, 0.55] n=80`."""
    if metric.value is None:
        return "no value, n = 0"
    return f"{number(metric.value)}{_interval(metric.low, metric.high)} n={metric.n}"


def number(value: float) -> str:
    """Two decimals, fewer where the number is large, one digit where it is tiny."""
    size = abs(value)
    if 0 < size < 0.005:
        return f"{value:.0e}"
    return f"{value:.2f}" if size < 10 else f"{value:.1f}" if size < 100 else f"{value:.0f}"


def _names(found: MetricsFile) -> dict[str, str]:
    """Every model -> what all tables call it."""
    measured = *found.readers.values(), found.faithfulness
    models = [row.model for metrics in measured for row in metrics]
    models += [row.model for row in found.not_applicable]
    return short_names(models + [row.model for row in found.failures])


def _sets(found: MetricsFile, wanted: Wanted, short: Mapping[str, str]) -> Iterator[Table]:
    """Headlines set by set: a table for each model and condition."""
    kept = {name: [row for row in rows if wanted.keeps(row)] for name, rows in found.sets.items()}
    for cell in dict.fromkeys((row.model, row.condition) for rows in kept.values() for row in rows):
        cells = {
            (name, row.name): escape(show(row))
            for name, rows in kept.items()
            for row in rows
            if (row.model, row.condition) == cell and row.n
        }
        title = f"{short[cell[0]]}, {cell[1]}, by set"
        metrics = list(dict.fromkeys(metric for _, metric in cells))
        yield _grid(title, "set", list(found.sets), metrics, cells)


def _contrasts(title: str, rows: Sequence[Comparison], short: Mapping[str, str]) -> Table:
    table = _table(
        title,
        *("model", "conditions", "metric", "difference", "p (adjusted)", "n"),
        overflow="fold",
    )
    for row in rows:
        if row.difference is not None:
            difference = escape(f"{row.difference:+.2f}{_interval(row.low, row.high)}")
            names = escape(short[row.model_before]), row.condition, row.metric
            table.add_row(*names, difference, _or_dash(row.p_adjusted), str(row.n))
    return table


def _agreement(found: MetricsFile) -> Table:
    table = _table(
        "Readers on the same responses",
        *("readers", "responses", "agree", "kappa (full)", "kappa (style)"),
        overflow="fold",
    )
    for row in found.agreement:
        figures = (row.same, row.kappa_full_breakdown, row.kappa_style)
        table.add_row(" / ".join(row.readers), str(row.responses), *map(_or_dash, figures))
    return table


def _not_applicable(found: MetricsFile, short: Mapping[str, str]) -> Table:
    table = _table("Not applicable", "model", "condition", "why", overflow="fold")
    for row in found.not_applicable:
        table.add_row(escape(short[row.model]), row.condition, escape(row.reason))
    return table


def _failures(found: MetricsFile, short: Mapping[str, str]) -> Table:
    table = _table("Requests without a response", "model", "condition", "failed", "of")
    for row in found.failures:
        table.add_row(escape(short[row.model]), row.condition, str(row.failed), str(row.requests))
    return table


def judge_tables(found: Summary) -> Iterator[Table]:
    """Judges, agreement, consensus and scores, rewards within prompts; those that hold anything."""
    yield _judges(found)
    if any(len(row.judges) > 1 for row in found.agreement.values()):
        yield _judge_agreement(found)
    if found.metrics:
        yield _judge_metrics(found)
    if found.rewards:
        yield _rewards(found)


def _table(title: str, *columns: str, overflow: OverflowMethod = "ellipsis") -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow=overflow)
    return table


def _interval(low: float | None, high: float | None) -> str:
    """` [0.31, 0.55]`, or nothing."""
    return "" if low is None or high is None else f" [{number(low)}, {number(high)}]"


def _judges(found: Summary) -> Table:
    table = _table("Judges", "judge", "rubric", "asked", "unreadable", "failed", "its own")
    for row in found.judges:
        counts = (row.asked, row.unreadable, row.failed, row.self_judging)
        table.add_row(escape(row.judge), row.rubric or "reward", *(str(count) for count in counts))
    return table


def _judge_agreement(found: Summary) -> Table:
    table = _table(
        "Agreement", "rubric", "items", "raw", "Fleiss kappa", "Krippendorff alpha", "Gwet AC1"
    )
    for name, row in found.agreement.items():
        alpha = _or_dash(row.krippendorff_alpha) + _interval(row.alpha_low, row.alpha_high)
        raw, kappa = _or_dash(row.raw), _or_dash(row.fleiss_kappa)
        table.add_row(name, str(row.items), raw, kappa, escape(alpha), _or_dash(row.gwet_ac1))
    return table


def _judge_metrics(found: Summary) -> Table:
    table = _table("Consensus and scores", "what", "model", "condition", "value")
    for row in found.metrics:
        table.add_row(escape(row.name), escape(row.model), row.condition, escape(show(row)))
    return table


def _rewards(found: Summary) -> Table:
    table = _table(
        "Scores within a prompt, second model minus first", "score", "models", "difference", "p"
    )
    for row in found.rewards:
        difference = escape(_or_dash(row.difference) + _interval(row.low, row.high))
        models = escape(f"{row.model_before} -> {row.model_after} ({row.condition})")
        table.add_row(escape(row.metric), models, difference, _or_dash(row.p_adjusted))
    return table


def _or_dash(value: float | None) -> str:
    return "-" if value is None else number(value)
