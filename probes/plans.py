"""Plans: what is asked, where it is not all questions under all conditions.

A plan has steps (single experiments, with what was seen once) or blocks (sets under conditions), or
both. Knows what is to be asked and runs nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from starprobe.probes.conditions import get_condition
from starprobe.probes.errors import InputError
from starprobe.probes.loading import join_sets, load_probe_set
from starprobe.probes.rendering import SHOTS, inapplicable, left_out, render, render_set
from starprobe.probes.schema import ProbeSet, Prompt, Record

PLANS = ("seed", "battery")
"""The built-in plans."""
Kind = Literal["all", "chat", "base"]
"""Models that a block is for: those with a chat format, base models, or both."""


class Step(Record):
    """One experiment."""

    number: int
    kind: Literal["ask", "reward", "judge"] = "ask"
    """`reward` and `judge` rate responses of earlier steps instead of asking."""
    question: str
    """Its id in the plan's set."""
    conditions: tuple[str, ...] = ()
    """More than one where the experiment has variants."""
    of: tuple[int, ...] = ()
    """Numbers of the steps whose responses are rated."""
    given: tuple[str, ...] = ()
    """Further responses to rate, as they stand."""
    models: tuple[str, ...] = ()
    """Where it was once seen; a run takes whatever models it is given."""
    seen: str = ""
    """What was seen there."""


class Block(Record):
    """Questions of one set under each of some conditions."""

    set: str
    """A built-in set or a JSONL file."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first questions."""
    conditions: tuple[str, ...] = Field(min_length=1)
    orders: int = Field(default=1, ge=1)
    """Option orders a question: file order and its rotations."""
    repeats: int = Field(default=1, ge=1)
    models: Kind = "all"


class Plan(Record):
    """Steps over the questions of one set, and blocks."""

    name: str
    about: str = ""
    set: str = ""
    """Of the steps: a built-in set or a JSONL file."""
    step: tuple[Step, ...] = ()
    block: tuple[Block, ...] = ()


class Planned(NamedTuple):
    """A prompt, and how often it is asked of a chat model and of a base model."""

    prompt: Prompt
    chat: int = 1
    base: int = 1


def load_plan(name_or_path: str) -> Plan:
    """The built-in plan of this name, or a plan of one's own in a TOML file of the same form.

    Every question and condition that it names is looked up, so that a run cannot stop half-way.

    Raises:
        InputError: for an unknown name, or a file that does not hold a plan.
    """
    if name_or_path in PLANS:
        source = f"plan_{name_or_path}.toml"
        text = files("starprobe.probes").joinpath("data", source).read_text(encoding="utf-8")
    else:
        source = name_or_path
        text = _own(name_or_path)
    try:
        plan = Plan(name=Path(name_or_path).stem, **tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source}: not valid TOML: {error}") from error
    except (ValidationError, TypeError) as error:
        raise InputError(f"{source}: {_first(error)}") from error
    _check(plan, source)
    return plan


def _own(path: str) -> str:
    if not path.endswith(".toml"):
        raise InputError(f"unknown plan {path!r}; built in: {', '.join(PLANS)}, or a .toml file")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"field {'.'.join(str(part) for part in first['loc'])!r}: {first['msg']}"


def _check(plan: Plan, source: str) -> None:
    if not plan.step and not plan.block:
        raise InputError(f"{source}: it asks nothing; give it a [[step]] or a [[block]]")
    for number, block in enumerate(plan.block, start=1):
        if not render_set(_limited(block), list(block.conditions)):
            raise InputError(f"{source}, block {number}: its conditions fit none of its questions")
    if plan.step:
        _check_steps(plan, source)


def _check_steps(plan: Plan, source: str) -> None:
    questions = {question.id: question for question in load_probe_set(plan.set).questions}
    numbers = {step.number for step in plan.step if step.kind == "ask"}
    for step in plan.step:
        where = f"{source}, step {step.number}"
        if step.question not in questions:
            raise InputError(f"{where}: the set {plan.set!r} has no question {step.question!r}")
        if bool(step.conditions) != (step.kind == "ask") or not set(step.of) <= numbers:
            raise InputError(f"{where}: a step asks under conditions, or rates steps that ask")
        for name in step.conditions:
            reason = inapplicable(questions[step.question], get_condition(name))
            if reason:
                raise InputError(f"{where}: condition {name!r}: {reason}")


def plan_questions(plan: Plan) -> ProbeSet:
    """The questions that the plan asks, in the order of their sets.

    Raises:
        InputError: an id is in more than one set.
    """
    wanted: dict[str, set[str]] = {plan.set: {step.question for step in plan.step}}
    for block in plan.block:
        ids = {question.id for question in _limited(block).questions}
        wanted[block.set] = wanted.get(block.set, set()) | ids
    sets = []
    for name, ids in wanted.items():
        if ids:
            one = load_probe_set(name)
            kept = tuple(question for question in one.questions if question.id in ids)
            sets.append(one.model_copy(update={"questions": kept}))
    return join_sets(sets)


def _limited(block: Block) -> ProbeSet:
    one = load_probe_set(block.set)
    return one.model_copy(update={"questions": one.questions[: block.limit]})


def plan_prompts(plan: Plan, orders: int = 1, shots: int = SHOTS) -> list[Prompt]:
    """Each prompt of the plan once, in order; steps that rate ask nothing."""
    return [planned.prompt for planned in planned_prompts(plan, orders, shots)]


def planned_prompts(plan: Plan, orders: int = 1, shots: int = SHOTS) -> list[Planned]:
    """Each prompt of the plan once, with the most repeats that a block wants of it."""
    found: dict[str, Planned] = {}
    for one in (*_of_steps(plan, orders, shots), *_of_blocks(plan, orders, shots)):
        known = found.get(one.prompt.id, one)
        found[one.prompt.id] = Planned(
            known.prompt, max(known.chat, one.chat), max(known.base, one.base)
        )
    return list(found.values())


def _of_steps(plan: Plan, orders: int, shots: int) -> Iterator[Planned]:
    questions = {one.id: one for one in load_probe_set(plan.set).questions} if plan.step else {}
    for step in plan.step:
        question = questions[step.question]
        for name in step.conditions:
            for order in range(min(orders, len(question.options) or 1)):
                yield Planned(render(question, name, order, shots=shots))


def _of_blocks(plan: Plan, orders: int, shots: int) -> Iterator[Planned]:
    for block in plan.block:
        asked = list(block.conditions)
        for prompt in render_set(_limited(block), asked, max(orders, block.orders), shots=shots):
            named = prompt.model_copy(update={"probes": block.set})
            chat, base = block.models != "base", block.models != "chat"
            yield Planned(named, block.repeats * chat, block.repeats * base)


def plan_left_out(plan: Plan) -> dict[tuple[str, str, str], int]:
    """(set, condition, reason) -> questions of the plan's blocks that it does not apply to."""
    return {
        (block.set, condition, reason): count
        for block in plan.block
        for (condition, reason), count in left_out(_limited(block), list(block.conditions)).items()
    }


def steps_of(plan: Plan, prompt: Prompt) -> tuple[Step, ...]:
    """The steps that ask this prompt: an experiment repeated on other models is the same prompt."""
    return tuple(
        step
        for step in plan.step
        if step.question == prompt.question_id and prompt.condition in step.conditions
    )
