"""What the arms of an experiment learnt: right answers over training seeds, and differences.

Reads runs that are done, asks the probes of iterations that were not chosen; prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from starprobe.bench.ask import run
from starprobe.bench.metrics import frame
from starprobe.bench.metrics.definitions import right_of_all
from starprobe.bench.read import classify_run
from starprobe.bench.run_folder import Run
from starprobe.bench.signs import rate_difference, seed_rate
from starprobe.bench.signs.analysis import tables
from starprobe.bench.statistics.intervals import Floats
from starprobe.bench.statistics.paired import holm
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record
from starprobe.star.experiments.config import BASE, Experiment, Unit, units
from starprobe.star.experiments.unit import asked_of, done
from starprobe.star.folder import Training

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

LEARNED = "learned"


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
        if not done(unit, out) or _elicited(experiment, unit):
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
        table = frame(Run(source.path), LEARNED)
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


def _elicited(experiment: Experiment, unit: Unit) -> bool:
    return unit.star is None and unit.arm != BASE
