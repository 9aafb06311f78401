"""`starprobe metrics DIR`: every metric with its interval, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

EPILOG = "Example: starprobe metrics runs/demo --reader rules"


def register(app: typer.Typer) -> None:
    """Adds `metrics`."""
    app.command("metrics", epilog=EPILOG)(metrics)


def metrics(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder that has been read.")],
    reader: Annotated[
        str | None, typer.Option(help="Show the numbers of this reader only (rules, learned, ...).")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model; may be given again.")
    ] = None,
    condition: Annotated[
        list[str] | None, typer.Option(help="Only this condition; may be given again.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Only this metric; may be given again.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also metrics that had nothing to measure (n = 0).")
    ] = False,
) -> None:
    """Measure a run and show every metric with its interval; writes DIR/metrics.json."""
    from rich.console import Console

    from starprobe.bench.results import measure_run
    from starprobe.bench.tables import Wanted, tables

    found = measure_run(folder, reader)
    rows = [row for metrics in found.readers.values() for row in metrics] + [*found.faithfulness]
    wanted = Wanted(
        readers=_known("reader", [reader] if reader else [], found.readers),
        models=_known("model", model, (row.model for row in rows)),
        conditions=_known("condition", condition, (row.condition for row in rows)),
        metrics=_known("metric", metric, (row.name for row in rows)),
        every=every,
    )
    console = Console()
    for table in tables(found, wanted, console.width):
        console.print(table)
    console.print(f"Written: {folder / 'metrics.json'}")


def _known(what: str, asked: Sequence[str] | None, there: Iterable[str]) -> tuple[str, ...]:
    """What was asked for, if it is all there.

    Raises:
        InputError: one of them is not.
    """
    from starprobe.probes.errors import InputError

    names = list(dict.fromkeys(there))
    for name in asked or ():
        if name not in names:
            raise InputError(f"no {what} {name!r} here; there is: {', '.join(names)}")
    return tuple(asked or ())
