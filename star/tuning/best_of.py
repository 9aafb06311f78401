"""Best of n: wrong samples train a ranker, which chooses among samples of the test questions.

After V-STaR (Hosseini et al. 2024, section 3): right and wrong samples of all rounds to the same
prompt make preference pairs; DPO on them, from the chosen weights, makes a model that ranks; of n
samples of a test question the one that it finds likeliest counts. It is held against the greedy
answer, one sample, the samples' majority, and the sample likeliest to the chosen model itself,
which needs no ranker.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from starprobe.bench.models.base import Request, ScoringBackend
from starprobe.bench.models.thinking import whole
from starprobe.bench.records import Comparison
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Question
from starprobe.star.config import StarConfig
from starprobe.star.evaluate import gain_over
from starprobe.star.filters import decide
from starprobe.star.folder import Iteration, Phases
from starprobe.star.measure import GOOD, grouped, majority, share
from starprobe.star.prompts import ask_validation, completion, seed_for
from starprobe.star.records import BestOf, Generated, Job, Sample, TrainRow
from starprobe.star.tuning.launch import finetuned
from starprobe.star.tuning.rows import Render, renderer, train_rows
from starprobe.star.work import Work, base_weights, generate_missing


def take_best_of(work: Work) -> None:
    """Writes best_of.json beside the chosen weights; nothing where it is not wanted or is there.

    Raises:
        InputError: the backend cannot score text.
    """
    count, best = work.config.evaluation.best_of, work.training.best
    if not count or not best or work.test is None:
        return
    iteration = work.training.iteration(best)
    there = iteration.best_of()
    if there is not None and there.samples == count:
        return
    backend = work.models.get(iteration.adapter)
    rows = pair_rows(work, iteration, renderer(backend))
    if not rows:
        work.watcher.say("best_of: no prompt has a right and a wrong sample; nothing is ranked")
        return
    samples, texts = drawn(work, iteration, count)
    own = scores(work, iteration.adapter, texts)
    ranked = scores(work, ranker(work, iteration, rows), texts)
    iteration.write("best_of.json", told(iteration.test(), samples, own, ranked, len(rows)))


def preference_pairs(
    samples: Sequence[Sample], most: int, seed: int
) -> list[tuple[Sample, Sample]]:
    """(right, wrong) samples of the same prompt, drawn from all such pairs of different texts.

    Args:
        samples: of all rounds, without hints.
        most: pairs of a prompt at most.
        seed: of the draw.
    """
    prompts: dict[tuple[str, int], tuple[dict[str, Sample], dict[str, Sample]]] = defaultdict(
        lambda: ({}, {})
    )
    for one in samples:
        right, wrong = prompts[one.question_id, one.order]
        if one.reason in GOOD:
            right.setdefault(whole(one).strip(), one)
        elif one.reason in ("wrong", "reward"):
            wrong.setdefault(whole(one).strip(), one)
    found: list[tuple[Sample, Sample]] = []
    for (name, order), (right, wrong) in prompts.items():
        both = list(itertools.product(right.values(), wrong.values()))
        rng = random.Random(f"best of|{seed}|{name}|{order}")
        found += rng.sample(both, min(most, len(both)))
    return found


def pair_rows(work: Work, iteration: Iteration, render: Render) -> list[TrainRow]:
    """The pairs of all rounds up to this one, fixed in pairs.jsonl."""
    if iteration.has("pairs.jsonl"):
        return iteration.pairs()
    rounds = [work.training.samples(number) for number in range(1, iteration.number + 1)]
    config = work.config
    pairs = preference_pairs([*itertools.chain(*rounds)], config.selection.cap, config.seed)
    named = {
        f"{right.question_id}#pair{n}": (right, wrong) for n, (right, wrong) in enumerate(pairs)
    }
    right = [
        one.model_copy(update={"id": name, "token_ids": None}) for name, (one, _) in named.items()
    ]
    rejected = {name: whole(wrong) for name, (_, wrong) in named.items()}
    rows = train_rows(right, work.questions, config, render, rejected)
    if rows:
        iteration.write("pairs.jsonl", rows)
    return rows


def ask_sampled(
    question: Question, config: StarConfig, index: int, repeat: int
) -> tuple[Generated, Request]:
    """A test question as `ask_validation` asks it, sampled as in training."""
    row, request = ask_validation(question, config, index, f"b{repeat}")
    changed = {
        "temperature": config.sampling.temperature,
        "top_p": config.sampling.top_p,
        "seed": seed_for(config, repeat, row.id),
    }
    sampling = request.sampling.model_copy(update=changed)
    row = row.model_copy(update={"repeat": repeat, "seed": sampling.seed})
    return row, request.model_copy(update={"sampling": sampling})


def drawn(
    work: Work, iteration: Iteration, count: int
) -> tuple[list[Sample], list[tuple[str, str]]]:
    """So many samples of each test question, read, and each as (prompt, answer) to be scored."""
    test = work.test.questions if work.test is not None else ()
    asked = [
        ask_sampled(question, work.config, index, repeat)
        for index, question in enumerate(test)
        for repeat in range(count)
    ]
    backend = work.models.get(iteration.adapter)
    with Phases(iteration).timed("ranking") as counter:
        rows = generate_missing(iteration, "best_of", asked, backend, work.watcher)
        counter(rows)
    questions = {one.id: one for one in test}
    samples = [decide(work.read(row, questions[row.question_id]), ()) for row in rows]
    render = renderer(backend)
    prompts = {row.id: render(request.prompt) for row, request in asked}
    texts = [(prompts[one.id], completion(prompts[one.id], whole(one))) for one in samples]
    return samples, texts


def ranker(work: Work, iteration: Iteration, rows: Sequence[TrainRow]) -> Path:
    """The folder of the ranker's weights; trained unless it is there."""
    job = Job(
        rows=iteration.path / "pairs.jsonl",
        base=base_weights(work.config.model),
        config=work.config,
        iteration=iteration.number,
        target=iteration.path / "ranker",
        previous=iteration.adapter,
        ranks=True,
    )
    if not job.target.exists():
        work.models.close()
        with Phases(iteration).timed("ranking"):
            finetuned(job, work.watcher)
    shutil.rmtree(job.snapshots, ignore_errors=True)
    return job.target


