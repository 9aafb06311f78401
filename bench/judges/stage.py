"""A run folder in, judgements.jsonl out, and what the judgements amount to.

Judges and reward models are asked what they have not judged yet. All that stands there is summed
up: consensus, agreement, scores beside length, and both against a key.
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import Field

from starprobe.bench.ask import ask_missing
from starprobe.bench.frames import exchanges, places_of, question_keys
from starprobe.bench.judges.panel import (
    RUBRICS,
    Case,
    Consensus,
    CountRow,
    JudgeCount,
    Judgement,
    Rubric,
    as_asked,
    both_orders,
    consensus,
    counts_self,
    get_rubric,
    judge,
    named_cases,
    pair_cases,
    pair_consensus,
    read_judgements,
    single_cases,
    undecided_cases,
)
from starprobe.bench.judges.rewards import ASKED, load_reward, reward
from starprobe.bench.metrics.compare import adjust, comparison
from starprobe.bench.metrics.estimates import EVERY, as_metric
from starprobe.bench.models import BackendOptions, Models, name_of, opened
from starprobe.bench.progress import Counting, Silent
from starprobe.bench.records import Comparison, Metric, Response
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.intervals import bounded_mean, mean, rate
from starprobe.bench.statistics.labelled import Agreement, agreement
from starprobe.bench.statistics.paired import paired_mean
from starprobe.probes.errors import InputError, UserError
from starprobe.probes.schema import Prompt, Record
from starprobe.probes.suites import Suite, load_suite

Places = Mapping[str, tuple[str, str, str]]
"""Response id -> model, condition, question."""


class Asked(NamedTuple):
    """What one judge is asked; one is loaded at a time."""

    judge: str
    cases: dict[str, Case]
    """By the id of the judgement."""
    make: Callable[[dict[str, Case]], Iterator[tuple[str, list[Judgement]]]]
    """Judgement id and judgement of some of these cases, as they come."""


class Summary(Record):
    """All of it for one run; what metrics.json has of it is without the rows of each response."""

    judges: tuple[JudgeCount, ...]
    """How many each was shown, could not be read for, and failed on; votes on its own responses."""
    agreement: dict[str, Agreement]
    """Rubric -> agreement of the panel."""
    consensus: dict[str, tuple[Consensus, ...]] = Field(default_factory=dict, exclude=True)
    """Rubric -> consensus of each response or pair."""
    metrics: tuple[Metric, ...]
    """Shares of consensus choices, means of scores and lengths, by model and condition."""
    rewards: tuple[Comparison, ...]
    """Differences of scores between models within a prompt, and of length beside them."""


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


def summarize(
    judgements: Sequence[Judgement],
    prompts: Mapping[str, Prompt],
    responses: Mapping[str, Response],
    count_self: bool = True,
    correct: Mapping[str, bool | None] | None = None,
) -> Summary:
    """Everything that the judgements of a run say.

    Args:
        judgements: any kinds, rubrics and judges together.
        prompts: prompt id -> prompt.
        responses: response id -> response, in the order in which they were asked: the models of a
            difference stand in it.
        count_self: whether a judge's vote on its own responses counts.
        correct: response id -> score, where a reader has read the run; adds what judges and rewards
            are worth against the key.
    """
    # Judges answer in any order; which model is held against which must not hang on it.
    order = {name: at for at, name in enumerate(responses)}
    judgements = sorted(
        judgements,
        key=lambda row: (row.judge, row.rubric or "", order.get(row.response_id, len(order))),
    )
    by_rubric: dict[str, list[Judgement]] = {}
    for row in judgements:
        if row.rubric is not None:
            by_rubric.setdefault(row.rubric, []).append(row)
    found = {
        name: tuple(consensus(rows, count_self) or pair_consensus(rows, count_self, order))
        for name, rows in sorted(by_rubric.items())
    }
    questions = question_keys(prompts.values())
    place = {
        name: (row.model, prompts[row.prompt_id].condition, questions[row.prompt_id])
        for name, row in responses.items()
        if row.prompt_id in prompts
    }
    known = correct or {}
    rewards = [row for row in judgements if row.kind == "reward" and row.response_id in place]
    return Summary(
        judges=tuple(count_judges(judgements)),
        agreement={
            name: _agreement(name, rows, order, {key: at[2] for key, at in place.items()})
            for name, rows in sorted(by_rubric.items())
        },
        consensus=found,
        metrics=(
            *_shares(found, place),
            *_reward_means(rewards, place),
            *matches_key(
                found.get("right", ()), known, {name: at[2] for name, at in place.items()}
            ),
            *ranks_right_higher(rewards, known, responses, questions),
        ),
        rewards=tuple(within_prompts(rewards, responses, prompts)),
    )


def count_judges(judgements: Iterable[Judgement]) -> list[JudgeCount]:
    """Judge by judge and rubric by rubric: how many were asked, read, lost."""
    cells: dict[tuple[str, str | None], list[Judgement]] = {}
    for row in judgements:
        cells.setdefault((row.judge, row.rubric), []).append(row)
    return [
        JudgeCount(
            judge=judge,
            rubric=rubric,
            asked=len(rows),
            unreadable=sum(row.failed_to_parse for row in rows),
            failed=sum(row.error is not None for row in rows),
            self_judging=sum(row.self_judging for row in rows),
            first_error=next((row.error.message for row in rows if row.error is not None), None),
        )
        for (judge, rubric), rows in cells.items()
    ]


def _agreement(
    name: str,
    rows: Sequence[Judgement],
    order: Mapping[str, int],
    question: Mapping[str, str],
) -> Agreement:
    votes: dict[str, dict[str, str | None]] = {}
    pairs: dict[tuple[str, str, str], list[Judgement]] = {}
    for row in rows:
        if row.other_id is None:
            votes.setdefault(row.judge, {})[row.response_id] = row.choice
        else:
            one, two = as_asked(row.response_id, row.other_id, order)
            pairs.setdefault((row.judge, one, two), []).append(row)
    for (who, one, two), both in pairs.items():
        votes.setdefault(who, {})[f"{one} {two}"] = both_orders(one, both)
    choices = _choices(name, (choice for said in votes.values() for choice in said.values()))
    asked = {item: question.get(item.split()[0], item) for said in votes.values() for item in said}
    return agreement(votes, choices, asked)


def _shares(found: Mapping[str, Sequence[Consensus]], place: Places) -> Iterable[Metric]:
    """`consensus_RUBRIC_CHOICE`: among responses with a consensus; `..._abstained`: among all."""
    for name, rows in found.items():
        cells: dict[tuple[str, str], list[Consensus]] = {}
        for row in rows:
            if row.other_id is None and row.response_id in place:
                cells.setdefault(place[row.response_id][:2], []).append(row)
        for (model, condition), here in cells.items():
            questions = np.array([place[row.response_id][2] for row in here])
            silent = np.array([row.choice is None for row in here], dtype=np.float64)
            for choice in sorted(_choices(name, (row.choice for row in here))):
                said = np.array([row.choice == choice for row in here], dtype=np.float64)
                share = rate(np.where(silent == 1, np.nan, said), questions)
                yield as_metric(f"consensus_{name}_{choice}", model, condition, share)
            yield as_metric(
                f"consensus_{name}_abstained", model, condition, rate(silent, questions)
            )


def _choices(rubric: str, said: Iterable[str | None]) -> Sequence[str]:
    """All that could be chosen: a choice that nobody made has the share 0 and is not missing."""
    if rubric in RUBRICS:
        return RUBRICS[rubric].choices
    return sorted({choice for choice in said if choice is not None})


def _reward_means(rows: Sequence[Judgement], place: Places) -> Iterable[Metric]:
    cells: dict[tuple[str, str, str], list[Judgement]] = {}
    for row in rows:
        if row.scores is not None:
            model, condition, _ = place[row.response_id]
            cells.setdefault((row.judge, model, condition), []).append(row)
    for (who, model, condition), here in cells.items():
        questions = np.array([place[row.response_id][2] for row in here])
        for name, values in _columns(here).items():
            yield as_metric(f"{who} {name}", model, condition, mean(values, questions))


def _columns(rows: Sequence[Judgement]) -> dict[str, np.ndarray]:
    """Each attribute, and the length that must be read beside it."""
    names = sorted({name for row in rows for name in row.scores or {}})
    columns = {
        name: np.array([(row.scores or {}).get(name, np.nan) for row in rows], dtype=np.float64)
        for name in names
    }
    return {**columns, "chars": np.array([row.chars for row in rows], dtype=np.float64)}


def within_prompts(
    rows: Sequence[Judgement], responses: Mapping[str, Response], prompts: Mapping[str, Prompt]
) -> list[Comparison]:
    """Scores of two models on the very same prompts, one row an attribute, and one for length.

    Scores of a reward model mean nothing across prompts, so no other difference is taken.
    """
    cells: dict[tuple[str, str], dict[tuple[str, str, int], Judgement]] = {}
    for row in rows:
        response = responses[row.response_id]
        if row.scores is not None:
            prompt = prompts[response.prompt_id]
            key = response.model, prompt.id, response.repeat
            cells.setdefault((row.judge, prompt.condition), {})[key] = row
    found = [
        _difference(judge, condition, models, by_key, prompts)
        for (judge, condition), by_key in cells.items()
        for models in combinations(list(dict.fromkeys(model for model, _, _ in by_key)), 2)
    ]
    return adjust([row for group in found for row in group])


def _difference(
    judge: str,
    condition: str,
    models: tuple[str, str],
    by_key: Mapping[tuple[str, str, int], Judgement],
    prompts: Mapping[str, Prompt],
) -> list[Comparison]:
    before, after = models
    shared = [
        (prompt, repeat)
        for model, prompt, repeat in by_key
        if model == before and (after, prompt, repeat) in by_key
    ]
    if not shared:
        return []
    one = _columns([by_key[before, prompt, repeat] for prompt, repeat in shared])
    two = _columns([by_key[after, prompt, repeat] for prompt, repeat in shared])
    keys = question_keys(prompts.values())
    questions = np.array([keys[prompt] for prompt, _ in shared])
    rows = []
    for name in one:
        paired = paired_mean(one[name], two.get(name, np.full(len(shared), np.nan)), questions)
        names = before, after, condition
        rows.append(comparison(f"{judge} {name}", "mean", names, paired, bounded=False))
    return rows


def matches_key(
    found: Sequence[Consensus], correct: Mapping[str, bool | None], question: Mapping[str, str]
) -> Iterator[Metric]:
    """`consensus_right_matches_key`: where the panel says RIGHT or WRONG, it agrees with the key.

    Args:
        found: the consensus on the rubric `right`.
        correct: response id -> score.
        question: response id -> question id.
    """
    rows = [
        (row.choice == "RIGHT", correct[row.response_id], question[row.response_id])
        for row in found
        if row.choice in ("RIGHT", "WRONG") and correct.get(row.response_id) is not None
    ]
    if rows:
        same = np.array([said == key for said, key, _ in rows], dtype=np.float64)
        questions = np.array([name for _, _, name in rows])
        yield as_metric("consensus_right_matches_key", EVERY, EVERY, rate(same, questions))


def ranks_right_higher(
    rows: Sequence[Judgement],
    correct: Mapping[str, bool | None],
    responses: Mapping[str, Response],
    questions: Mapping[str, str],
) -> Iterator[Metric]:
    """`JUDGE SCORE ranks_right_higher`: the right one of two responses to a prompt scores higher.

    Ties count half. Only pairs within a prompt are looked at; every question weighs alike.
    """
    cells: dict[tuple[str, str], dict[str, tuple[list[float], list[float]]]] = {}
    for row in rows:
        key = correct.get(row.response_id)
        if row.scores is None or key is None:
            continue
        prompt_id = responses[row.response_id].prompt_id
        for name, score in row.scores.items():
            sides = cells.setdefault((row.judge, name), {}).setdefault(prompt_id, ([], []))
            sides[0 if key else 1].append(score)
    for (who, name), by_prompt in cells.items():
        won: dict[str, float] = {}
        pairs: dict[str, float] = {}
        for prompt_id, (right, wrong) in by_prompt.items():
            question = questions[prompt_id]
            above = np.subtract.outer(right, wrong)
            won[question] = won.get(question, 0.0) + float(
                (above > 0).sum() + (above == 0).sum() / 2
            )
            pairs[question] = pairs.get(question, 0.0) + above.size
        kept = [question for question, count in pairs.items() if count]
        shares = np.array([won[question] / pairs[question] for question in kept])
        yield as_metric(f"{who} {name} ranks_right_higher", EVERY, EVERY, bounded_mean(shares))
