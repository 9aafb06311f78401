"""The orders in which a question's options are shown: rotations and seeded shuffles."""

from __future__ import annotations

import math
import random

from starprobe.probes.errors import InputError
from starprobe.probes.schema import Option, Question


def arrange(
    question: Question, order: int = 0, shuffle_seed: int | None = None
) -> tuple[Option, ...]:
    """The options in the order-th rotation, or in the order-th shuffle of a seed.

    Order 0 is file order in both; the shuffles of one seed differ from each other.
    """
    options = question.options
    if not options or order == 0:
        return options
    if shuffle_seed is None:
        start = order % len(options)
        return options[start:] + options[:start]
    if order >= math.factorial(len(options)):
        raise InputError(f"question {question.id!r} has no {order + 1} different orders")
    return _shuffles(question, order, shuffle_seed)


def _shuffles(question: Question, order: int, seed: int) -> tuple[Option, ...]:
    rng = random.Random(f"{seed}|{question.id}")
    seen = {question.options}
    while True:
        drawn = list(question.options)
        rng.shuffle(drawn)
        if tuple(drawn) not in seen:
            seen.add(tuple(drawn))
            if len(seen) == order + 1:
                return tuple(drawn)


def orders_of(question: Question, shuffle_seed: int | None = None) -> int:
    """How many different orders there are: rotations, or all permutations where shuffled."""
    count = max(len(question.options), 1)
    return count if shuffle_seed is None else math.factorial(count)


def order_name(order: int, shuffle_seed: int | None) -> str:
    """The order as prompt ids write it: `2`, or `2s7` for the second shuffle of seed 7."""
    return str(order) if shuffle_seed is None else f"{order}s{shuffle_seed}"