def scores(work: Work, weights: Path, texts: Sequence[tuple[str, str]]) -> list[float]:
    """How likely these weights find each answer.

    Raises:
        InputError: the backend cannot score text.
    """
    backend = work.models.get(weights)
    if not isinstance(backend, ScoringBackend):
        raise InputError(f"best_of: {backend.info().name} cannot score text; train with hf:")
    return backend.loglikelihoods(texts)


def told(
    greedy: Sequence[Sample],
    samples: Sequence[Sample],
    own: Sequence[float],
    ranked: Sequence[float],
    pairs: int,
) -> BestOf:
    """The ways of choosing, in numbers, and the ranker's choice against each.

    Args:
        greedy: the chosen weights' greedy answers to the same questions.
        samples: theirs, sampled.
        own: log-likelihoods of the samples under the weights that gave them.
        ranked: under the ranker.
        pairs: that it was trained on.
    """
    likely = {one.id: value for one, value in zip(samples, own, strict=True)}
    rank = {one.id: value for one, value in zip(samples, ranked, strict=True)}
    by_question = list(grouped(samples).values())
    ways = {
        "greedy": list(greedy),
        "sampled": [rows[0] for rows in by_question],
        "majority": [majority(rows) or rows[0] for rows in by_question],
        "likeliest": [max(rows, key=lambda one: likely[one.id]) for rows in by_question],
        "ranker": [max(rows, key=lambda one: rank[one.id]) for rows in by_question],
        "any": [
            next((one for one in rows if one.correct is True), rows[0]) for rows in by_question
        ],
    }
    against: list[Comparison | None] = [
        gain_over(ways[name], ways["ranker"], (name, "ranker"))
        for name in ("greedy", "majority", "likeliest")
    ]
    return BestOf(
        samples=max(map(len, by_question)),
        pairs=pairs,
        ways={
            name: share(sum(one.correct is True for one in chosen), len(chosen))
            for name, chosen in ways.items()
        },
        comparisons=tuple(one for one in against if one is not None),
    )
