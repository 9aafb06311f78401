"""Judgements -> fates: what a panel's consensus or a reward model's scores decide. Pure.

A tie of the panel and a missing score are abstentions: what nobody vouches for is not trained on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from starprobe.bench.judges.summary import count_judges
from starprobe.bench.judges.votes import Judgement, consensus
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Question
from starprobe.star.config import KeepBy, StarConfig
from starprobe.star.filters import dropped
from starprobe.star.measure import share
from starprobe.star.questions import keyed
from starprobe.star.records import Judging, Sample

RIGHT = "RIGHT"
"""The choice of a rubric that keeps."""
_SCORES = ("correctness", "helpfulness")
"""Which of several scores of a reward model counts, where the configuration does not say."""


def decided_by(question: Question, config: StarConfig) -> KeepBy:
    """Who says whether an answer to this question is right."""
    if config.keep_by != "key":
        return config.keep_by
    if keyed([question]):
        return "key"
    return "judges" if config.judges else "reward"


def by_consensus(samples: Iterable[Sample], said: Iterable[Judgement]) -> dict[str, Sample]:
    """Sample id -> the sample as the panel decided; its score is the share of votes for it."""
    found = {one.response_id: one for one in consensus(said)}
    fates = {}
    for sample in samples:
        panel = found.get(sample.id)
        votes = panel.votes if panel else {}
        if votes:
            score = votes.get(RIGHT, 0) / sum(votes.values())
            sample = sample.model_copy(update={"score": round(score, 4)})
        if panel is None or panel.choice is None:
            sample = dropped(sample, "abstained")
        elif panel.choice != RIGHT:
            sample = dropped(sample, "reward")
        fates[sample.id] = sample
    return fates


def by_reward(
    samples: Iterable[Sample], said: Iterable[Judgement], config: StarConfig
) -> dict[str, Sample]:
    """Sample id -> the sample as its reward decides: by the threshold, and the best of a question.

    A sample without a score is dropped as abstained.

    Raises:
        InputError: none of the scores is the one that is asked for.
    """
    scores = {
        one.response_id: score_of(one.scores, config.reward_score)
        for one in said
        if one.kind == "reward" and one.scores is not None
    }
    ranked: dict[str, list[Sample]] = defaultdict(list)
    fates = {}
    for sample in samples:
        score = scores.get(sample.id)
        if score is None:
            fates[sample.id] = dropped(sample, "abstained")
            continue
        fates[sample.id] = sample = sample.model_copy(update={"score": round(score, 4)})
        if config.reward_at_least is not None and score < config.reward_at_least:
            fates[sample.id] = dropped(sample, "reward")
        else:
            ranked[sample.question_id].append(sample)
    for rows in ranked.values():
        best = sorted(rows, key=lambda one: (-(one.score or 0.0), one.index))
        for sample in best[config.reward_best :] if config.reward_best else ():
            fates[sample.id] = dropped(sample, "reward")
    return fates


def score_of(scores: Mapping[str, float], wanted: str) -> float:
    """The score that counts: the one wanted, the only one, else correctness or helpfulness.

    Raises:
        InputError: it is not there, or none can be told to count.
    """
    if not wanted and len(scores) == 1:
        return next(iter(scores.values()))
    for name in (wanted,) if wanted else _SCORES:
        if name in scores:
            return scores[name]
    raise InputError(
        f"reward_score={wanted or '(not said)'}: the reward model gives {', '.join(scores)}; "
        f"name one of them"
    )


def judging_numbers(samples: Sequence[Sample], judgements: Sequence[Judgement]) -> Judging | None:
    """How the judges did; None where nobody was asked.

    Where the answer key is known as well, they are held against it.
    """
    asked = {one.response_id for one in judgements}
    judged = [sample for sample in samples if sample.id in asked]
    if not judged:
        return None
    usages = [one.usage for one in judgements if one.usage is not None]
    spent = [usage.cost for usage in usages if usage.cost is not None]
    silent = [sample for sample in judged if sample.reason == "abstained"]
    spoken = [one for one in judged if one.reason != "abstained" and one.correct is not None]
    wanted = [one for one in spoken if one.reason != "reward"]
    agreed = sum((one.reason != "reward") == one.correct for one in spoken)
    return Judging(
        judged=len(judged),
        abstained=share(len(silent), len(judged)),
        matches_key=share(agreed, len(spoken)),
        wanted_are_right=share(sum(one.correct is True for one in wanted), len(wanted)),
        cost=sum(spent) if spent else None,
        judges=tuple(count_judges(judgements)),
    )
