"""The generated set `numbers`: small sums, comparisons, divisibility and sequences, four options.

A question is a function of its kind, operands and level alone; a seed only chooses which questions
a set holds. Train and test are told apart by a hash of the content, so no train set of any seed or
size shares a question with any test set.

Names: `numbers[:train|:test][:KEY=VALUE,...]` with the keys n (200), seed (0), level (1, 2 or 3)
and kinds (`sum+largest+divisible+sequence`); `numbers` alone is `numbers:test`.
"""

from __future__ import annotations

import random
from typing import Any, Literal

from pydantic import Field, ValidationError

from starprobe.probes.errors import InputError
from starprobe.probes.number_kinds import KINDS, LEVELS, Kind, build, content_name, draw, split_of
from starprobe.probes.schema import ProbeSet, Question, Record

VERSION = "1"
_TRIES = 500
_RESERVED = frozenset(
    {
        "sum-9-14",
        "sum-8-12",
        "largest-39-47-82-85",
        "divisible-5-35-42-58-71",
        "sequence-6-9-12-15",
    }
)
"""The worked examples: they are in no set."""


class NumbersSpec(Record):
    """Which numbers questions to make."""

    split: Literal["train", "test"] = "test"
    n: int = Field(default=200, ge=1)
    seed: int = 0
    level: Literal[1, 2, 3] = 1
    """1: sums to 30, two digits, last-digit rules, constant steps; 2 and 3 are harder."""
    kinds: tuple[Kind, ...] = Field(default=KINDS, min_length=1)


def numbers_set(name: str) -> ProbeSet:
    """The set of this name, such as `numbers:train:n=300,seed=1`.

    Raises:
        InputError: for a name that does not follow the pattern, or more questions than there are.
    """
    spec = parse_numbers_name(name)
    return ProbeSet(name=name, version=VERSION, questions=tuple(make_numbers(spec)))


def parse_numbers_name(name: str) -> NumbersSpec:
    """What a name asks for.

    Raises:
        InputError: for a name that does not follow `numbers[:train|:test][:KEY=VALUE,...]`.
    """
    _, *parts = name.split(":")
    fields: dict[str, Any] = {}
    if parts and parts[0] in ("train", "test"):
        fields["split"] = parts.pop(0)
    for pair in parts.pop(0).split(",") if parts else ():
        key, equals, value = pair.partition("=")
        if not equals or key not in ("n", "seed", "level", "kinds"):
            raise InputError(_pattern(name, f"{pair!r} is none of n=, seed=, level=, kinds="))
        try:
            fields[key] = tuple(value.split("+")) if key == "kinds" else int(value)
        except ValueError as error:
            raise InputError(_pattern(name, f"{value!r} is no whole number")) from error
    if parts:
        raise InputError(_pattern(name, f"{parts[0]!r} is too much"))
    try:
        return NumbersSpec(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(_pattern(name, f"{first['loc'][0]}: {first['msg']}")) from error


def _pattern(name: str, what: str) -> str:
    return f"probe set {name!r}: {what}; the pattern is numbers:train:n=300,seed=1,level=1"


def make_numbers(spec: NumbersSpec) -> list[Question]:
    """The questions: as many of each kind, and as many right answers in each place, as can be.

    Where a kind runs out (level 1 has some 150 train sums), the others make up for it.

    Raises:
        InputError: where all kinds run out.
    """
    rng = random.Random(f"numbers|{spec.split}|{spec.level}|{spec.seed}")
    found: dict[str, Question] = {}
    kinds, turn = list(spec.kinds), 0
    while len(found) < spec.n:
        if not kinds:
            raise InputError(
                f"there are no {spec.n} {spec.split} questions of level {spec.level}"
                f" ({', '.join(spec.kinds)}), only {len(found)}; take fewer or more kinds"
            )
        kind = kinds[turn % len(kinds)]
        question = _draw_new(kind, spec, found, turn // len(kinds) % 4, rng)
        if question is None:
            kinds.remove(kind)
            continue
        found[question.id] = question
        turn += 1
    questions = list(found.values())
    rng.shuffle(questions)
    return questions


def _draw_new(
    kind: Kind, spec: NumbersSpec, found: dict[str, Question], place: int, rng: random.Random
) -> Question | None:
    """A new question with the answer in this place, else in any; None where there seems no more."""
    spare = None
    for _ in range(_TRIES):
        operands = draw(kind, LEVELS[spec.level], rng)
        if operands is None:
            continue
        name = content_name(kind, operands)
        if name in found or name in _RESERVED or split_of(name) != spec.split:
            continue
        question = build(kind, operands, spec.level)
        if question.answer_id == f"o{place + 1}":
            return question
        spare = spare or question
    return spare
