"""An iteration's material: which questions are asked, samples and rationalizations with fates.

All questions, or as AdaSTaR (Koh et al. 2025, algorithm 1): a priority queue on (iteration last
asked, win rate), of whose heads only as many are put back as the model is strong.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from starprobe.bench.models.base import Request
from starprobe.bench.models.thinking import whole
from starprobe.star.config import StarConfig
from starprobe.star.filters import apply_filters, dropped
from starprobe.star.folder import Iteration, Phases
from starprobe.star.judging import decided_by, judge
from starprobe.star.measure import GOOD, solved_questions
from starprobe.star.prompts import ask, ask_arrival
from starprobe.star.read import Read
from starprobe.star.records import Generated, Sample
from starprobe.star.tuning.rows import renderer
from starprobe.star.work import Work


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
