"""Which questions an iteration asks: all, or the least recently asked and hardest first.

AdaSTaR (Koh et al. 2025, algorithm 1): a priority queue on (iteration last asked, win rate), and a
curriculum that puts back only as many of its heads as the model is strong (accuracy squared), so
that a weak model keeps its easy questions in rotation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from starprobe.star.config import StarConfig
from starprobe.star.measure import GOOD
from starprobe.star.records import Sample


class State(NamedTuple):
    """What is known of a question."""

    last: int
    """Iteration in which it was last counted as asked; 0 is never."""
    win_rate: float


def questions_to_ask(
    ids: Sequence[str], history: Sequence[Sequence[Sample]], config: StarConfig
) -> list[str]:
    """The questions of the next iteration.

    Args:
        ids: of the training questions.
        history: the samples of each iteration before, in order.
        config: its `sampler`, and the steps that the rows are to fill.
    """
    if config.sampler == "all":
        return list(ids)
    states = replay(ids, history)
    order = sorted(range(len(ids)), key=lambda i: (states[ids[i]].last, states[ids[i]].win_rate, i))
    wanted = rows_wanted(config, len(history) + 1)
    strength = accuracy(history[-1]) if history else 0.5
    # As many as should give the rows that the steps take, asked in whole.
    count = min(len(ids), math.ceil(wanted / max(0.1, strength) / config.samples))
    return [ids[i] for i in order[:count]]


def replay(ids: Sequence[str], history: Sequence[Sequence[Sample]]) -> dict[str, State]:
    """The state of every question after the iterations so far."""
    states = dict.fromkeys(ids, State(0, 0.0))
    for iteration, samples in enumerate(history, start=1):
        asked = list(dict.fromkeys(sample.question_id for sample in samples))
        put_back = round(len(asked) * accuracy(samples) ** 2)
        for name in asked[:put_back]:
            if name in states:
                states[name] = State(iteration, win_rate(samples, name))
    return states


def rows_wanted(config: StarConfig, iteration: int) -> int:
    """Rows that fill an iteration's steps once."""
    steps = (config.steps or 40) * config.step_growth ** (iteration - 1)
    return max(1, round(steps) * config.train_batch_size)


def accuracy(samples: Sequence[Sample]) -> float:
    """Right among all, or wanted by judges where no key says so; 0 over nothing."""
    good = sum(one.reason in GOOD if one.correct is None else one.correct for one in samples)
    return good / len(samples) if samples else 0.0


def win_rate(samples: Sequence[Sample], question_id: str) -> float:
    """Right among a question's samples."""
    return accuracy([one for one in samples if one.question_id == question_id])
