"""What each arm of an experiment learnt: its answers to the probes, right and given at all.

    python -m starprobe.star.experiments.accuracy presets --against base --by-iteration

Prints each arm's rates over its seeds and the differences to the arms named, with intervals over
seeds and questions and Holm's adjustment over the arms held against the same one; writes both
tables as CSV beside the experiment.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from starprobe.bench.files import write_atomic
from starprobe.bench.metrics import to_frame
from starprobe.probes.errors import FolderError, run_command
from starprobe.star.experiments.config import BASE
from starprobe.star.experiments.learnt import (
    Gain,
    Rates,
    ask_iterations,
    cells_of,
    gains,
    gathered,
    rates,
    sources,
)
from starprobe.star.experiments.unit import stored_experiment

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _rates_table(rows: Sequence[Rates]) -> Table:
    table = Table(title="right answers", title_justify="left")
    for name in ("arm", "right", "95 %", "by seed", "answered", "of those right"):
        table.add_column(name, no_wrap=name == "arm", justify="left" if name == "arm" else "right")
    for row in rows:
        limits = "" if row.low is None else f"{100 * row.low:.0f} to {100 * (row.high or 0):.0f}"
        table.add_row(
            row.arm,
            f"{100 * row.right:.0f} %",
            limits,
            ", ".join(f"{100 * one:.0f}" for one in row.by_checkpoint),
            f"{100 * row.answered:.0f} %",
            "" if row.right_of_answered is None else f"{100 * row.right_of_answered:.0f} %",
        )
    return table


def _gains_table(rows: Sequence[Gain]) -> Table:
    table = Table(title="points more right than", title_justify="left")
    for name in ("against", "arm", "difference", "p", "p, Holm"):
        table.add_column(name, justify="left" if name in ("against", "arm") else "right")
    for row in rows:
        table.add_row(
            row.against,
            row.arm,
            f"{100 * row.value:+.0f} ({100 * row.low:+.0f} to {100 * row.high:+.0f})",
            f"{row.p:.2g}",
            f"{row.p_adjusted:.2g}",
        )
    return table


@app.command(epilog="Example: python -m starprobe.star.experiments.accuracy presets --against base")
def accuracy(
    folder: Annotated[Path, typer.Argument(help="Of python -m starprobe.star.experiments.sign.")],
    against: Annotated[list[str] | None, typer.Option(help="An arm; may be given again.")] = None,
    by_iteration: Annotated[
        bool, typer.Option("--by-iteration", help="Ask the probes of earlier iterations, too.")
    ] = False,
) -> None:
    """Print what each arm of an experiment learnt: its right answers over its seeds."""
    experiment = stored_experiment(folder)
    if by_iteration:
        ask_iterations(experiment, folder, Console(stderr=True))
    found = list(sources(experiment, folder, by_iteration))
    if not found:
        raise FolderError(f"{folder}: nothing of it is done yet")
    rows = gathered(found)
    right = cells_of(rows, "right")
    shown = rates(right, cells_of(rows, "answered"))
    gained = gains(right, against or [BASE])
    console = Console(emoji=False, highlight=False)
    first = shown[0]
    console.print(
        f"{experiment.name}: {first.questions} questions, asked of every checkpoint alike"
    )
    console.print(_rates_table(shown))
    console.print(_gains_table(gained))
    write_atomic(folder / "accuracy.csv", to_frame(shown).to_csv(index=False))
    write_atomic(folder / "gains.csv", to_frame(gained).to_csv(index=False))


def main() -> None:
    """Runs the command line."""
    run_command(app)


if __name__ == "__main__":
    main()
