"""An iteration's material: which questions are asked, samples and rationalizations with fates.

All questions, or as AdaSTaR (Koh et al. 2025, algorithm 1): a priority queue on (iteration last
asked, win rate), of whose heads only as many are put back as the model is strong.

Judges may decide instead of the answer key: a panel's consensus or a reward model is asked, by
`bench.judges`, of what passed the filters that look at one generation alone. Every judgement is
appended to the iteration's judgements.jsonl and never asked for again. A tie of the panel and a
missing score are abstentions: what nobody vouches for is not trained on.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from starprobe.bench.ask import ask_missing
from starprobe.bench.judges.panel import Case, Judgement, Rubric, consensus, get_rubric
from starprobe.bench.judges.stage import Asked, JudgeConfig, ask_judges, ask_rewards, count_judges
from starprobe.bench.models import BackendOptions, parse_model
from starprobe.bench.models.backend import Request
from starprobe.bench.models.thinking import whole
from starprobe.bench.records import Response
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.rendering import closing
from starprobe.probes.schema import Question
from starprobe.star.config import KeepBy, StarConfig
from starprobe.star.filters import Read, apply_filters, dropped
from starprobe.star.folder import Iteration, Phases
from starprobe.star.measure import GOOD, share, solved_questions
from starprobe.star.prompts import ask, ask_arrival, prompt_for
from starprobe.star.questions import keyed
from starprobe.star.records import Generated, Judging, Sample
from starprobe.star.tuning.rows import renderer
from starprobe.star.work import MAX_ERRORS, TRAINABLE, Work


class State(NamedTuple):
    """What is known of a question."""

    last: int
    """Iteration in which it was last counted as asked; 0 is never."""
    win_rate: float


def questions_to_ask(
    ids: Sequence[str], history: Sequence[Sequence[Sample]], config: StarConfig
) -> list[str]:
    """The questions of the next iteration.

    Args:
        ids: of the training questions.
        history: the samples and rationalizations of each iteration before, in order.
        config: its `sampler`, and the steps that the rows are to fill.
    """
    if config.sampling.sampler == "all":
        return list(ids)
    states = replay(ids, history)
    order = sorted(range(len(ids)), key=lambda i: (states[ids[i]].last, states[ids[i]].win_rate, i))
    wanted = rows_wanted(config, len(history) + 1)
    yielded = strength(history[-1]) if history else 0.5
    # As many as should give the rows that the steps take, asked in whole.
    count = min(len(ids), math.ceil(wanted / max(0.1, yielded) / config.sampling.samples))
    return [ids[i] for i in order[:count]]


def replay(ids: Sequence[str], history: Sequence[Sequence[Sample]]) -> dict[str, State]:
    """The state of every question after the iterations so far.

    Of the questions asked, as many are put back with what was learnt of them as the model is
    strong, squared.
    """
    states = dict.fromkeys(ids, State(0, 0.0))
    for iteration, samples in enumerate(history, start=1):
        asked = list(dict.fromkeys(one.question_id for one in samples if one.source == "sampled"))
        put_back = round(len(asked) * strength(samples) ** 2)
        for name in asked[:put_back]:
            if name in states:
                states[name] = State(iteration, win_rate(samples, name))
    return states


def strength(samples: Sequence[Sample]) -> float:
    """Accuracy, and of what is missing from it the share that was right with the hint."""
    own = accuracy([one for one in samples if one.source == "sampled"])
    hinted = accuracy([one for one in samples if one.source == "rationalized"])
    return own + (1 - own) * hinted


def rows_wanted(config: StarConfig, iteration: int) -> int:
    """Rows that fill an iteration's steps once."""
    steps = (config.training.steps or 40) * config.training.step_growth ** (iteration - 1)
    return max(1, round(steps) * config.training.train_batch_size)


def accuracy(samples: Sequence[Sample]) -> float:
    """Right among all, or wanted by judges where no key says so; 0 over nothing."""
    good = sum(one.reason in GOOD if one.correct is None else one.correct for one in samples)
    return good / len(samples) if samples else 0.0


def win_rate(samples: Sequence[Sample], question_id: str) -> float:
    """Right among a question's tries, the hinted one too: 1, a half or 0 with one of each."""
    return accuracy([one for one in samples if one.question_id == question_id])


