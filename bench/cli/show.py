"""`starprobe metrics`, `plan` and `models`: what a run shows, what it takes, whom to ask."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from starprobe.bench.cli import OnlyConditions, OnlyModels, Orders, Reader, Repeats

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.models.names import Entry
    from starprobe.bench.results import MetricsFile
    from starprobe.bench.tables import Wanted

METRICS_EXAMPLE = "Example: starprobe metrics runs/demo --metric accuracy --reader rules"
PLAN_EXAMPLE = "Example: starprobe plan --before 0.10 --after 0.30 --family 20"
MODELS_EXAMPLE = (
    "Example: starprobe models gemma3 claude-opus-4-6 openai:mine@http://127.0.0.1:8000/v1"
)


def register(app: typer.Typer) -> None:
    """Adds the three."""
    app.command("metrics", epilog=METRICS_EXAMPLE)(metrics)
    app.command("plan", epilog=PLAN_EXAMPLE)(plan)
    app.command("models", epilog=MODELS_EXAMPLE)(models)


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
    from rich.console import Console

    from starprobe.bench.annotations.show import check_parts, checked_table
    from starprobe.bench.metrics.definitions import own_metric
    from starprobe.bench.results import measure_run
    from starprobe.bench.run_folder import short_names
    from starprobe.bench.tables import Wanted, overview, tables
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
    if found.reader_check is not None and not metric:
        short = short_names(row.model for row in rows)
        for part in check_parts(found.reader_check, str(folder), lambda one: short.get(one, one)):
            console.print(part, soft_wrap=isinstance(part, str), highlight=False, markup=False)
    if found.machines and not metric:
        short = short_names(row.model for row in rows)
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
    from rich.console import Console

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
    from rich.console import Console
    from rich.table import Table

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


def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Only these; by default all with a name."),
    ] = None,
    check: Annotated[bool, typer.Option(help="Look whether each can be reached from here.")] = True,
    services: Annotated[
        bool, typer.Option("--providers", help="List what may stand before the colon instead.")
    ] = False,
    details: Annotated[
        bool, typer.Option(help="Context, price and notes too; always for models that are named.")
    ] = False,
) -> None:
    """List the models that have a friendly name, and say what each still needs.

    Any other model is named BACKEND:NAME or BACKEND:NAME@URL. Friendly names of your own go into
    ~/.config/starprobe/models.toml, or into the file that STARPROBE_MODELS names; services of your
    own into providers.toml beside it, or into the file that STARPROBE_PROVIDERS names. Keys come
    from the environment: OPENAI_API_KEY and the like for a vendor's own host, STARPROBE_API_KEY for
    a server of your own.
    """
    from concurrent.futures import ThreadPoolExecutor

    from rich.console import Console
    from rich.markup import escape

    from starprobe.bench.models import known_models, reach

    console = Console(soft_wrap=True, highlight=False)
    if services:
        return _say_providers(Console(highlight=False))
    rows = known_models(names or [])
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = list(pool.map(lambda row: reach(row.model), rows)) if check else []
    wide = max(len(row.name) for row in rows) + 2
    for index, row in enumerate(rows):
        cells = [(row.model, "")]
        if check:
            missing = found[index].missing
            cells.append((missing, "yellow") if missing else ("ready", "green"))
        lines = _lines(cells, max(20, console.width - wide))
        if (details or names) and (said := _details(row)):
            lines += [[(line, "dim")] for line in wrap(said, max(20, console.width - wide))]
        for number, line in enumerate(lines):
            shown = [f"[{how}]{escape(cell)}[/]" if how else escape(cell) for cell, how in line]
            console.print(f"{row.name if number == 0 else '':<{wide}}{'  '.join(shown)}")
    if check:
        ready = sum(reached.ready for reached in found)
        console.print(f"{ready} of {len(rows)} can be reached from here")


Cell = tuple[str, str]
"""A text, and how it looks."""


def _lines(cells: list[Cell], width: int) -> list[list[Cell]]:
    """The cells side by side where they fit, else one below the other; a URL below its model."""
    if sum(len(text) for text, _ in cells) + 2 * (len(cells) - 1) <= width:
        return [cells]
    found: list[list[Cell]] = []
    for number, (text, how) in enumerate(cells):
        before, at, url = text.rpartition("@")
        indent = "  " if number else ""
        parts = wrap(text, width - 2)
        if at and len(text) > width:
            parts = [before, f"  {at}{url}"]
        found += [[(indent + part, how)] for part in parts]
    return found


def _details(row: Entry) -> str:
    parts = [f"context {row.context:,}"] if row.context else []
    if row.price:
        price = row.price
        parts.append(
            f"${price.input:g} in, ${price.output:g} out a million tokens "
            f"({price.date}, {price.source})"
        )
    return "; ".join([*parts, *([row.note] if row.note else [])])


def _say_providers(console: Console) -> None:
    """Each backend and service: its word, how it is spoken to, where its key comes from."""
    import os

    from rich.table import Table

    from starprobe.bench.models.names import LOCAL, providers

    table = Table("before the colon", "speaks", "key", "")
    for name, local in LOCAL.items():
        table.add_row(f"{name}:", "on this machine", "", local.says)
    for word, one in providers().items():
        if word == one.name:
            words = "\n".join(f"{name}:" for name in (one.name, *one.also))
            key = one.key + (" (set)" if one.key and os.environ.get(one.key) else "")
            table.add_row(words, one.dialect, key, one.note)
    console.print(table)
