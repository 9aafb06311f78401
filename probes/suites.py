"""Suites: what is asked, where it is not all questions under all conditions.

A suite has steps (single experiments, with what was seen once), blocks (sets under conditions), or
both. Knows what is to be asked and runs nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from starprobe.probes.conditions import Alphabet, get_condition
from starprobe.probes.errors import InputError, first_error
from starprobe.probes.formats import DATA, read_toml
from starprobe.probes.rendering import inapplicable, left_out, render, render_set
from starprobe.probes.schema import ProbeSet, Prompt, Record
from starprobe.probes.sets import join_sets, load_probe_set, sample_set

SUITES = ("seed", "battery")
"""The built-in suites."""
Kind = Literal["all", "chat", "base"]
"""Models that a block is for: those with a chat format, base models, or both."""


class Step(Record):
    """One experiment."""

    number: int
    kind: Literal["ask", "reward", "judge"] = "ask"
    """`reward` and `judge` rate responses of earlier steps instead of asking."""
    question: str
    """Its id in the suite's set."""
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
    """Only so many questions, a sample of every topic."""
    conditions: tuple[str, ...] = Field(min_length=1)
    orders: int = Field(default=1, ge=1)
    """Option orders a question: file order and its rotations."""
    repeats: int = Field(default=1, ge=1)
    models: Kind = "all"
    wordings: tuple[int, ...] = Field(default=(0,), min_length=1)
    """A factor: 0 is the stem, 1 and 2 its other wordings; only questions with all are asked."""
    labels: tuple[Alphabet, ...] = Field(default=("upper",), min_length=1)
    """A factor: what the options are labelled with."""
    cells: int | None = Field(default=None, ge=1)
    """In how many of the combinations of orders, wordings and labels each question is asked; the
    combinations are dealt out in turn, so that all come equally often. By default in all."""


class Factor(NamedTuple):
    """Something that a block varies on purpose."""

    set: str
    condition: str
    name: Literal["orders", "wordings", "labels"]
    levels: tuple[str, ...]
    paired: int
    """Questions that are asked at both of two levels; of the two that share the fewest."""
    least: int
    """Questions at the level that has the fewest."""
    requests: int
    """Of this set and condition."""


class Suite(Record):
    """Steps over the questions of one set, and blocks."""

    name: str
    about: str = ""
    set: str = ""
    """Of the steps: a built-in set or a JSONL file."""
    step: tuple[Step, ...] = ()
    block: tuple[Block, ...] = ()


class Terms(NamedTuple):
    """A prompt, and how often it is asked of a chat model and of a base model."""

    prompt: Prompt
    chat: int = 1
    base: int = 1


def load_suite(name_or_path: str) -> Suite:
    """The built-in suite of this name, or a suite of one's own in a TOML file of the same form.

    Every question and condition that it names is looked up, so that a run cannot stop half-way.

    Raises:
        InputError: for an unknown name, or a file that does not hold a suite.
    """
    source = name_or_path
    if name_or_path in SUITES:
        tables = read_toml(DATA / f"suite_{name_or_path}.toml")
    elif name_or_path.endswith(".toml"):
        tables = read_toml(name_or_path)
    else:
        known = ", ".join(SUITES)
        raise InputError(f"unknown suite {name_or_path!r}; built in: {known}, or a .toml file")
    try:
        suite = Suite(name=Path(name_or_path).stem, **tables)
    except ValidationError as error:
        raise InputError(f"{source}: {first_error(error)}") from error
    except TypeError as error:  # It has a name of its own.
        raise InputError(f"{source}: {error}") from error
    _check(suite, source)
    return suite


def _check(suite: Suite, source: str) -> None:
    if not suite.step and not suite.block:
        raise InputError(f"{source}: it asks nothing; give it a [[step]] or a [[block]]")
    for number, block in enumerate(suite.block, start=1):
        if not render_set(_limited(block), list(block.conditions)):
            raise InputError(f"{source}, block {number}: its conditions fit none of its questions")
    if suite.step:
        _check_steps(suite, source)


def _check_steps(suite: Suite, source: str) -> None:
    questions = {question.id: question for question in load_probe_set(suite.set).questions}
    numbers = {step.number for step in suite.step if step.kind == "ask"}
    for step in suite.step:
        where = f"{source}, step {step.number}"
        if step.question not in questions:
            raise InputError(f"{where}: the set {suite.set!r} has no question {step.question!r}")
        if bool(step.conditions) != (step.kind == "ask") or not set(step.of) <= numbers:
            raise InputError(f"{where}: a step asks under conditions, or rates steps that ask")
        for name in step.conditions:
            reason = inapplicable(questions[step.question], get_condition(name))
            if reason:
                raise InputError(f"{where}: condition {name!r}: {reason}")


