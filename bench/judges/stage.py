"""A run folder in, judgements.jsonl out: asks the judges what they have not judged yet."""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.ask import ask_missing
from starprobe.bench.frames import exchanges, places_of
from starprobe.bench.judges.panel import (
    Case,
    Rubric,
    get_rubric,
    judge,
    named_cases,
    pair_cases,
    single_cases,
    undecided_cases,
)
from starprobe.bench.judges.rewards import ASKED, load_reward, reward
from starprobe.bench.judges.summary import Summary, summarize
from starprobe.bench.judges.votes import CountRow, Judgement, counts_self, read_judgements
from starprobe.bench.models import BackendOptions, Models, name_of, opened
from starprobe.bench.progress import Counting, Silent
from starprobe.bench.records import Response
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import InputError, UserError
from starprobe.probes.schema import Record
from starprobe.probes.suites import Suite, load_suite


class Asked(NamedTuple):
    """What one judge is asked; one is loaded at a time."""

    judge: str
    cases: dict[str, Case]
    """By the id of the judgement."""
    make: Callable[[dict[str, Case]], Iterator[tuple[str, list[Judgement]]]]
    """Judgement id and judgement of some of these cases, as they come."""


class JudgeConfig(Record):
    """Who judges what."""

    judges: Models = ()
    rewards: Models = ()
    rubric: str = "right"
    limit: int | None = None
    """Only so many responses (or pairs in both orders), drawn by the seed."""
    seed: int = 0
    count_self: bool = True
    options: BackendOptions = BackendOptions()


def judge_run(path: Path | str, config: JudgeConfig, watcher: Counting | None = None) -> Summary:
    """Has the run judged, and sums up all judgements that it holds by now.

    Running it again asks only what is missing or failed.

    Args:
        path: the run folder.
        config: judge and reward models, the rubric, and of how many responses.
        watcher: is told how far each judge is.

    Raises:
        FolderError: no run folder.
        InputError: nobody is to judge, or there is nothing to judge.
        MissingError: a judge is not there.
    """
    if not config.judges and not config.rewards:
        raise InputError("nobody is to judge: give --judges MODEL,MODEL or --reward MODEL")
    run, rubric = Run(path), get_rubric(config.rubric)
    there = read_judgements(run.judgements())
    with run.judgement_writer() as writer:
        if counts_self(run.judgements()) != config.count_self:
            writer.append([CountRow(count_self=config.count_self)])
        for name, cases, make in _work(run, config, rubric):
            ask_missing(cases, there, make, writer.append, watcher or Silent(), name)
    return summary(run)


def summary(run: Run, reader: str | None = None) -> Summary:
    """What the judgements of a run amount to, held against the key as read by `chosen_reader`."""
    found = read_judgements(run.judgements())
    asked = sorted(run.responses().values(), key=places_of(run))
    read = exchanges(run, reader) if run.verdict_names() else ()
    correct = {one.response.id: one.correct for one in read}
    responses, counted = {row.id: row for row in asked}, counts_self(run.judgements())
    return summarize(list(found.values()), run.prompts(), responses, counted, correct)


def _work(run: Run, config: JudgeConfig, rubric: Rubric) -> Iterator[Asked]:
    """What every judge and reward model is to be asked of a run."""
    if config.judges:
        cases = _cases(run, rubric, config)
        if rubric.row().model_dump(mode="json") not in list(run.judgements()):
            with run.judgement_writer() as writer:
                writer.append([rubric.row()])
        yield from ask_judges(config, rubric, cases)
    if config.rewards:
        given = given_cases(run) if config.limit is None else []
        yield from ask_rewards(config, [*_cases(run, None, config), *given])


def ask_judges(config: JudgeConfig, rubric: Rubric, cases: Sequence[Case]) -> Iterator[Asked]:
    """What each judge is to be asked.

    Args:
        config: its `judges` and how they run.
        rubric: what is asked.
        cases: what is judged.
    """
    for name in config.judges:
        with opened(name, config.options) as backend:
            named, told = named_cases(backend.info(), rubric.hash, cases), name_of(name)
            yield Asked(told, named, lambda left: _each(judge(backend, rubric, left)))


def ask_rewards(config: JudgeConfig, cases: Sequence[Case]) -> Iterator[Asked]:
    """As `ask_judges`, for the `rewards` of the configuration."""
    for name in config.rewards:
        with opened(name, config.options, load_reward) as backend:
            named, told = named_cases(backend.info(), ASKED, cases), name_of(name)
            yield Asked(told, named, lambda left: _each(reward(backend, left)))


def _each(made: Iterator[Judgement]) -> Iterator[tuple[str, list[Judgement]]]:
    for judgement in made:
        yield judgement.id, [judgement]


def suite_of(run: Run) -> Suite | None:
    """The suite that a run was asked by; None where it was asked otherwise, or is not there."""
    words = []
    with suppress(ValueError):
        words = shlex.split(run.info.command)
    for flag, name in pairwise(words):
        if flag == "--suite":
            with suppress(UserError):
                return load_suite(name)
    return None


def given_cases(run: Run) -> list[Case]:
    """The answers that steps of the run's suite give to be rated, to the question asked plainly."""
    suite, cases = suite_of(run), []
    for step in suite.step if suite is not None else ():
        prompt = run.prompts().get(f"{step.question}|plain|0")
        if prompt is None or step.kind != "reward":
            continue
        for text in step.given:
            name = given_id(step.number, text)
            response = Response(id=name, prompt_id=prompt.id, model="given", text=text)
            cases.append(Case(prompt, (response,)))
    return cases


def given_id(step: int, text: str) -> str:
    """The id under which an answer that a step gives is rated."""
    return f"given|{step}|{text}"


def _cases(run: Run, rubric: Rubric | None, config: JudgeConfig) -> list[Case]:
    pairs = rubric is not None and rubric.kind == "pair"
    make = pair_cases if pairs else single_cases
    if rubric is not None and rubric.name == "open":
        make = undecided_cases
    cases = list(make(run.prompts(), run.responses().values()))
    if not cases:
        what = "two models' responses to the same prompt" if pairs else "a response"
        if make is undecided_cases:
            what = "an answer in free words that its words do not decide"
        raise InputError(f"{run.path} holds nothing to judge: it needs {what}")
    if config.limit is None or config.limit * (2 if pairs else 1) >= len(cases):
        return cases
    # Both orders of a pair stand next to each other and are drawn together.
    size = 2 if pairs else 1
    starts = random.Random(config.seed).sample(range(0, len(cases), size), config.limit)
    return [case for start in sorted(starts) for case in cases[start : start + size]]
