"""`starprobe metrics` and `plan`: a run's numbers as tables, and what it takes to have them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, OverflowMethod
from rich.markup import escape
from rich.table import Table

from starprobe.bench.cli import OnlyConditions, OnlyModels, Orders, Reader, Repeats

if TYPE_CHECKING:
    from starprobe.bench.judges.stage import Summary
    from starprobe.bench.records import Comparison, Metric
    from starprobe.bench.results import MetricsFile

METRICS_EXAMPLE = "Example: starprobe metrics runs/demo --metric accuracy --reader rules"
PLAN_EXAMPLE = "Example: starprobe plan --before 0.10 --after 0.30 --family 20"


def register(app: typer.Typer) -> None:
    """Adds both."""
    app.command("metrics", epilog=METRICS_EXAMPLE)(metrics)
    app.command("plan", epilog=PLAN_EXAMPLE)(plan)


def metrics(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder that has been read.")],
    reader: Reader = None,
    model: OnlyModels = None,
    condition: OnlyConditions = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Only this metric; may be given again. MODULE:NAME is one of your own."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every metric and table, not the headlines alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json instead.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a row a metric instead.")] = False,
) -> None:
    """Measure a run and show what it comes to; writes every number to DIR/metrics.json.

    The headlines of each model and condition stand in one table. Whatever is named (a reader, a
    model, a condition, a metric) is shown whole, with intervals.
    """
    from starprobe.bench.annotations.show import check_parts, checked_table
    from starprobe.bench.metrics.definitions import own_metric
    from starprobe.bench.results import measure_run
    from starprobe.bench.run_folder import short_names
    from starprobe.probes.plugins import is_own

    own = [own_metric(name) for name in metric or () if is_own(name)]
    asked = [name for name in metric or () if not is_own(name)] + [one.name for one in own]
    found = measure_run(folder, reader, own)
    rows = [row for metrics in found.readers.values() for row in metrics] + [*found.faithfulness]
    wanted = Wanted(
        readers=(found.reader,) if reader else (),
        models=_known("model", model, (row.model for row in rows)),
        conditions=_known("condition", condition, (row.condition for row in rows)),
        metrics=_known("metric", asked, (row.name for row in rows)),
        every=every,
    )
    if as_json:
        return typer.echo(found.model_dump_json(indent=2))
    if as_csv:
        return _csv(found, wanted)
    console = Console()
    if every or reader or model or condition or metric:
        for table in tables(found, wanted, console.width):
            console.print(table)
    else:
        for table in overview(found, console.width):
            console.print(table)
        console.print("Every metric with its interval: --all; as data: --json or --csv.")
    if not metric:
        short = short_names(row.model for row in rows)
        if found.reader_check is not None:
            check = check_parts(found.reader_check, str(folder), lambda one: short.get(one, one))
            for part in check:
                console.print(part, soft_wrap=isinstance(part, str), highlight=False, markup=False)
        if found.machines:
            title = "What other machines say, checked by labels"
            console.print(checked_table(title, found.machines, lambda one: short.get(one, one)))
    console.print(f"Written: {folder / 'metrics.json'}")
    return None


def _csv(found: MetricsFile, wanted: Wanted) -> None:
    fields = ("model", "condition", "name", "value", "low", "high", "n", "method")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["reader", *("metric" if name == "name" else name for name in fields)])
    for reader, metrics in found.readers.items():
        if reader in (wanted.readers or (reader,)):
            for row in metrics:
                if wanted.keeps(row):
                    writer.writerow([reader, *(getattr(row, name) for name in fields)])


def _known(what: str, asked: Sequence[str] | None, there: Iterable[str]) -> tuple[str, ...]:
    """What was asked for, if it is all there.

    Raises:
        InputError: one of them is not.
    """
    from starprobe.probes.errors import InputError

    names = list(dict.fromkeys(there))
    for name in asked or ():
        if name not in names:
            near = get_close_matches(name, names, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(names)}"
            raise InputError(f"no {what} {name!r} here; {advice}")
    return tuple(asked or ())


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
    from starprobe.bench.metrics.definitions import HEADLINES

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
    from starprobe.bench.run_folder import short_names

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
    from starprobe.bench.run_folder import short_names

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


def plan(
    before: Annotated[
        float | None,
        typer.Option(help="Expected share before (of full breakdowns, right answers, ...)."),
    ] = None,
    after: Annotated[float | None, typer.Option(help="Expected share after.")] = None,
    power: Annotated[float, typer.Option(help="Chance to find the difference.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Chance to find one that is not there.")] = 0.05,
    family: Annotated[int, typer.Option(min=1, help="Tests made together (Holm).")] = 1,
    correlation: Annotated[
        float, typer.Option(help="Of before and after on a question; 0 is cautious.")
    ] = 0.0,
    orders: Orders = 1,
    repeats: Repeats = 1,
    clustering: Annotated[
        float, typer.Option(min=0, max=1, help="Correlation of the responses to one question.")
    ] = 0.5,
    half_width: Annotated[
        float, typer.Option(help="Also: questions for an interval of this half-width.")
    ] = 0.05,
    labels: Annotated[
        bool, typer.Option("--labels", help="Instead: what a number of labels gives.")
    ] = False,
    responses: Annotated[
        int, typer.Option(min=1, help="Of one model in one condition; with --labels.")
    ] = 300,
) -> None:
    """Work out how many questions show a difference, and how many narrow an interval.

    With --labels: how wide the intervals of checked figures are for numbers of labels, where the
    share is --after (0.5 if none is given).
    """
    from starprobe.bench.statistics.paired import Design, questions_for_width
    from starprobe.bench.statistics.paired import plan as work_out
    from starprobe.probes.errors import InputError

    if labels:
        return _plan_labels(0.5 if after is None else after, responses)
    if before is None or after is None:
        raise InputError("give --before and --after, as in --before 0.10 --after 0.30")

    found = work_out(
        Design(
            before=before,
            after=after,
            power=power,
            alpha=alpha,
            family=family,
            correlation=correlation,
            answers=orders * repeats,
            clustering=clustering,
        )
    )
    console = Console(highlight=False)
    console.print(
        f"{found.questions} questions ({found.responses} responses a run) find {before:g} -> "
        f"{after:g} with power {found.power:.2f} by the exact McNemar test at "
        f"{alpha:g}{f' / {family}' if family > 1 else ''}."
    )
    console.print(
        f"Expected to change: {found.discordant:.0%} of the questions. "
        f"Design effect of {orders * repeats} responses a question: {found.design_effect:.2f}."
    )
    width = questions_for_width(after, half_width)
    console.print(
        f"An interval of {after:g} +- {half_width:g} takes {width} questions, one response each."
    )
    return None


def _plan_labels(share: float, responses: int) -> None:
    from starprobe.bench.readers import DEFAULT_READER, error_counts
    from starprobe.bench.statistics.labelled import plan_labels
    from starprobe.probes.errors import InputError

    if not 0 <= share <= 1:
        raise InputError(f"--after {share:g}: a share lies between 0 and 1")
    counts = error_counts(DEFAULT_READER)
    sensitivity, specificity = 0.9, 0.9
    if counts is not None and counts.positives and counts.negatives:
        sensitivity = counts.true_positives / counts.positives
        specificity = counts.true_negatives / counts.negatives
    console = Console(highlight=False)
    for title, found in (
        ("a reader as good as on texts of sources it was not fitted on", sensitivity),
        ("a reader that finds four of five full breakdowns", 0.8),
    ):
        table = Table(
            title=f"Half-widths of 95 % intervals in points: {title}, {responses} responses a side",
            title_justify="left",
        )
        for column in ("labels", "share", "difference, half on each side", "share, labels alone"):
            table.add_column(column, justify="right")
        for number in (30, 50, 100, 200, 400):
            row = plan_labels(number, responses, share, found, specificity)
            widths = row.share, row.difference, row.alone
            table.add_row(str(number), *(f"{100 * width:.1f}" for width in widths))
        console.print(table)
