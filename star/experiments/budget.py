"""What an experiment will cost before it starts: trainings, tokens, hours, memory. No model.

Counts are of what is asked at most: rationales are taken to be as long as the configuration says,
and every question to need its retry.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starprobe.probes.loading import load_probe_set
from starprobe.probes.schema import Record
from starprobe.star.config import StarConfig
from starprobe.star.experiments.config import Experiment, Unit, units
from starprobe.star.experiments.machines import (
    Cost,
    Rates,
    Shape,
    rates,
    sampling_memory,
    training_memory,
)
from starprobe.star.questions import VALIDATION_AT_MOST

ANSWER_TOKENS = 12
"""Of a closing sentence alone."""
FOUR_BITS = 0.516
"""Bytes a weight in NF4, its scales included (Dettmers et al. 2023, section 3: 0.127 bits a weight
with double quantization)."""


class UnitBudget(Record):
    """One part in numbers."""

    name: str
    samples: int = 0
    """Responses generated to learn from and to validate with."""
    sampled: int = 0
    """Tokens of them."""
    trained: int = 0
    """Tokens of training rows, over all steps."""
    responses: int = 0
    """To the probes."""
    probed: int = 0
    """Tokens of them."""
    read: int = 0
    """Tokens of prompts."""
    seconds: float | None = None


class Budget(Record):
    """The whole experiment."""

    units: tuple[UnitBudget, ...]
    trainings: int
    hours: float | None
    """Of one job after another; None where no rate is known."""
    flops: float | None
    training_gib: float | None
    sampling_gib: float | None
    notes: tuple[str, ...] = ()

    def total(self, field: str) -> int:
        """The sum of a count over all parts."""
        return sum(int(getattr(unit, field)) for unit in self.units)


def budget(experiment: Experiment) -> Budget:
    """The estimate, from the configuration alone.

    Raises:
        InputError: an unknown set, or a file that is not there and has no limit to count with.
    """
    notes: list[str] = []
    questions = _count(experiment.questions, None, _limit(experiment), notes)
    probes = sum(
        _count(name, experiment.probes.limit, experiment.probes.limit, notes)
        for name in experiment.probes.sets
    )
    known = rates(experiment.cost)
    found = tuple(
        _unit(unit, questions, probes, experiment.cost, known) for unit in units(experiment)
    )
    seconds = [unit.seconds for unit in found if unit.seconds is not None]
    trainings = [unit.star for unit in units(experiment) if unit.star is not None]
    shape = experiment.cost.shape
    return Budget(
        units=found,
        trainings=len(trainings),
        hours=sum(seconds) / 3600 if known is not None else None,
        flops=_flops(found, shape.parameters) if shape is not None else None,
        training_gib=max(_training_gib(one, experiment.cost, shape) for one in trainings)
        if shape is not None
        else None,
        sampling_gib=max(_sampling_gib(one, experiment.cost, shape) for one in trainings)
        if shape is not None
        else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _training_gib(config: StarConfig, cost: Cost, shape: Shape) -> float:
    """With rows as long as a question and the limit of tokens allow."""
    row = cost.prompt_tokens + config.max_tokens
    if config.few_shot_in_training:
        row += config.shots * (cost.prompt_tokens + (cost.response_tokens or config.max_tokens))
    width = FOUR_BITS if config.tuning == "qlora" else _width(config)
    length = min(config.max_length, row)
    return training_memory(shape, config.lora_r, config.train_batch_size, length, width)


def _sampling_gib(config: StarConfig, cost: Cost, shape: Shape) -> float:
    shown = config.shots * (cost.prompt_tokens + (cost.response_tokens or config.max_tokens))
    length = shown + cost.prompt_tokens + config.max_tokens
    return sampling_memory(shape, config.batch_size, length, _width(config))


def _width(config: StarConfig) -> int:
    """Bytes a weight: float32 where nothing else is said and no GPU is meant."""
    return 2 if config.dtype == "bfloat16" else 4


def _limit(experiment: Experiment) -> int | None:
    value = experiment.training.get("limit")
    return int(value) if value is not None else None


def _count(name: str, limit: int | None, stated: int | None, notes: list[str]) -> int:
    if stated is not None and name.endswith((".jsonl", ".json")) and not Path(name).exists():
        notes.append(f"{name} is not there yet; counted as {stated} questions, its limit")
        return stated
    count = len(load_probe_set(name).questions)
    return count if limit is None else min(limit, count)


def _unit(unit: Unit, questions: int, probes: int, cost: Cost, known: Rates | None) -> UnitBudget:
    asked = unit.asked
    responses = probes * len(asked.conditions) * asked.orders
    length = min(cost.response_tokens or asked.sampling.max_tokens, asked.sampling.max_tokens)
    counts = {
        "responses": responses,
        "probed": responses * length,
        "read": responses * cost.prompt_tokens,
    }
    loads = 1
    if unit.star is not None:
        for key, value in _training(unit.star, questions, cost).items():
            counts[key] = counts.get(key, 0) + value
        loads += 1 + 2 * unit.star.iterations
    seconds = None
    if known is not None:
        generated = counts["probed"] + counts.get("sampled", 0)
        seconds = (
            generated / known.sampling
            + counts["read"] / known.reading
            + counts.get("trained", 0) / known.training
            + loads * cost.start_s
        )
    return UnitBudget(name=unit.name, **counts, seconds=seconds)


def _training(config: StarConfig, questions: int, cost: Cost) -> dict[str, int]:
    """The counts of one training, at most."""
    length = min(cost.response_tokens or config.max_tokens, config.max_tokens)
    held = min(config.validation, int(questions * VALIDATION_AT_MOST))
    count = min(questions - held, config.limit or questions)
    shown = cost.prompt_tokens + length
    tries = 0
    if config.method == "star":
        retries = 0 if config.rationalize == "none" else config.rationalize_samples
        tries = config.iterations * count * (config.samples + retries)
    checks = held * (config.iterations + 1)
    row = cost.prompt_tokens + (ANSWER_TOKENS if config.method == "direct" else length)
    if config.few_shot_in_training and config.method == "star":
        row += config.shots * shown
    examples = 0 if config.few_shot == "never" else config.shots * shown
    steps = config.iterations * (config.steps or 0)
    return {
        "samples": tries + checks,
        "sampled": (tries + checks) * length,
        "trained": steps * config.train_batch_size * row,
        "read": (tries + checks) * cost.prompt_tokens + tries * examples,
    }


def _flops(found: Sequence[UnitBudget], parameters: int) -> float:
    light = sum(unit.sampled + unit.probed + unit.read for unit in found)
    return parameters * (2.0 * light + 6.0 * sum(unit.trained for unit in found))


def lines(experiment: Experiment, found: Budget, jobs: int) -> list[str]:
    """The budget in words, a line each."""
    said = [
        f"{experiment.name}: {experiment.model}, {len(experiment.arms)} arms x "
        f"{len(experiment.seeds)} seeds = {found.trainings} trainings, and the base",
        f"at most {found.total('samples'):,} samples ({found.total('sampled'):,} tokens), "
        f"{found.total('trained'):,} tokens trained on, {found.total('responses'):,} responses to "
        f"probes ({found.total('probed'):,} tokens)",
    ]
    if found.flops is not None:
        said.append(f"{found.flops:.2g} floating-point operations (2 N D sampling, 6 N D training)")
    if found.hours is not None:
        machine = experiment.cost.machine
        kind = f"{machine.name} hours" if machine else "hours"
        together = f"; {found.hours / jobs:.1f} with {jobs} jobs at once" if jobs > 1 else ""
        said.append(f"about {found.hours:.1f} {kind} one after another{together}")
    else:
        said.append("no time: [cost] has neither measured rates nor shape and machine")
    if found.training_gib is not None and found.sampling_gib is not None:
        said.append(
            f"memory: {found.training_gib:.1f} GiB to train, {found.sampling_gib:.1f} GiB to sample"
        )
        machine = experiment.cost.machine
        if machine and max(found.training_gib, found.sampling_gib) > 0.92 * machine.memory_gib:
            said.append(f"that is too much for {machine.name} with {machine.memory_gib:g} GiB")
    return [*said, *found.notes]
