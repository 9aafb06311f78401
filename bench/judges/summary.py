"""What judgements amount to: consensus, agreement, scores beside length, and against a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from pydantic import Field

from starprobe.bench.frames import question_keys
from starprobe.bench.judges.panel import RUBRICS
from starprobe.bench.judges.votes import (
    Consensus,
    JudgeCount,
    Judgement,
    as_asked,
    both_orders,
    consensus,
    pair_consensus,
)
from starprobe.bench.metrics.compare import adjust, comparison
from starprobe.bench.metrics.measure import as_metric
from starprobe.bench.records import Comparison, Metric, Response
from starprobe.bench.statistics.intervals import bounded_mean, mean, rate
from starprobe.bench.statistics.labelled import Agreement, agreement
from starprobe.bench.statistics.paired import paired_mean
from starprobe.probes.schema import Prompt, Record


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
    for (judge, one, two), both in pairs.items():
        votes.setdefault(judge, {})[f"{one} {two}"] = both_orders(one, both)
    choices = (
        RUBRICS[name].choices
        if name in RUBRICS
        else sorted({choice for said in votes.values() for choice in said.values() if choice})
    )
    asked = {item: question.get(item.split()[0], item) for said in votes.values() for item in said}
    return agreement(votes, choices, asked)


Places = Mapping[str, tuple[str, str, str]]


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
            for choice in _choices(name, here):
                said = np.array([row.choice == choice for row in here], dtype=np.float64)
                share = rate(np.where(silent == 1, np.nan, said), questions)
                yield as_metric(f"consensus_{name}_{choice}", model, condition, share)
            yield as_metric(
                f"consensus_{name}_abstained", model, condition, rate(silent, questions)
            )


def _choices(rubric: str, rows: Sequence[Consensus]) -> list[str]:
    """All that could be chosen: a choice that nobody made has the share 0 and is not missing."""
    if rubric in RUBRICS:
        return sorted(RUBRICS[rubric].choices)
    return sorted({row.choice for row in rows if row.choice is not None})


def _reward_means(rows: Sequence[Judgement], place: Places) -> Iterable[Metric]:
    cells: dict[tuple[str, str, str], list[Judgement]] = {}
    for row in rows:
        if row.scores is not None:
            model, condition, _ = place[row.response_id]
            cells.setdefault((row.judge, model, condition), []).append(row)
    for (judge, model, condition), here in cells.items():
        questions = np.array([place[row.response_id][2] for row in here])
        for name, values in _columns(here).items():
            yield as_metric(f"{judge} {name}", model, condition, mean(values, questions))


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


EVERY = "all"
"""Condition and model of a metric that is over all of them."""


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
    for (judge, name), by_prompt in cells.items():
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
        yield as_metric(f"{judge} {name} ranks_right_higher", EVERY, EVERY, bounded_mean(shares))