def suite_questions(suite: Suite) -> ProbeSet:
    """The questions that the suite asks, in the order of their sets.

    Raises:
        InputError: an id is in more than one set.
    """
    wanted: dict[str, set[str]] = {suite.set: {step.question for step in suite.step}}
    for block in suite.block:
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
    return sample_set(load_probe_set(block.set), block.limit)


def suite_prompts(suite: Suite, orders: int = 1) -> list[Prompt]:
    """Each prompt of the suite once, in order; steps that rate ask nothing."""
    return [terms.prompt for terms in suite_terms(suite, orders)]


def suite_terms(suite: Suite, orders: int = 1) -> list[Terms]:
    """Each prompt of the suite once, with the most repeats that a block wants of it."""
    found: dict[str, Terms] = {}
    for one in (*_of_steps(suite, orders), *_of_blocks(suite, orders)):
        known = found.get(one.prompt.id, one)
        found[one.prompt.id] = Terms(
            known.prompt, max(known.chat, one.chat), max(known.base, one.base)
        )
    return list(found.values())


def _of_steps(suite: Suite, orders: int) -> Iterator[Terms]:
    questions = {one.id: one for one in load_probe_set(suite.set).questions} if suite.step else {}
    for step in suite.step:
        question = questions[step.question]
        for name in step.conditions:
            for order in range(min(orders, len(question.options) or 1)):
                yield Terms(render(question, name, order))


def _of_blocks(suite: Suite, orders: int) -> Iterator[Terms]:
    for block in suite.block:
        asked = list(block.conditions)
        if _crossed(block):
            rendered = [cell.prompt for cell in _cells(block, max(orders, block.orders))]
        else:
            rendered = render_set(_limited(block), asked, max(orders, block.orders))
        for prompt in rendered:
            named = prompt.model_copy(update={"probes": block.set})
            chat, base = block.models != "base", block.models != "chat"
            yield Terms(named, block.repeats * chat, block.repeats * base)


class Cell(NamedTuple):
    """A prompt of a block that varies orders, wordings or labels, and where it stands in it."""

    prompt: Prompt
    condition: str
    levels: dict[str, str]
    """Factor -> level."""


def _crossed(block: Block) -> bool:
    return len(block.wordings) > 1 or len(block.labels) > 1 or block.cells is not None


def _cells(block: Block, orders: int) -> Iterator[Cell]:
    """The prompts of a block that crosses factors: each question in its share of combinations.

    The combinations stand in one shuffled row. Question k takes them from k times `cells` on, and
    begins again after the last: over the set every combination comes equally often, to within one.
    """
    asked = 0
    for question in _limited(block).questions:
        names = _names(block)
        if any(inapplicable(question, get_condition(name)) for name in names.values()):
            continue
        turns = min(orders, len(question.options) or 1)
        every = list(product(range(turns), block.wordings, block.labels))
        random.Random(0).shuffle(every)
        count = min(block.cells or len(every), len(every))
        for step in range(asked * count, (asked + 1) * count):
            order, wording, labels = every[step % len(every)]
            levels = {"orders": str(order), "wordings": str(wording), "labels": labels}
            for condition in block.conditions:
                name = names[condition, wording, labels]
                yield Cell(render(question, name, order), condition, levels)
        asked += 1


def _names(block: Block) -> dict[tuple[str, int, str], str]:
    every = product(block.conditions, block.wordings, block.labels)
    return {one: _with(*one) for one in every}


def _with(condition: str, wording: int, labels: str) -> str:
    """The condition with this wording and these labels: `plain+labels_digits+paraphrase1`."""
    parts = [condition]
    parts += [f"labels_{labels}"] if labels != "upper" else []
    parts += [f"paraphrase{wording}"] if wording else []
    return "+".join(parts)


def suite_factors(suite: Suite, orders: int = 1) -> list[Factor]:
    """What the blocks of the suite vary on purpose, with how many questions tell levels apart."""
    found = []
    for block in suite.block:
        cells = list(_cells(block, max(orders, block.orders))) if _crossed(block) else []
        for condition in block.conditions if cells else ():
            own = [cell for cell in cells if cell.condition == condition]
            for name in ("orders", "wordings", "labels"):
                asked: dict[str, set[str]] = {}
                for cell in own:
                    asked.setdefault(cell.levels[name], set()).add(cell.prompt.question_id)
                if len(asked) > 1:
                    paired = min(len(one & other) for one, other in combinations(asked.values(), 2))
                    least, requests = min(map(len, asked.values())), len(own) * block.repeats
                    levels = tuple(sorted(asked))
                    found.append(
                        Factor(block.set, condition, name, levels, paired, least, requests)
                    )
    return found


def suite_left_out(suite: Suite) -> dict[tuple[str, str, str], int]:
    """(set, condition, reason) -> questions of the suite's blocks that it does not apply to."""
    return {
        (block.set, condition, reason): count
        for block in suite.block
        for (condition, reason), count in left_out(
            _limited(block), list(_names(block).values())
        ).items()
    }
