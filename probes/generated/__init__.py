"""Sets that are made from code and a seed: families of questions with tiers and verifiers."""

from __future__ import annotations

from functools import cache

from starprobe.probes.generated import dates, relations, texts, units
from starprobe.probes.generated.base import Family, Spec, make_questions, parse_name
from starprobe.probes.generated.numbers import NumbersSpec, make_numbers
from starprobe.probes.schema import ProbeSet

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (*relations.FAMILIES, dates.FAMILY, units.FAMILY, *texts.FAMILIES)
}
"""The families with tiers; `numbers` is older and has levels instead."""
VERSION = "2"


@cache
def generated_set(name: str) -> ProbeSet:
    """The set of this name, such as `numbers:train:n=300,seed=1` or `dates:test:tier=hard`.

    Raises:
        InputError: for a name that does not follow the pattern, or more questions than there are.
        KeyError: for a family that does not exist.
    """
    family = name.partition(":")[0]
    if family == "numbers":
        numbers = parse_name(name, NumbersSpec, "numbers:train:n=300,seed=1,level=1")
        return ProbeSet(name=name, version=VERSION, questions=tuple(make_numbers(numbers)))
    made = FAMILIES[family]
    spec = parse_name(name, Spec, f"{family}:train:n=300,seed=1,tier=easy+hard")
    return ProbeSet(name=name, version=VERSION, questions=tuple(make_questions(made, spec)))