def gather(work: Work, iteration: Iteration, phases: Phases) -> tuple[list[Sample], list[Sample]]:
    """The iteration's samples and rationalizations with their fates."""
    if work.config.method != "star":
        return [], []
    if not iteration.has("samples.jsonl"):
        with phases.timed("sampling") as count:
            rows = drawn(work, iteration)
            count(rows)
        reads = work.reads(rows)
        kept = apply_filters(
            reads,
            work.config,
            lambda some: judge(work, iteration, some, phases),
            lambda some: asked_again(work, iteration, some, phases),
        )
        iteration.write("samples.jsonl", kept)
    samples = iteration.samples()
    if not iteration.has("rationalized.jsonl"):
        with phases.timed("rationalizing") as count:
            asked = ask_hinted(work, iteration.number, samples)
            rows = work.generate(iteration, "rationalized", asked) if asked else []
            count(rows)
        kept = apply_filters(work.reads(rows), work.config)
        if work.config.rationalization.arrives:
            kept = drop_unsupported(work, iteration, kept, phases)
        iteration.write("rationalized.jsonl", kept)
    return samples, iteration.rationalized()


def drawn(work: Work, iteration: Iteration) -> list[Generated]:
    """The samples of an iteration: all at once, or until a question has enough right ones."""
    asked, enough = ask_all(work, iteration.number), work.config.sampling.enough
    if enough is None:
        return work.generate(iteration, "samples", asked)
    rows: list[Generated] = []
    right = Counter[str]()
    for turn in range(work.config.sampling.samples):
        wanted = [
            pair for pair in asked if pair[0].repeat == turn and right[pair[0].question_id] < enough
        ]
        if wanted:
            made = work.generate(iteration, "samples", wanted)
            right.update(one.row.question_id for one in work.reads(made) if one.correct)
            rows += made
    return rows


def asked_again(
    work: Work, iteration: Iteration, samples: Sequence[Sample], phases: Phases
) -> list[Read]:
    """The questions of kept samples once more, in orders of the options that no sample had."""
    config = work.config
    names = dict.fromkeys(sample.question_id for sample in samples if sample.kept)
    asked = [
        ask(
            work.questions[name],
            config,
            iteration.number,
            config.sampling.samples + more,
            "sampled",
        )
        for name in names
        for more in range(config.selection.reask)
    ]
    if not asked:
        return []
    with phases.timed("reasking") as count:
        rows = work.generate(iteration, "reasked", asked)
        count(rows)
    return work.reads(rows)


def drop_unsupported(
    work: Work, iteration: Iteration, samples: Sequence[Sample], phases: Phases
) -> list[Sample]:
    """Drops rationalizations from whose reasons the model, without the hint, does not arrive.

    Each is continued greedily behind the prompt that it would be trained on, from its reasons up
    to where they first name the answer: what only copies the hint leaves nothing to arrive from.
    """
    kept = [sample for sample in samples if sample.kept]
    if not kept:
        return list(samples)
    render = renderer(work.sampler(iteration.number))
    asked, begun = [], {}
    for sample in kept:
        question = work.questions[sample.question_id]
        row, request, reasons = ask_arrival(sample, question, work.config, render)
        asked.append((row, request))
        begun[row.id] = reasons
    with phases.timed("checking") as count:
        rows = work.generate(iteration, "arrivals", asked)
        count(rows)
    joined = [row.model_copy(update={"text": begun[row.id] + whole(row)}) for row in rows]
    arrived = {one.row.id for one in work.reads(joined) if one.correct is True}
    return [
        dropped(sample, "unsupported") if sample.kept and sample.id not in arrived else sample
        for sample in samples
    ]


def ask_all(work: Work, number: int) -> list[tuple[Generated, Request]]:
    """Every sample of an iteration, still to be made."""
    done = [work.training.iteration(before) for before in range(1, number)]
    history = [[*one.samples(), *one.rationalized()] for one in done]
    chosen = questions_to_ask(work.splits.train, history, work.config)
    return [
        ask(work.questions[name], work.config, number, index, "sampled")
        for name in chosen
        for index in range(work.config.sampling.samples)
    ]


def ask_hinted(
    work: Work, number: int, samples: Sequence[Sample]
) -> list[tuple[Generated, Request]]:
    """The rationalizations of an iteration: of what it did not solve, or nobody ever did.

    A hint is the answer key, so there is none where judges stand in for it.
    """
    if work.config.rationalization.rationalize == "none":
        return []
    solved = set(solved_questions(samples))
    if work.config.rationalization.rationalize == "unsolved":
        for before in range(1, number):
            solved |= work.solved_in(before)
    asked = dict.fromkeys(sample.question_id for sample in samples)
    return [
        ask(work.questions[name], work.config, number, index, "rationalized")
        for name in asked
        if name not in solved and decided_by(work.questions[name], work.config) == "key"
        for index in range(work.config.rationalization.rationalize_samples)
    ]


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
