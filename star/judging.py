"""Judges instead of the answer key: a panel's consensus or a reward model decides what is kept.

Both are asked by `bench.judges`, of what passed the filters that look at one generation alone.
Every judgement is appended to the iteration's judgements.jsonl and never asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starprobe.bench.judges.panel import Case, Rubric, get_rubric
from starprobe.bench.judges.stage import Asked, JudgeConfig, ask_judges, ask_rewards
from starprobe.bench.judges.votes import Judgement
from starprobe.bench.models import BackendOptions, parse_model
from starprobe.bench.records import Response
from starprobe.probes.errors import MissingError
from starprobe.probes.worked_examples import closing
from starprobe.star.config import KeepBy, StarConfig
from starprobe.star.judged import by_consensus, by_reward, decided_by, score_of
from starprobe.star.models import TRAINABLE
from starprobe.star.phases import Phases
from starprobe.star.prompts import prompt_for
from starprobe.star.records import Sample
from starprobe.star.sampling import MAX_ERRORS
from starprobe.star.storage import Iteration
from starprobe.star.work import Work


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
            there = iteration.judgements()
            _write(work, iteration, ask_judges(panel(work.config), rubric, cases, there))
    return list(iteration.judgements().values())


def ask_reward(work: Work, iteration: Iteration, samples: Sequence[Sample]) -> list[Judgement]:
    """The reward model's scores of these samples; only those not yet made are asked for."""
    cases = [case_of(work, one) for one in samples]
    if cases:
        _write(work, iteration, ask_rewards(panel(work.config), cases, iteration.judgements()))
    return list(iteration.judgements().values())


def panel(config: StarConfig) -> JudgeConfig:
    """Who judges, as `bench.judges` takes it."""
    return JudgeConfig(
        judges=config.judges,
        rewards=(config.reward,) if config.reward else (),
        options=BackendOptions(batch_size=config.batch_size, device=config.device),
    )


def rubric_of(work: Work, sample: Sample) -> Rubric:
    """What the panel is asked: about the best option, or about a free answer."""
    return get_rubric("right" if work.questions[sample.question_id].options else "solved")


def case_of(work: Work, sample: Sample) -> Case:
    """The sample as an answer to its question asked plainly: no example and no hint."""
    question = work.questions[sample.question_id]
    prompt = prompt_for(question, work.config, "sampled", sample.order, few_shot=False)
    return Case(prompt, (_response(sample.id, prompt.id, sample.text, work.config),))


def _response(name: str, prompt_id: str, text: str, config: StarConfig) -> Response:
    return Response(id=name, prompt_id=prompt_id, model=config.model, text=text)


def _write(work: Work, iteration: Iteration, asked: Iterable[Asked]) -> None:
    """Appends judgements as they come.

    Raises:
        MissingError: most requests to one judge failed.
    """
    if any(is_local(name) for name in (*work.config.judges, work.config.reward) if name):
        work.models.close()
    for name, total, made in asked:
        work.watcher.start("judging", total)
        failed: list[str] = []
        with iteration.judgement_writer() as writer:
            for judgement in made:
                writer.append([judgement])
                work.watcher.advance(1, _tokens(judgement))
                if judgement.error is not None:
                    failed.append(judgement.error.message)
        if len(failed) > MAX_ERRORS * total:
            raise MissingError(
                f"{len(failed)} of {total} requests to {name} failed ({failed[0]}); run the same "
                f"command again when that is cured: the others are kept"
            )


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
        for name, _, made in ask_judges(panel(config), rubric, [case], {}):
            _answers(name, made)
    if "reward" in deciders:
        for name, _, made in ask_rewards(panel(config), [case], {}):
            for judgement in _answers(name, made):
                score_of(judgement.scores or {}, config.reward_score)


def _answers(name: str, made: Iterable[Judgement]) -> list[Judgement]:
    found = list(made)
    for judgement in found:
        if judgement.error is not None:
            raise MissingError(f"{name} does not answer: {judgement.error.message}")
    return found


def is_local(model: str) -> bool:
    """Whether a judge takes memory of this machine."""
    parsed = parse_model(model)
    return parsed.backend in TRAINABLE and parsed.url is None


def _tokens(judgement: Judgement) -> int:
    return (judgement.usage.completion_tokens or 0) if judgement.usage else 0
