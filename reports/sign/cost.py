"""What an experiment will cost before it starts: trainings, tokens, hours. No model.

Counts are of what is asked at most: rationales are taken to be as long as the configuration says,
and every question to need its retry. Hours are tokens over the two rates that it states.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from starprobe.probes.loading import load_probe_set
from starprobe.reports.sign.experiment import Cost, Experiment, Unit, units
from starprobe.star.config import StarConfig
from starprobe.star.questions import VALIDATION_AT_MOST

ANSWER_TOKENS = 12
"""Of a closing sentence alone."""


class Count(NamedTuple):
    """One part in numbers."""

    name: str
    samples: int
    """Responses generated to learn from and to validate with."""
    sampled: int
    """Tokens of them."""
    trained: int
    """Tokens of training rows, over all steps."""
    responses: int
    """To the probes."""
    probed: int
    """Tokens of them."""
    seconds: float | None
    """None where no rate is stated."""


class Budget(NamedTuple):
    """The whole experiment, at most."""

    parts: tuple[Count, ...]
    notes: tuple[str, ...] = ()

    def total(self, field: str) -> int:
        """The sum of a count over all parts."""
        return sum(int(getattr(part, field)) for part in self.parts)

    @property
    def hours(self) -> float | None:
        """Of one part after another; None where no rate is stated."""
        seconds = [part.seconds for part in self.parts if part.seconds is not None]
        return sum(seconds) / 3600 if seconds else None


def budget(experiment: Experiment) -> Budget:
    """The estimate, from the configuration alone.

    Raises:
        InputError: an unknown set, or a file that is not there and has no limit to count with.
    """
    parts, notes = units(experiment), list[str]()
    limits = [part.star.limit for part in parts if part.star is not None]
    questions = _questions(experiment.questions, None, limits[0], notes)
    limit = experiment.probes.limit
    probes = sum(_questions(name, limit, limit, notes) for name in experiment.probes.sets)
    found = tuple(_count(part, questions, probes, experiment.cost) for part in parts)
    return Budget(found, tuple(dict.fromkeys(notes)))


def lines(experiment: Experiment, found: Budget, jobs: int) -> Iterator[str]:
    """The budget in words, a line each."""
    trainings = len(experiment.arms) * len(experiment.seeds)
    yield (
        f"{experiment.name}: {experiment.model}, {len(experiment.arms)} arms x "
        f"{len(experiment.seeds)} seeds = {trainings} trainings, and the base"
    )
    yield (
        f"at most {found.total('samples'):,} samples ({found.total('sampled'):,} tokens), "
        f"{found.total('trained'):,} tokens trained on, {found.total('responses'):,} responses to "
        f"probes ({found.total('probed'):,} tokens)"
    )
    if found.hours is None:
        yield "no time: [cost] states no sampling_tokens_per_s and training_tokens_per_s"
    else:
        kind = f"{experiment.cost.machine} hours" if experiment.cost.machine else "hours"
        together = f"; {found.hours / jobs:.1f} with {jobs} jobs at once" if jobs > 1 else ""
        yield f"about {found.hours:.1f} {kind} one after another{together}"
    yield from found.notes


def _questions(name: str, limit: int | None, stated: int | None, notes: list[str]) -> int:
    """How many questions a set has; of a file that is not there yet, its stated limit."""
    looks_like_file = name.endswith((".jsonl", ".json")) and not Path(name).exists()
    if looks_like_file and stated is not None:
        notes.append(f"{name} is not there yet; counted as {stated} questions, its limit")
        return stated
    count = len(load_probe_set(name).questions)
    return count if limit is None else min(limit, count)


def _count(part: Unit, questions: int, probes: int, cost: Cost) -> Count:
    asked = part.asked
    responses = probes * len(asked.conditions) * asked.orders
    longest = asked.sampling.max_tokens
    probed = responses * min(cost.response_tokens or longest, longest)
    samples, sampled, trained, loads = 0, 0, 0, 1
    if part.star is not None:
        samples, sampled, trained = _training(part.star, questions, cost)
        loads += 1 + 2 * part.star.iterations
    seconds = None
    if cost.sampling_tokens_per_s is not None and cost.training_tokens_per_s is not None:
        seconds = (
            (sampled + probed) / cost.sampling_tokens_per_s
            + trained / cost.training_tokens_per_s
            + loads * cost.start_s
        )
    return Count(part.name, samples, sampled, trained, responses, probed, seconds)


def _training(config: StarConfig, questions: int, cost: Cost) -> tuple[int, int, int]:
    """Samples, their tokens and tokens trained on, of one training at most."""
    length = min(cost.response_tokens or config.sampling.max_tokens, config.sampling.max_tokens)
    held = min(config.evaluation.validation, int(questions * VALIDATION_AT_MOST))
    count = min(questions - held, config.limit or questions)
    samples = held * (config.iterations + 1)
    row = cost.prompt_tokens + (ANSWER_TOKENS if config.method == "direct" else length)
    if config.method == "star":
        retries = (
            0
            if config.rationalization.rationalize == "none"
            else config.rationalization.rationalize_samples
        )
        samples += config.iterations * count * (config.sampling.samples + retries)
        if config.training.few_shot_in_training:
            row += config.sampling.shots * (cost.prompt_tokens + length)
    steps = config.iterations * (config.training.steps or 0)
    return samples, samples * length, steps * config.training.train_batch_size * row
