"""Judges instead of the answer key: a panel's consensus or a reward model decides what is kept.

Both are asked by `bench.judges`, of what passed the filters that look at one generation alone.
Every judgement is appended to the iteration's judgements.jsonl and never asked for again. A tie of
the panel and a missing score are abstentions: what nobody vouches for is not trained on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from starprobe.bench.ask import ask_missing
from starprobe.bench.judges.panel import Case, Rubric, get_rubric
from starprobe.bench.judges.stage import Asked, JudgeConfig, ask_judges, ask_rewards
from starprobe.bench.judges.summary import count_judges
from starprobe.bench.judges.votes import Judgement, consensus
from starprobe.bench.models import BackendOptions, parse_model
from starprobe.bench.records import Response
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.rendering import closing
from starprobe.probes.schema import Question
from starprobe.star.config import KeepBy, StarConfig
from starprobe.star.filters import dropped
from starprobe.star.folder import Iteration, Phases
from starprobe.star.measure import share
from starprobe.star.prompts import prompt_for
from starprobe.star.questions import keyed
from starprobe.star.records import Judging, Sample
from starprobe.star.work import MAX_ERRORS, TRAINABLE, Work

RIGHT = "RIGHT"
"""The choice of a rubric that keeps."""
_SCORES = ("correctness", "helpfulness")
"""Which of several scores of a reward model counts, where the configuration does not say."""


def decided_by(question: Question, config: StarConfig) -> KeepBy:
    """Who says whether an answer to this question is right."""
    if config.selection.keep_by != "key":
        return config.selection.keep_by
    if keyed([question]):
        return "key"
    return "judges" if config.selection.judges else "reward"


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
        one.response_id: score_of(one.scores, config.selection.reward_score)
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
        if (
            config.selection.reward_at_least is not None
            and score < config.selection.reward_at_least
        ):
            fates[sample.id] = dropped(sample, "reward")
        else:
            ranked[sample.question_id].append(sample)
    for rows in ranked.values():
        best = sorted(rows, key=lambda one: (-(one.score or 0.0), one.repeat))
        for sample in best[config.selection.reward_best :] if config.selection.reward_best else ():
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


def judge(
    work: Work, iteration: Iteration, samples: Sequence[Sample], phases: Phases
) -> list[Sample]:
    """The same samples; those kept so far that the judges do not want are dropped.

    Raises:
        MissingError: most requests failed, so that a judge is not there or not well.
        InputError: a reward model without the score that is asked for.
    """
    waiting: dict[KeepBy, list[Sample]] = {"key": [], "judges": [], "reward": []}
    for sample in samples:
        if sample.kept:
            who = decided_by(work.questions[sample.question_id], work.config)
            waiting[who].append(sample)
    if not waiting["judges"] and not waiting["reward"]:
        return list(samples)
    with phases.timed("judging"):
        said = ask_panel(work, iteration, waiting["judges"])
        fates = by_consensus(waiting["judges"], said)
        said = ask_reward(work, iteration, waiting["reward"])
        fates |= by_reward(waiting["reward"], said, work.config)
    phases.count("judging", sum(map(_tokens, iteration.judgements().values())))
    return [fates.get(sample.id, sample) for sample in samples]


def ask_panel(work: Work, iteration: Iteration, samples: Sequence[Sample]) -> list[Judgement]:
    """Every judge's votes on these samples; only those not yet made are asked for."""
    for rubric in (get_rubric("right"), get_rubric("solved")):
        cases = [case_of(work, one) for one in samples if rubric_of(work, one) == rubric]
        if cases:
            row = rubric.row().model_dump(mode="json")
            if row not in list(iteration.judgement_rows()):
                with iteration.judgement_writer() as writer:
                    writer.append([row])
            _write(work, iteration, ask_judges(panel(work.config), rubric, cases))
    return list(iteration.judgements().values())


def ask_reward(work: Work, iteration: Iteration, samples: Sequence[Sample]) -> list[Judgement]:
    """The reward model's scores of these samples; only those not yet made are asked for."""
    cases = [case_of(work, one) for one in samples]
    if cases:
        _write(work, iteration, ask_rewards(panel(work.config), cases))
    return list(iteration.judgements().values())


def panel(config: StarConfig) -> JudgeConfig:
    """Who judges, as `bench.judges` takes it."""
    return JudgeConfig(
        judges=config.selection.judges,
        rewards=(config.selection.reward,) if config.selection.reward else (),
        options=BackendOptions(batch_size=config.machine.batch_size, device=config.machine.device),
    )


def rubric_of(work: Work, sample: Sample) -> Rubric:
    """What the panel is asked: about the best option, or about a free answer."""
    return get_rubric("right" if work.questions[sample.question_id].options else "solved")


def case_of(work: Work, sample: Sample) -> Case:
    """The sample as an answer to its question asked plainly: no example and no hint."""
    question = work.questions[sample.question_id]
    prompt = prompt_for(question, work.config, "sampled", sample.order, few_shot=False)
    return Case(prompt, (_response(sample.id, prompt.id, sample.readable, work.config),))


def _response(name: str, prompt_id: str, text: str, config: StarConfig) -> Response:
    return Response(id=name, prompt_id=prompt_id, model=config.model, text=text)


def _write(work: Work, iteration: Iteration, asked: Iterable[Asked]) -> None:
    """Appends judgements as they come.

    Raises:
        MissingError: most requests to one judge failed.
    """
    if any(
        is_local(name)
        for name in (*work.config.selection.judges, work.config.selection.reward)
        if name
    ):
        work.models.close()
    there = iteration.judgements()
    with iteration.judgement_writer() as writer:
        for name, cases, make in asked:
            phase = f"judging, {name}"
            ask_missing(cases, there, make, writer.append, work.watcher, phase, MAX_ERRORS)


def rehearse(work: Work) -> None:
    """Nothing, where every judge answers: asked of one made-up response before any sampling.

    Raises:
        MissingError: a judge that does not answer.
        InputError: a reward model without the score that is asked for.
    """
    config = work.config
    if config.method != "star" or work.training.iteration(1).has("samples.jsonl"):
        return
    deciders = {decided_by(work.questions[name], config) for name in work.splits.train}
    question = work.questions[work.splits.train[0]]
    prompt = prompt_for(question, config, "sampled", 0, few_shot=False)
    first = prompt.shown[0] if prompt.shown else None
    text = closing(first.label, first.text) if first else closing(None, "0")
    case = Case(prompt, (_response("rehearsal", prompt.id, text, config),))
    rubric = get_rubric("right" if question.options else "solved")
    if "judges" in deciders:
        for asked in ask_judges(panel(config), rubric, [case]):
            _answers(asked)
    if "reward" in deciders:
        for asked in ask_rewards(panel(config), [case]):
            for judgement in _answers(asked):
                score_of(judgement.scores or {}, config.selection.reward_score)


def _answers(asked: Asked) -> list[Judgement]:
    found = [judgement for _, rows in asked.make(asked.cases) for judgement in rows]
    for judgement in found:
        if judgement.error is not None:
            raise MissingError(f"{asked.judge} does not answer: {judgement.error.message}")
    return found


def is_local(model: str) -> bool:
    """Whether a judge takes memory of this machine."""
    parsed = parse_model(model)
    return parsed.backend in TRAINABLE and parsed.url is None


def _tokens(judgement: Judgement) -> int:
    return (judgement.usage.completion_tokens or 0) if judgement.usage else 0
