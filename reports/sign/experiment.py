"""What an experiment is: a base model, arms, seeds, probes, and which parts of it are done.

Read from TOML; trains nothing. Every arm gets the same budget: the fields of
`SHARED` are the same for all of them, or the experiment is refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from starprobe.bench.models.base import BackendOptions
from starprobe.bench.records import Sampling
from starprobe.bench.run_config import RunConfig
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.schema import Record
from starprobe.star.config import DEFAULT_PRESET, StarConfig, make_config, values
from starprobe.star.folder import read_record
from starprobe.star.work import base_weights, sampling_name

STAR = "star"
BASE, PROMPTED = "base", "prompted"
"""The arms that nothing is trained for: the base asked plainly, and asked for a breakdown."""
SHARED = (
    "questions", "limit", "evaluation.validation", "evaluation.decontaminate", "sampling.examples",
    "training.steps", "training.step_growth", "training.train_batch_size", "training.max_length",
    "training.restart", "training.tuning", "training.lora_r", "training.lora_alpha",
    "training.lora_dropout", "training.learning_rate", "training.scheduler", "training.warmup",
    "machine.device", "machine.dtype",
)  # fmt: skip
"""Settings that decide which questions are trained on, and how much and how the weights move."""


class Probing(Record):
    """What every checkpoint is asked, greedily, the same for all."""

    sets: tuple[str, ...] = ("everyday",)
    conditions: tuple[str, ...] = ("plain",)
    """Spontaneous ones: what is asked for is no sign."""
    prompted: tuple[str, ...] = ("few_shot",)
    """What the base is asked besides, for the arm `prompted`; empty: no such arm."""
    limit: int | None = Field(None, ge=1)
    """Questions of each set, from the first."""
    orders: int = Field(1, ge=1)
    max_tokens: int = Field(256, ge=1)
    batch_size: int = Field(16, ge=1)


class Experiment(Record):
    """Everything that decides what an experiment does; experiment.json in its folder."""

    name: str
    about: str = ""
    model: str
    questions: str
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    training: dict[str, Any] = Field(default_factory=dict)
    """Settings of `starprobe train` for all arms."""
    arms: dict[str, dict[str, Any]] = Field(min_length=1)
    """Arm -> its `preset` and what it sets differently."""
    probes: Probing = Probing()


class Unit(Record):
    """One part that is done by itself: a training and its probes, or the base's probes."""

    name: str
    """`ARM/seed_N`, or the arm alone where nothing is trained: its folder."""
    arm: str
    star: StarConfig | None
    asked: RunConfig
    """A model that is to be trained is not named: it has no folder yet."""


def ready() -> dict[str, str]:
    """Name -> text of the configurations that come with the package."""
    return {name: text for name, text in _shipped().items() if not name.startswith("_")}


@cache
def _shipped() -> dict[str, str]:
    """Those, and what they extend."""
    folder = files("starprobe.reports").joinpath("sign", "configs")
    found = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return {name.removesuffix(".toml"): found[name].read_text("utf-8") for name in sorted(found)}


def _table(source: str) -> dict[str, Any]:
    """A configuration's table over those of what it extends."""
    text = _shipped().get(source)
    table = tomllib.loads(Path(source).read_text(encoding="utf-8") if text is None else text)
    extended = table.pop("extends", None)
    return table if extended is None else _over(_table(str(extended)), table)


