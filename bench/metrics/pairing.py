"""Which conditions belong together.

An elicited one with its spontaneous twin, a hinted one with its unhinted twin; looks at names and
at the definitions of `probes.conditions` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from probes.conditions import Condition, get_condition
from probes.errors import InputError

PLAIN = "plain"


def is_elicited(condition: Condition) -> bool:
    """Whether the wording asks for reasons."""
    return condition.elicited


def is_hinted(condition: Condition) -> bool:
    """Whether the prompt presents an option as right."""
    return condition.hinted


def twins(names: Iterable[str], has: Callable[[Condition], bool]) -> list[tuple[str, str]]:
    """(without, with) pairs of conditions that differ only in the parts that `has` is true of.

    `scratchpad+hinted` has the unhinted twin `scratchpad`, and `scratchpad` the spontaneous twin
    `plain`. Conditions whose twin was not run, and names that are not known, have no pair.
    """
    there = list(dict.fromkeys(names))
    pairs = [(without(name, has), name) for name in there]
    return [(twin, name) for twin, name in pairs if twin is not None and twin in there]


def without(name: str, has: Callable[[Condition], bool]) -> str | None:
    """The condition's name without the parts that `has` is true of; None where there are none."""
    parts = name.split("+")
    try:
        kept = [part for part in parts if not has(get_condition(part))]
    except InputError:
        # A user's own condition: its file is not known here.
        return None
    if len(kept) == len(parts):
        return None
    return "+".join(kept) or PLAIN


def spontaneous(name: str) -> bool:
    """Whether a condition neither asks for reasons nor hints; False for unknown names."""
    try:
        condition = get_condition(name)
    except InputError:
        return False
    return not condition.elicited and not condition.hinted


def elicited_only(name: str) -> bool:
    """Whether a condition asks for reasons and does not hint; False for unknown names."""
    try:
        condition = get_condition(name)
    except InputError:
        return False
    return condition.elicited and not condition.hinted
