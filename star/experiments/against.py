"""A training held against its controls: the same questions, test and steps, made another way.

What STaR adds is not what a table of before and after says: showing the base worked examples,
training on answers alone, or a single round without rationalization may do as much (the rows that
Zelikman et al. 2022 hold STaR against in table 1). Each control is a training of its own under the
same seed, and all are asked the same test questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from starprobe.bench.files import write_json
from starprobe.bench.statistics.intervals import Floats
from starprobe.bench.statistics.paired import holm
from starprobe.bench.statistics.seeds import rate_difference, seed_rate
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record
from starprobe.star.config import StarConfig, make_config, values
from starprobe.star.evaluate import COMPARED
from starprobe.star.folder import Training
from starprobe.star.records import Sample
from starprobe.star.tables import MEASURED

if TYPE_CHECKING:
    from rich.table import Table

TRAINED, BASE = "trained", "base"
CONTROLS: dict[str, dict[str, Any]] = {
    "few_shot": {"method": "base", "few_shot_in_training": True},
    "direct": {"method": "direct", "iterations": 1},
    "supervised": {"method": "supervised", "iterations": 1},
    "one_round": {"iterations": 1, "rationalize": "none"},
    "no_rationalization": {"rationalize": "none"},
}
"""Control -> what it changes of the training that it is held against. `few_shot` trains nothing:
the base is shown the worked examples that the training samples with."""
Trainer = Callable[[StarConfig, Path], Training]


class Standing(Record):
    """One way of making a model, by one metric over the test questions."""

    name: str
    """trained, base, or a control of `CONTROLS`."""
    metric: str
    """accuracy, outcome_answered or full_breakdown."""
    seeds: dict[str, float]
    """Seed -> share of the test questions."""
    value: float
    low: float | None
    high: float | None
    """95 %, over seeds and questions."""
    gain: float | None = None
    """The trained models' share less this one's, on the same questions; None for themselves."""
    gain_low: float | None = None
    gain_high: float | None = None
    p: float | None = None
    """Of "no difference", adjusted by Holm over what the trained models are held against."""
    questions: int


class Against(Record):
    """controls.json: what was trained and what it is held against."""

    test: str
    steps: dict[str, int]
    """`WAY/SEED` -> steps of the fine-tune that is asked; 0 where nothing is trained."""
    rows: tuple[Standing, ...]


def train_against(
    config: StarConfig, out: Path | str, controls: Sequence[str], seeds: int, train: Trainer
) -> Against:
    """Trains the models and their controls, or goes on with them; gives the table.

    `out` is the training of the first seed; all else lies below `out/against`. A control that is
    trained takes as many steps as the chosen round of the same seed took.

    Args:
        config: of the training; its `evaluation.test` is what all are asked.
        out: the folder.
        controls: names of `CONTROLS`.
        seeds: how many, from `config.seed` on.
        train: runs the loop, as `starprobe.star.train`.

    Raises:
        InputError: an unknown control, or no test; before anything is begun.
        UserError: as `starprobe.star.train`.
    """
    check(config, controls)
    out = Path(out)
    found: dict[str, dict[str, list[Sample]]] = {name: {} for name in (TRAINED, BASE, *controls)}
    steps: dict[str, int] = {}
    for seed in range(config.seed, config.seed + seeds):
        folder = out if seed == config.seed else out / "against" / TRAINED / f"seed_{seed}"
        made = train(config.model_copy(update={"seed": seed}), folder)
        found[TRAINED][str(seed)] = answers(made)
        found[BASE] = found[BASE] or {str(seed): made.iteration(0).test()}
        budget = steps[f"{TRAINED}/{seed}"] = steps_of(made)
        for name in controls:
            changed = control(config, name, seed, budget)
            other = train(changed, out / "against" / name / f"seed_{seed}")
            found[name][str(seed)] = answers(other)
            steps[f"{name}/{seed}"] = steps_of(other)
    table = Against(test=config.evaluation.test, steps=steps, rows=tuple(standings(found)))
    write_json(out / "against" / "controls.json", table)
    return table


def check(config: StarConfig, controls: Sequence[str]) -> None:
    """Refuses what cannot be held against anything.

    Raises:
        InputError: an unknown control, no test, or a training that is a control itself.
    """
    for name in controls:
        if name not in CONTROLS:
            raise InputError(f"--against {name}: no such control; known are {', '.join(CONTROLS)}")
    if not config.evaluation.test:
        raise InputError("--against needs questions to be asked: --set test=SET OR FILE")
    if config.method != "star":
        raise InputError(f"--against holds a training of method=star, not {config.method}")


def control(config: StarConfig, name: str, seed: int, steps: int) -> StarConfig:
    """The configuration of a control of one seed, with a budget of steps."""
    changes = values(config) | {"seed": seed} | CONTROLS[name]
    if steps and changes["iterations"] == 1:
        changes |= {"training.steps": steps, "training.step_growth": 1.0}
    return make_config(config.model, config.questions, config.preset, changes)


def answers(training: Training) -> list[Sample]:
    """The chosen iteration's responses to the test; the base's where none is better."""
    return training.iteration(training.best or 0).test()


def steps_of(training: Training) -> int:
    """Steps of the fine-tune that was chosen; 0 where the base stands."""
    stats = training.iteration(training.best).training() if training.best else None
    return stats.steps if stats is not None else 0


def standings(found: Mapping[str, Mapping[str, Sequence[Sample]]]) -> list[Standing]:
    """Way -> seed -> responses to the test, as rows: of each metric, the trained models first.

    A metric that some response has no value of (no options) is left out.
    """
    rows = []
    for metric, value_of in COMPARED.items():
        cells = {
            name: {seed: _by_question(samples, value_of) for seed, samples in by_seed.items()}
            for name, by_seed in found.items()
        }
        tables = {name: np.stack(list(by_seed.values())) for name, by_seed in cells.items()}
        if any(np.isnan(table).any() or table.shape[1] < 2 for table in tables.values()):
            continue
        gains = {
            name: rate_difference(tables[TRAINED], table)
            for name, table in tables.items()
            if name != TRAINED
        }
        adjusted = dict(zip(gains, holm([one.p for one in gains.values()]), strict=True))
        for name, table in tables.items():
            rate, gain = seed_rate(table), gains.get(name)
            rows.append(
                Standing(
                    name=name,
                    metric=metric,
                    seeds={seed: float(row.mean()) for seed, row in cells[name].items()},
                    value=float(table.mean()),
                    low=rate.low,
                    high=rate.high,
                    gain=gain.value if gain else None,
                    gain_low=gain.low if gain else None,
                    gain_high=gain.high if gain else None,
                    p=adjusted.get(name),
                    questions=table.shape[1],
                )
            )
    return rows


def _by_question(samples: Iterable[Sample], value_of: Callable[[Sample], float]) -> Floats:
    """A metric of each test question, in the order of their ids."""
    return np.array([value_of(one) for one in sorted(samples, key=lambda one: one.question_id)])


def against_table(found: Against) -> Table:
    """The rows for the terminal, in points."""
    from rich.table import Table

    first = found.rows[0] if found.rows else None
    table = Table(
        "", "way", "seeds", "share", "trained models are ahead by", "p (Holm)",
        title=f"Held against its controls: {found.test}, {first.questions if first else 0} "
        "questions; 95 % intervals over seeds and questions",
        title_justify="left",
    )  # fmt: skip
    for row in found.rows:
        table.add_row(
            MEASURED[row.metric] if row.name == TRAINED else "",
            row.name,
            " ".join(f"{100 * value:.0f}" for value in row.seeds.values()),
            _points(row.value, row.low, row.high, ""),
            "" if row.gain is None else _points(row.gain, row.gain_low, row.gain_high, "+"),
            "" if row.p is None else f"{row.p:.2g}",
        )
    return table


def _points(value: float, low: float | None, high: float | None, sign: str) -> str:
    limits = (
        "" if low is None or high is None else f" ({100 * low:{sign}.0f} to {100 * high:{sign}.0f})"
    )
    return f"{100 * value:{sign}.0f}{limits}"