def _over(under: dict[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in table.items():
        below = merged.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = _over(below, value) if both and below is not None else value
    return merged


def load_experiment(source: str, changed: Mapping[str, Any] | None = None) -> Experiment:
    """The experiment of a TOML file or of a ready configuration's name.

    A file may name another, or a ready one, that it `extends`: its own fields go over those.

    Args:
        source: the file or the name.
        changed: fields to set otherwise, such as `questions`.

    Raises:
        InputError: no such file, or a field that does not fit.
    """
    try:
        table = _table(source)
        experiment = Experiment(**{"name": Path(source).stem, **table, **(changed or {})})
    except OSError as error:
        raise InputError(
            f"--config {source}: {error.filename} cannot be read ({error.strerror}); ready ones "
            f"are {', '.join(ready())}"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"--config {source}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"--config {source}: not valid TOML: {error}") from None
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in detail["loc"])
        raise InputError(f"--config {source}: field {field!r}: {detail['msg']}") from None
    check(experiment)
    return experiment


def check(experiment: Experiment) -> None:
    """Refuses arms of unlike budgets, and arms that are nothing to compare.

    Raises:
        InputError: which arm, which setting, and what to do.
    """
    taken = [name for name in (BASE, PROMPTED) if name in experiment.arms]
    if taken:
        raise InputError(f"[arms.{taken[0]}]: it is made by itself; take that table out")
    if bad := [name for name in experiment.arms if not name.replace("_", "").isalnum()]:
        raise InputError(f"[arms.{bad[0]}]: an arm's name has letters, digits and _ only")
    if len(set(experiment.seeds)) < len(experiment.seeds):
        raise InputError(f"seeds={list(experiment.seeds)}: a seed is there twice")
    configs = {arm: arm_config(experiment, arm, experiment.seeds[0]) for arm in experiment.arms}
    first, one = next(iter(configs.items()))
    for arm, other in configs.items():
        if other.method == "base":
            raise InputError(f"[arms.{arm}]: method=base trains nothing; take that table out")
        left, right = values(one), values(other)
        for key in SHARED:
            if left[key] != right[key]:
                raise InputError(
                    f"the arms {first} and {arm} differ in {key} ({left[key]!r}, "
                    f"{right[key]!r}); every arm has one budget: set it in [training]"
                )
    if one.training.steps is None:
        raise InputError("[training] needs steps: the number of steps that every arm is trained")
    if one.training.step_growth != 1 or one.training.restart != "base":
        raise InputError("[training] needs step_growth=1 and restart='base': one budget for all")
    if STAR not in {config.method for config in configs.values()}:
        raise InputError("there is no arm with method=star: nothing to put to the test")


def arm_config(experiment: Experiment, arm: str, seed: int) -> StarConfig:
    """The training of one arm and seed: its preset, then [training], then its own settings.

    Raises:
        InputError: an unknown setting or a value that does not fit.
    """
    own = dict(experiment.arms[arm])
    preset = str(own.pop("preset", DEFAULT_PRESET))
    settings = {"step_growth": 1.0, **experiment.training, **own, "seed": seed}
    for taken in ("model", "questions"):
        if taken in experiment.training or taken in own:
            raise InputError(f"{taken} stands at the top of the file, the same for all arms")
    try:
        return make_config(experiment.model, experiment.questions, preset, settings)
    except InputError as error:
        raise InputError(f"[arms.{arm}]: {error}") from None


def units(experiment: Experiment) -> list[Unit]:
    """All parts, in the order in which they are begun: seeds outside, so that early ones compare.

    Raises:
        InputError: a configuration that does not fit.
    """
    first = arm_config(experiment, next(iter(experiment.arms)), experiment.seeds[0])
    base = {"models": (sampling_name(first, None),)}
    conditions = {BASE: experiment.probes.conditions, PROMPTED: experiment.probes.prompted}
    found = [
        Unit(name=arm, arm=arm, star=None, asked=asked(experiment, names).model_copy(update=base))
        for arm, names in conditions.items()
        if names
    ]
    for seed in experiment.seeds:
        for arm in experiment.arms:
            config = arm_config(experiment, arm, seed)
            name = f"{arm}/seed_{seed}"
            found.append(Unit(name=name, arm=arm, star=config, asked=asked(experiment)))
    return found


def asked(experiment: Experiment, conditions: tuple[str, ...] | None = None) -> RunConfig:
    """What a checkpoint is asked; its model is still to be named."""
    probes, first = experiment.probes, next(iter(experiment.arms))
    config = arm_config(experiment, first, experiment.seeds[0])
    return RunConfig(
        models=(),
        probes=probes.sets,
        conditions=conditions or probes.conditions,
        limit=probes.limit,
        orders=probes.orders,
        sampling=Sampling(max_tokens=probes.max_tokens),
        options=BackendOptions(
            batch_size=probes.batch_size, dtype=config.machine.dtype, device=config.machine.device
        ),
    )


def star_arms(experiment: Experiment) -> list[str]:
    """The arms that are trained with STaR."""
    seed = experiment.seeds[0]
    return [arm for arm in experiment.arms if arm_config(experiment, arm, seed).method == STAR]


def done(unit: Unit, out: Path) -> bool:
    """Whether all of it is there, made with these very settings.

    Settings that did not exist yet count as their defaults, as in a training's own folder.
    """
    path = out / unit.name / "DONE"
    try:
        return path.exists() and Unit.model_validate_json(path.read_bytes()) == unit
    except ValidationError:
        return False


def asked_of(unit: Unit, weights: Path | None) -> RunConfig:
    """What is asked of these weights of the part's training; of its base for None.

    Raises:
        ValueError: nothing is trained for this part.
    """
    if unit.star is None:
        raise ValueError(f"{unit.name} trains nothing")
    options = unit.asked.options
    if weights is not None and (weights / "adapter_config.json").exists():
        options = options.model_copy(update={"base_model": base_weights(unit.star.model)})
    named = {"models": (sampling_name(unit.star, weights),), "options": options}
    return unit.asked.model_copy(update=named)


def stored_experiment(out: Path) -> Experiment:
    """The experiment of a folder.

    Raises:
        FolderError: no experiment is there.
    """
    experiment = read_record(out / "experiment.json", Experiment)
    if experiment is None:
        raise FolderError(f"{out} is no experiment: it has no experiment.json")
    return experiment


def find(out: Path, name: str) -> Unit:
    """The part of this name of the experiment in a folder.

    Raises:
        FolderError: no experiment is there.
        InputError: it has no such part.
    """
    for unit in units(stored_experiment(out)):
        if unit.name == name:
            return unit
    raise InputError(f"{out} has no part {name!r}")
