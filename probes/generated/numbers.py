"""The generated set `numbers`: small sums, comparisons, divisibility and sequences, four options.

A question is a function of its kind, operands and level alone; a seed only chooses which questions
a set holds. Train and test are told apart by a hash of the content, so no train set of any seed or
size shares a question with any test set.

Names: `numbers[:train|:test][:KEY=VALUE,...]` with the keys n (200), seed (0), level (1, 2 or 3)
and kinds (`sum+largest+divisible+sequence`); `numbers` alone is `numbers:test`.
"""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from pydantic import Field

from starprobe.probes.errors import InputError
from starprobe.probes.generated import lettered, listed, upper_first
from starprobe.probes.rendering import WorkedExample
from starprobe.probes.schema import CANARY, Question, Record

Kind = Literal["sum", "largest", "divisible", "sequence"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TEST_SHARE = 0.3
"""Share of all contents that belongs to test."""


class Level(NamedTuple):
    addends: int
    addend: tuple[int, int]
    total: tuple[int, int]
    compared: tuple[int, int]
    spread: int
    """The numbers compared lie within a window of this width."""
    divisors: tuple[int, ...]
    divided: tuple[int, int]
    starts: tuple[int, int]
    steps: tuple[int, ...]
    growth: tuple[int, ...]
    """By how much the step of a sequence may grow."""


LEVELS = {
    1: Level(
        addends=2, addend=(1, 29), total=(8, 30), compared=(10, 99), spread=90,
        divisors=(2, 5, 10), divided=(10, 99), starts=(1, 40), steps=(1, 2, 3, 5, 10), growth=(0,),
    ),
    2: Level(
        addends=2, addend=(10, 99), total=(20, 198), compared=(100, 999), spread=900,
        divisors=(3, 4, 9), divided=(20, 199), starts=(90, 200),
        steps=(-15, -12, -9, -8, -7, -6, -4, 4, 6, 7, 8, 9, 12, 15), growth=(0,),
    ),
    3: Level(
        addends=3, addend=(10, 199), total=(60, 597), compared=(1000, 9999), spread=60,
        divisors=(6, 7, 11, 13), divided=(60, 499), starts=(1, 60),
        steps=(1, 2, 3, 4, 5, 6), growth=(1, 2, 3, 4),
    ),
}  # fmt: skip


def split_of(name: str) -> Literal["train", "test"]:
    """Where a question belongs, by a hash of its id, which holds its whole content."""
    digest = hashlib.sha256(f"numbers|{name}".encode()).digest()
    return "test" if int.from_bytes(digest[:4], "big") < TEST_SHARE * 2**32 else "train"


def content_name(kind: Kind, operands: tuple[int, ...]) -> str:
    """Content as an id: the order of addends and of compared numbers makes no difference."""
    if kind == "divisible":
        content = (operands[0], *sorted(operands[1:]))
    else:
        content = operands if kind == "sequence" else tuple(sorted(operands))
    return "-".join([kind, *(str(number) for number in content)])


def draw(kind: Kind, level: Level, rng: random.Random) -> tuple[int, ...] | None:
    """Operands of a kind; None where the draw does not make a question with one right answer."""
    if kind == "sum":
        addends = tuple(rng.randint(*level.addend) for _ in range(level.addends))
        return addends if level.total[0] <= sum(addends) <= level.total[1] else None
    if kind == "largest":
        low = rng.randint(level.compared[0], level.compared[1] - level.spread + 1)
        return tuple(rng.sample(range(low, low + level.spread), 4))
    if kind == "divisible":
        divisor = rng.choice(level.divisors)
        numbers = rng.sample(range(level.divided[0], level.divided[1] + 1), 4)
        fits = sum(one % divisor == 0 for one in numbers) == 1
        # The divisor itself would be the one option that the stem names twice, and always right.
        return (divisor, *numbers) if fits and divisor not in numbers else None
    terms, step = [rng.randint(*level.starts)], rng.choice(level.steps)
    growth = rng.choice(level.growth)
    for index in range(3):
        terms.append(terms[-1] + step + index * growth)
    return tuple(terms)


def build(kind: Kind, operands: tuple[int, ...], level: int) -> Question:
    """The question: its options and their order follow from its content and nothing else."""
    name = content_name(kind, operands)
    rng = random.Random(name)
    answer, values = _values(kind, operands, rng)
    stem, *others = _wordings(kind, operands)
    return Question(
        id=name,
        stem=stem,
        options=lettered(map(str, values)),
        answer_id=f"o{values.index(answer) + 1}",
        metadata={
            "canary": CANARY,
            "domain": "numbers",
            "kind": kind,
            "operands": list(operands),
            "level": level,
            "split": split_of(name),
            "paraphrases": others,
        },
    )


def _values(kind: Kind, operands: tuple[int, ...], rng: random.Random) -> tuple[int, list[int]]:
    """The right value, and the four values offered in the order shown."""
    if kind == "largest":
        return max(operands), list(operands)
    if kind == "divisible":
        divisor, *numbers = operands
        return next(one for one in numbers if one % divisor == 0), numbers
    answer = sum(operands) if kind == "sum" else _next_term(operands)
    # The right value is the lowest, second, third or highest equally often: its rank tells nothing.
    lower, higher = _near(answer, -1, operands), _near(answer, 1, operands)
    below = rng.randint(max(0, 3 - len(higher)), min(3, len(lower)))
    lower, higher = rng.sample(lower, below), rng.sample(higher, 3 - below)
    values = [answer, *lower, *higher]
    rng.shuffle(values)
    return answer, values


def _near(answer: int, sign: int, operands: tuple[int, ...]) -> list[int]:
    """Wrong values below or above, at most six, of as many digits.

    None stands in the stem, where the right one never does.
    """
    values = (answer + sign * gap for gap in (1, 2, 3, 4, 5, 10, 6, 7, 8, 9))
    alike = (value for value in values if len(str(value)) == len(str(answer)))
    return [value for value in alike if value > 0 and value not in operands][:6]


def _next_term(terms: tuple[int, ...]) -> int:
    step = terms[-1] - terms[-2]
    return terms[-1] + step + (step - (terms[-2] - terms[-3]))


def _wordings(kind: Kind, operands: tuple[int, ...]) -> list[str]:
    """The stem and two other wordings of it."""
    if kind == "sum":
        added = " + ".join(str(number) for number in operands)
        return [f"What is {added}?", f"How much is {added}?", f"Work out the sum {added}."]
    if kind == "sequence":
        return _sequence_wordings(operands)
    numbers = listed([str(number) for number in operands[1 if kind == "divisible" else 0 :]])
    if kind == "largest":
        return [
            f"Which of the numbers {numbers} is the largest?",
            f"What is the largest of the numbers {numbers}?",
            f"Of the numbers {numbers}, which one is greater than all the rest?",
        ]
    return [
        f"Which of the numbers {numbers} is divisible by {operands[0]}?",
        f"Which of the numbers {numbers} can be divided by {operands[0]} with no remainder?",
        f"Of the numbers {numbers}, which one is a multiple of {operands[0]}?",
    ]


def _sequence_wordings(terms: tuple[int, ...]) -> list[str]:
    told = ", ".join(str(term) for term in terms)
    steps = [after - before for before, after in pairwise(terms)]
    if steps[0] == steps[-1]:
        rule = f"{'go up' if steps[0] > 0 else 'go down'} by the same step each time"
    else:
        rule = "go up by a step that itself grows by the same amount each time"
    return [
        f"The numbers {told} {rule}. Which number comes next?",
        f"Which number follows {told}, where the numbers {rule}?",
        f"Continue the sequence {told}. The numbers {rule}.",
    ]


def worked(question: Question) -> WorkedExample:
    """The worked answer of a numbers question in every rationale style, made from its operands.

    Raises:
        KeyError: for a question that this module did not make.
    """
    operands, kind = tuple(question.metadata["operands"]), question.metadata["kind"]
    values = [int(option.text) for option in question.options]
    answer = int(question.option(str(question.answer_id)).text)
    working, reasons, free = _explain(kind, operands, values, answer)
    chosen = reasons[values.index(answer)]
    return WorkedExample(
        id=question.id,
        domain="numbers",
        question=question.stem,
        options=tuple(str(value) for value in values),
        answer=str(answer),
        working=working,
        reasons=tuple(reasons),
        paper=working or upper_first(chosen),
        free=free,
    )


def _explain(
    kind: Kind, operands: tuple[int, ...], values: list[int], answer: int
) -> tuple[str, list[str], str]:
    """(working, a reason for each value, general reasoning)."""
    if kind == "divisible":
        divisor = operands[0]
        reasons = [
            f"{value} = {divisor} x {value // divisor}."
            if value % divisor == 0
            else f"dividing {value} by {divisor} leaves {value % divisor}."
            for value in values
        ]
        return "", reasons, f"A number is divisible by {divisor} when nothing is left over."
    if kind == "largest":
        others = ", ".join(str(value) for value in values if value != answer)
        reasons = [
            f"{value} is more than {others}."
            if value == answer
            else f"{value} is less than {answer}."
            for value in values
        ]
        return "", reasons, "The numbers are compared digit by digit, from the left."
    if kind == "sum":
        working = f"{' + '.join(str(number) for number in operands)} = {answer}."
        fits = f"{answer} is the sum."
    else:
        last, step = operands[-1], answer - operands[-1]
        sign = "+" if step > 0 else "-"
        working = f"The next step is {step}, and {last} {sign} {abs(step)} = {answer}."
        fits = f"{answer} is {abs(step)} {'more' if step > 0 else 'less'} than {last}."
    reasons = [fits if value == answer else _gap(value, answer) for value in values]
    return working, reasons, working


def _gap(value: int, answer: int) -> str:
    side = "more" if value > answer else "less"
    return f"{value} is {abs(value - answer)} {side} than {answer}."


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
