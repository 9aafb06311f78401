"""What the arms of an experiment learnt: right answers over training seeds, and differences.

    python -m starprobe.reports.sign.learnt presets --against base --by-iteration

Prints each arm's rates over its seeds and the differences to the arms named, with intervals over
seeds and questions and Holm's adjustment over the arms held against the same one; writes both
tables as CSV beside the experiment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from starprobe.bench.ask import run
from starprobe.bench.files import write_atomic
from starprobe.bench.metrics import frame, to_frame
from starprobe.bench.metrics.definitions import right_of_all
from starprobe.bench.read import classify_run
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.intervals import Floats
from starprobe.bench.statistics.paired import holm
from starprobe.bench.statistics.seeds import rate_difference, seed_rate
from starprobe.probes.errors import FolderError, InputError, run_command
from starprobe.probes.schema import Record
from starprobe.reports.sign.analysis import tables
from starprobe.reports.sign.run import (
    BASE,
    Experiment,
    asked_of,
    done,
    stored_experiment,
    units,
)
from starprobe.star.folder import Training

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class Source(NamedTuple):
    """A run of an experiment: whose answers they are."""

    arm: str
    checkpoint: str
    path: Path


class Rates(Record):
    """What the checkpoints of one arm answered."""

    arm: str
    checkpoints: int
    questions: int
    right: float
    """Of all questions; no answer is not right."""
    low: float | None
    high: float | None
    by_checkpoint: tuple[float, ...]
    answered: float
    right_of_answered: float | None


class Gain(Record):
    """One arm's share of right answers over another's."""

    arm: str
    against: str
    value: float
    low: float
    high: float
    p: float
    p_adjusted: float
    """Holm's, over the arms held against the same one."""


def sources(experiment: Experiment, out: Path, by_iteration: bool = False) -> Iterator[Source]:
    """The runs that are done; each iteration's of a training as an arm of its own where wanted."""
    for unit in units(experiment):
        elicited = unit.star is None and unit.arm != BASE
        if elicited or not done(unit, out):
            continue
        checkpoint = unit.name.partition("/")[2] or unit.name
        yield Source(unit.arm, checkpoint, out / unit.name / "run")
        if unit.star is None or not by_iteration:
            continue
        for number in earlier(Training(out / unit.name / "training")):
            folder = out / unit.name / f"run_iteration_{number:03d}"
            yield Source(f"{unit.arm}, iteration {number}", checkpoint, folder)


def earlier(training: Training) -> list[int]:
    """The finished iterations of a training that were not chosen, the base left out."""
    found = [one.iteration for one in training.iterations()]
    return [number for number in found if number and number != training.best]


def ask_iterations(experiment: Experiment, out: Path, console: Console | None = None) -> None:
    """Asks the probes of every trained iteration that was not chosen; goes on where it stopped."""
    for unit in units(experiment):
        if unit.star is None or not done(unit, out):
            continue
        training = Training(out / unit.name / "training")
        for number in earlier(training):
            asked = asked_of(unit, training.iteration(number).adapter)
            folder = out / unit.name / f"run_iteration_{number:03d}"
            classify_run(run(asked, folder, console))


def gathered(found: Sequence[Source]) -> pd.DataFrame:
    """All responses: columns arm, checkpoint, question_id, right, answered.

    Raises:
        FolderError: a run that was not asked or read yet.
    """
    import pandas as pd

    rows = []
    for source in found:
        table = frame(Run(source.path))
        rows.append(
            table[["question_id"]].assign(
                arm=source.arm,
                checkpoint=source.checkpoint,
                right=right_of_all(table),
                answered=table["answer"].notna().to_numpy(dtype=float),
            )
        )
    return pd.concat(rows, ignore_index=True)


def cells_of(rows: pd.DataFrame, column: str) -> dict[str, Floats]:
    """Arm -> checkpoints by questions, the share of responses with that column 1."""
    found = tables(rows.assign(sign=rows[column]))
    return {arm: np.stack(list(by_checkpoint.values())) for arm, by_checkpoint in found.items()}


def rates(right: Mapping[str, Floats], answered: Mapping[str, Floats]) -> list[Rates]:
    """What each arm answered, in the order given."""
    made = []
    for arm, cells in right.items():
        found, share = seed_rate(cells), float(answered[arm].mean())
        made.append(
            Rates(
                arm=arm,
                checkpoints=len(cells),
                questions=cells.shape[1],
                right=float(cells.mean()),
                low=found.low,
                high=found.high,
                by_checkpoint=tuple(float(mean) for mean in cells.mean(axis=1)),
                answered=share,
                right_of_answered=float(cells.mean()) / share if share else None,
            )
        )
    return made


def gains(right: Mapping[str, Floats], against: Sequence[str]) -> list[Gain]:
    """Every arm's gain over each arm of `against`.

    Raises:
        InputError: an arm that is not there.
    """
    made = []
    for other in against:
        if other not in right:
            raise InputError(f"--against {other}: no such arm; there are {', '.join(right)}")
        arms = [arm for arm in right if arm != other]
        found = [rate_difference(right[arm], right[other]) for arm in arms]
        adjusted = holm([one.p for one in found])
        for arm, one, p in zip(arms, found, adjusted, strict=True):
            made.append(
                Gain(
                    arm=arm,
                    against=other,
                    value=one.value,
                    low=one.low,
                    high=one.high,
                    p=one.p,
                    p_adjusted=1.0 if p is None else p,
                )
            )
    return made


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


@app.command(epilog="Example: python -m starprobe.reports.sign.learnt presets --against base")
def accuracy(
    folder: Annotated[Path, typer.Argument(help="Of python -m starprobe.reports.sign.run.")],
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
