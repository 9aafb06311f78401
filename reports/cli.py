"""The commands that show: `report`, `compare`, `sign` and `battery`. Thin: parse, call, print.

`battery` is here because it ends in a report, and nothing below may know how one is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starprobe.bench.cli import (
    AnyFailure,
    BatchSize,
    Body,
    Concurrency,
    Device,
    Dtype,
    Header,
    MaxTokens,
    Models,
    Retries,
    Seed,
    Temperature,
    Timeout,
    names,
    options_of,
    run_endings,
    say_endings,
)

if TYPE_CHECKING:
    from starprobe.reports.comparison import Compared

Reader = Annotated[
    str | None, typer.Option("--reader", help="Whose verdicts to show (default: the best).")
]


Anonymize = Annotated[
    bool, typer.Option("--anonymize", help="Hide model names until a button shows them.")
]
BATTERY_EXAMPLE = "Example: starprobe battery smollm2 gemma3-270m --out runs/battery"


def register(app: typer.Typer) -> None:
    """Adds the commands of this package."""
    app.command("report")(report)
    app.command("compare")(compare)
    app.command("sign")(sign)
    app.command("battery", epilog=BATTERY_EXAMPLE)(battery)


def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Run folders.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file.")] = Path("report.html"),
    reader: Reader = None,
    anonymize: Anonymize = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Write each figure's numbers here too: CSV, Parquet."),
    ] = None,
) -> None:
    """One HTML file of what the models in these runs do.

    Example: starprobe report runs/everyday -o report.html
    """
    from starprobe.reports.page import write_report

    _say(write_report(folders, out, reader=reader, anonymize=anonymize))
    if data is not None:
        from starprobe.reports.panels import write_data

        _say(write_data(folders, data, reader=reader))


def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A run folder.")],
    after: Annotated[
        Path | None, typer.Argument(metavar="AFTER", help="A run of the same questions.")
    ] = None,
    models: Annotated[
        str, typer.Option("--models", metavar="A,B", help="Two models of the one run instead.")
    ] = "",
    conditions: Annotated[
        str, typer.Option("--conditions", metavar="A,B", help="Two conditions of it instead.")
    ] = "",
    out: Annotated[Path, typer.Option("-o", "--out", help="The file.")] = Path("compare.html"),
    training: Annotated[
        Path | None, typer.Option("--training", help="The training folder between them.")
    ] = None,
    reader: Reader = None,
    anonymize: Anonymize = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every comparison as JSON, not as a table.")
    ] = False,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if",
            metavar="EXPR",
            help="End with 1 if true: 'accuracy less', 'full_breakdown@plain < 0.5'.",
        ),
    ] = None,
) -> None:
    """One thing against another on the same questions: more, less, alike or undecided.

    Example: starprobe compare demo/before demo/after --training demo/training -o compare.html
    """
    import json

    from starprobe.reports.comparison import compare_sides, failing, write_compared

    compared = compare_sides(
        before, after, models=names(models), conditions=names(conditions), reader=reader
    )
    failed = [row for text in fail_if or () for row in failing(text, compared)]
    if as_json:
        typer.echo(json.dumps([row.model_dump(mode="json") for row in compared.rows], indent=2))
    else:
        _print_compared(compared, trained=training is not None)
        _print_checked(compared)
    _say(write_compared(compared, out, training, anonymize=anonymize), stderr=as_json)
    for row in failed:
        typer.echo(f"failed: {row.metric} in {row.condition}: {row.verdict}", err=True)
    if failed:
        raise typer.Exit(1)


def _print_compared(compared: Compared, *, trained: bool) -> None:
    """The heading and what was declared beforehand, as a table that fits a terminal."""
    from rich.console import Console
    from rich.table import Table

    from starprobe.bench.metrics.compare import said
    from starprobe.reports.comparison import PRINTED, headline
    from starprobe.reports.words import change

    console = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)
    console.print(headline(compared, trained=trained))
    rows = [row for row in compared.rows if row.role in PRINTED and row.difference is not None]
    several = len({(row.model_before, row.model_after) for row in rows}) > 1
    table = Table()
    for name in (*(("model",) if several else ()), "metric", "difference", "is", "outcome"):
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = [row.metric, change(row), said(row), row.role]
        table.add_row(*([row.model_after] if several else []), *cells)
    if rows:
        console.print(table)


def sign(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="DIR...", help="Runs: DIR, ARM=DIR or ARM/CHECKPOINT=DIR."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file.")] = Path("sign.html"),
    star: Annotated[
        list[str] | None,
        typer.Option(
            "--star", metavar="ARM", help="Trained with STaR (default: those named star...)."
        ),
    ] = None,
    under_test: Annotated[
        list[Path] | None,
        typer.Option("--under-test", metavar="DIR", help="A run of a model of unknown making."),
    ] = None,
    reader: Reader = None,
    title: Annotated[str, typer.Option(help="Of the page.")] = "The sign put to the test",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON, not as tables.")
    ] = False,
) -> None:
    """How much a full breakdown tells of how a model was trained: checkpoints against controls.

    Example: starprobe sign base=runs/base star/seed_0=runs/s0 star/seed_1=runs/s1 -o sign.html
    """
    from rich.console import Console

    from starprobe.reports.sign import write_sign
    from starprobe.reports.sign.analysis import show
    from starprobe.reports.sign.arms import parse_spec

    findings = write_sign(
        [parse_spec(folder) for folder in folders],
        out,
        star or (),
        under_test or (),
        reader=reader,
        title=title,
    )
    if as_json:
        typer.echo(findings.model_dump_json(indent=2))
    else:
        show(findings, Console())
    _say(out, stderr=as_json)


def battery(
    models: Models,
    out: Annotated[Path, typer.Option(help="Everything goes here; the same again resumes.")],
    suite: Annotated[str, typer.Option(help="battery, or a TOML file of the same form.")] = (
        "battery"
    ),
    judges: Annotated[str, typer.Option(help="Judge models, by comma.")] = "",
    reward: Annotated[str, typer.Option(help="Reward models, by comma.")] = "",
    judged: Annotated[int, typer.Option(min=1, help="Responses that each judge is shown.")] = 10,
    rationales: Annotated[
        int, typer.Option(min=0, help="Responses a model whose rationales are tampered with.")
    ] = 10,
    temperature: Temperature = 0.7,
    max_tokens: MaxTokens = 160,
    seed: Seed = 0,
    batch_size: BatchSize = 32,
    device: Device = "auto",
    dtype: Dtype = "auto",
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    retries: Retries = 6,
    header: Header = None,
    body: Body = None,
    fail_on_any: AnyFailure = False,
) -> None:
    """Everything in one go: every way of asking, rationales tested, judges, metrics, report."""
    import time

    from rich.console import Console

    from starprobe.bench.results import SAMPLING, BatteryConfig, run_battery
    from starprobe.reports.page import write_report

    console, start = Console(highlight=False, soft_wrap=True, emoji=False), time.monotonic()
    config = BatteryConfig(
        models=tuple(models),
        suite=suite,
        judges=names(judges),
        rewards=names(reward),
        judged=judged,
        rationales=rationales,
        sampling=SAMPLING.model_copy(
            update={"temperature": temperature, "max_tokens": max_tokens, "seed": seed}
        ),
        options=options_of(locals()),
    )
    run = run_battery(config, out / "run", console)
    found = run_endings(run)
    failed = say_endings(found, console, fail_on_any)
    if not any(one.answered for one in found):
        raise typer.Exit(1)
    console.print("[bold]Writing the report[/]")
    page = write_report(run.path, out / "report.html")
    console.print(
        f"{(time.monotonic() - start) / 60:.1f} minutes. The report: {page.resolve()}\n"
        f"Every number: starprobe metrics {run.path}"
    )
    if failed:
        raise typer.Exit(1)


def _print_checked(compared: Compared) -> None:
    """The differences checked by labels, or that a side has none."""
    from rich.console import Console

    from starprobe.bench.annotations.checked import compare_checked
    from starprobe.bench.annotations.show import difference_table

    runs = compared.evidence.runs
    found = compare_checked((runs[0], compared.first), (runs[-1], compared.second))
    console = Console(highlight=False)
    if found:
        console.print(difference_table(found))
        return
    missing = next((run for run in runs if not run.annotation_names()), runs[0])
    console.print(
        f"NOT CHECKED: the differences are as read; starprobe annotate {missing.path} checks them",
        markup=False,
        soft_wrap=True,
    )


def _say(path: Path, stderr: bool = False) -> None:
    from rich.console import Console

    Console(stderr=stderr).print(f"wrote {path}", highlight=False, soft_wrap=True)
