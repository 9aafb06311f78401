"""Sets made from code and a seed: names with parameters, tiers, train and test apart, a fair choice.

A family draws facts and words them; the right option follows from the facts, and so does the split,
by a hash of them: no train set of any seed or size shares its facts with any test set. Of several
questions drawn the first is taken with which the surface features of the right options
(`probes.checks`) stray no further from those of the others than they would by chance.

Names: `FAMILY[:train|:test][:KEY=VALUE,...]` with the keys n, seed and tier
(`easy+medium+hard`); `FAMILY` alone is its test set of 180 questions.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from starprobe.probes.checks import NEAR, alike, features, signature
from starprobe.probes.errors import InputError, first_error
from starprobe.probes.schema import CANARY, Option, Question, Record

Tier = Literal["easy", "medium", "hard"]
TIERS: tuple[Tier, ...] = ("easy", "medium", "hard")
TEST_SHARE = 0.5
"""Share of all contents that belongs to test."""
OPTIONS = 5
NAMES = (
    "Amina Bruno Carmen Dalia Emeka Farah Goran Hana Ines Jonas Keiko Leila Mateo Nadia Omar "
    "Priya Quentin Rosa Samir Tara Umar Vera Wanda Ximena Yusuf Zofia Anouk Bilal Chen Dmitri "
    "Elif Femi Greta Hugo Ivana Jamal Kofi Lucia Malik Noor"
).split()
"""First names from all over the world."""
SLIP = "a slip in counting"
"""The mistake of a number that no other mistake leads to."""
_DRAWN = 10
"""Questions drawn for each one that is taken, at most."""
_TRIES = 400
_JOINT = 2.0
"""Squared Mahalanobis length that right options may be off by: well below what chance gives."""


class Spec(Record):
    """Which questions of a family to make."""

    split: Literal["train", "test"] = "test"
    n: int = Field(default=180, ge=1)
    seed: int = 0
    tier: tuple[Tier, ...] = Field(default=TIERS, min_length=1)


AnySpec = TypeVar("AnySpec", bound=Record)


class Item(NamedTuple):
    """A drawn question before its options have places."""

    facts: Mapping[str, Any]
    """All that it is about, as JSON: enough to verify the answer, and its identity."""
    wordings: tuple[str, ...]
    """The stem and two other wordings of it."""
    answer: str
    mistakes: Mapping[str, str]
    """Text of a wrong option -> the mistake that leads to it; four, best first."""


class Family(NamedTuple):
    """A kind of question that is made from code."""

    name: str
    about: str
    draw: Callable[[Tier, random.Random], Item | None]
    """A question of a tier; None where the draw gives none with one right answer."""
    verify: Callable[[Mapping[str, Any]], str]
    """Facts -> the text of the right option, worked out apart from how it was drawn."""


def split_of(family: str, facts: Mapping[str, Any]) -> Literal["train", "test"]:
    """Where facts belong, by a hash of them."""
    return "test" if int(_digest(family, facts)[:8], 16) < TEST_SHARE * 2**32 else "train"


def _digest(*parts: Any) -> str:
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def build(family: Family, item: Item, tier: Tier, place: int, rng: random.Random) -> Question:
    """The question, its right option at this place (from 0).

    Its id is a hash of the facts and of the options in their order.
    """
    wrong = list(item.mistakes)[: OPTIONS - 1]
    rng.shuffle(wrong)
    texts = [*wrong[:place], item.answer, *wrong[place:]]
    return Question(
        id=f"{family.name}-{tier}-{_digest(item.facts, texts)[:10]}",
        stem=item.wordings[0],
        options=lettered(texts),
        answer_id=f"o{place + 1}",
        metadata={
            "canary": CANARY,
            "kind": family.name,
            "tier": tier,
            "split": split_of(family.name, item.facts),
            "paraphrases": list(item.wordings[1:]),
            "facts": dict(item.facts),
            "mistakes": {
                f"o{number}": item.mistakes[text]
                for number, text in enumerate(texts, 1)
                if text != item.answer
            },
        },
    )


def lettered(texts: Iterable[str]) -> tuple[Option, ...]:
    """Options o1, o2, ... with the labels A, B, ..."""
    return tuple(
        Option(id=f"o{number}", text=text, label="ABCDE"[number - 1])
        for number, text in enumerate(texts, 1)
    )


def make_questions(family: Family, spec: Spec) -> list[Question]:
    """As many of each tier, and as many right answers in each place, as can be.

    Raises:
        InputError: where a tier has no more questions.
    """
    rng = random.Random(f"{family.name}|{spec.split}|{spec.seed}")
    found: list[Question] = []
    seen: dict[Tier, list[Any]] = {tier: [] for tier in spec.tier}
    drifts = {tier: _Drift() for tier in spec.tier}
    for turn in range(spec.n):
        tier = spec.tier[turn % len(spec.tier)]
        place = turn // len(spec.tier) % OPTIONS
        best: tuple[float, Question] | None = None
        for question in _draw_new(family, spec, tier, place, rng):
            strays = drifts[tier].after(question)
            if (best is None or strays < best[0]) and not _asked(question, seen[tier]):
                best = strays, question
                if strays == 0:
                    break
        if best is None:
            raise InputError(
                f"there are no {spec.n} {spec.split} questions of {family.name}, tier {tier}; "
                f"take fewer"
            )
        question = best[1]
        drifts[tier].add(question)
        found.append(question)
        seen[tier].append(signature(question))
    rng.shuffle(found)
    return found


def _asked(question: Question, seen: Sequence[Any]) -> bool:
    """Whether it is one of these, or nearly."""
    mine = signature(question)
    return any(alike(mine, other, NEAR) is not None for other in seen)


def _draw_new(
    family: Family, spec: Spec, tier: Tier, place: int, rng: random.Random
) -> Iterator[Question]:
    """Some questions of the tier and split."""
    count = 0
    for _ in range(_TRIES):
        item = family.draw(tier, rng)
        if item is None or split_of(family.name, item.facts) != spec.split:
            continue
        if len({item.answer, *item.mistakes}) < OPTIONS:
            continue
        yield build(family, item, tier, place, rng)
        count += 1
        if count == _DRAWN:
            return


class _Drift:
    """How far the surface features of right options stray from those of all options.

    Each feature alone, in standard errors of chance, and all together as a linear guesser would
    weigh them: the squared Mahalanobis length of what they add up to.
    """

    def __init__(self) -> None:
        self.right: Any = 0.0
        self.spread: Any = None

    def _with(self, question: Question) -> tuple[Any, Any]:
        import numpy as np

        table = features(question)
        right = [option.id for option in question.options].index(str(question.answer_id))
        spread = np.eye(table.shape[1]) if self.spread is None else self.spread
        return self.right + table[right], spread + table.T @ table / len(table)

    def after(self, question: Question) -> float:
        """By how much they would stray too far with this question."""
        import numpy as np

        right, spread = self._with(question)
        joint = float(right @ np.linalg.solve(spread, right)) - _JOINT
        variances = np.maximum(np.diag(spread), 1)
        alone = np.maximum(0, np.abs(right) - np.sqrt(variances)) ** 2 / variances
        return max(0.0, joint) + float(alone.sum())

    def add(self, question: Question) -> None:
        """Count this question in."""
        self.right, self.spread = self._with(question)


def near(answer: int, mistakes: Mapping[int, str], rng: random.Random, step: int) -> dict[int, str]:
    """Four wrong numbers, mistakes first, so many of them below the answer as a die says.

    The right number is the lowest, second, ... or highest of the five equally often, so that its
    rank tells nothing. Where one side has too few mistakes, numbers some steps away make up for it.

    Args:
        answer: the right number, above 0.
        mistakes: wrong number -> what mistake leads to it.
        rng: what throws the die.
        step: by how much a number that no mistake leads to differs.
    """
    below = rng.randint(0, OPTIONS - 1)
    likely = rng.sample(list(mistakes), len(mistakes))
    lower = [one for one in likely if 0 < one < answer]
    higher = [one for one in likely if one > answer]
    away = [answer + sign * step * gap for gap in (1, 2, 3, 4) for sign in (-1, 1)]
    lower += [one for one in away if 0 < one < answer and one not in lower]
    higher += [one for one in away if one > answer and one not in higher]
    below = min(below, len(lower))
    chosen = [*lower[:below], *higher[: OPTIONS - 1 - below]]
    return {one: mistakes.get(one, SLIP) for one in chosen}


def parse_name(name: str, spec: type[AnySpec], example: str) -> AnySpec:
    """What the name of a generated set asks for: `SET[:train|:test][:KEY=VALUE,...]`.

    Raises:
        InputError: for a name that does not follow this pattern; it shows the example.
    """
    keys = [key for key in spec.model_fields if key != "split"]
    _, *parts = name.split(":")
    given: dict[str, Any] = {}
    if parts and parts[0] in ("train", "test"):
        given["split"] = parts.pop(0)
    for pair in parts.pop(0).split(",") if parts else ():
        key, equals, value = pair.partition("=")
        if not equals or key not in keys:
            wanted = ", ".join(f"{one}=" for one in keys)
            raise InputError(_pattern(name, f"{pair!r} is none of {wanted}", example))
        several = isinstance(spec.model_fields[key].default, tuple)
        try:
            given[key] = tuple(value.split("+")) if several else int(value)
        except ValueError as error:
            raise InputError(_pattern(name, f"{value!r} is no whole number", example)) from error
    if parts:
        raise InputError(_pattern(name, f"{parts[0]!r} is too much", example))
    try:
        return spec(**given)
    except ValidationError as error:
        raise InputError(_pattern(name, first_error(error), example)) from error


def _pattern(name: str, what: str, example: str) -> str:
    return f"probe set {name!r}: {what}; the pattern is {example}"


def listed(words: Sequence[str]) -> str:
    """Words as prose has them: `a, b and c`."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def upper_first(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]
