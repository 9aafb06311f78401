"""Held-out questions asked of trained weights: validation, the test, and what may be unlearnt.

Validation chooses. The test is asked once, after the choice, of the base and the chosen iteration
(with `test_every` of all, to draw the curve that papers show). Forgetting asks questions of another
kind: our own sets by bench's loop, tasks of the lm-evaluation-harness by the harness itself.

Best of n, after V-STaR (Hosseini et al. 2024, section 3): right and wrong samples of all rounds to
the same prompt make preference pairs; DPO on them, from the chosen weights, makes a model that
ranks; of n samples of a test question the one that it finds likeliest counts. It is held against
the greedy answer, one sample, the samples' majority, and the sample likeliest to the chosen model
itself, which needs no ranker.
"""

from __future__ import annotations

import itertools
import math
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from starprobe.bench.ask import run
from starprobe.bench.files import write_jsonl
from starprobe.bench.metrics import compare, frame
from starprobe.bench.metrics.compare import adjust, comparison
from starprobe.bench.models import BackendOptions
from starprobe.bench.models.backend import Request, ScoringBackend
from starprobe.bench.models.lm_eval import DocumentScore, evaluate, task_manager
from starprobe.bench.models.thinking import whole
from starprobe.bench.read import classify_run
from starprobe.bench.records import Comparison, Sampling
from starprobe.bench.run_config import RunConfig
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.paired import paired_mean, paired_rate
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Question
from starprobe.probes.sets import find_built_in, load_probe_set
from starprobe.star.config import StarConfig
from starprobe.star.filters import decide
from starprobe.star.folder import Iteration, Phases, records
from starprobe.star.measure import GOOD, answered_numbers, grouped, majority, share
from starprobe.star.prompts import PLAIN, ask_validation, completion, seed_for
from starprobe.star.records import (
    BestOf,
    Exam,
    Forgetting,
    Generated,
    Interval,
    Job,
    Sample,
    Scored,
    TrainRow,
)
from starprobe.star.tuning.launch import finetuned
from starprobe.star.tuning.rows import Render, renderer, train_rows
from starprobe.star.tuning.weights import on_cpu
from starprobe.star.work import Work, base_weights, generate_missing


def validate(
    work: Work, iteration: Iteration, weights: Path | None, phases: Phases
) -> dict[str, object]:
    """The validation numbers of some weights; empty where no question is held out."""
    held = work.splits.validation
    if not held:
        return {}
    if not iteration.has("validation.jsonl"):
        asked = [
            ask_validation(work.questions[name], work.config, index)
            for index, name in enumerate(held)
        ]
        with phases.timed("validating") as count:
            backend = work.backend(weights)
            rows = generate_missing(iteration, "validation", asked, backend, work.watcher)
            count(rows)
        samples = [decide(one, ()) for one in work.reads(rows)]
        iteration.write("validation.jsonl", samples)
    return answered_numbers(iteration.validation(), work.questions)


COMPARED: dict[str, Callable[[Sample], float]] = {
    "accuracy": lambda one: float(one.correct is True),
    "outcome_answered": lambda one: float(one.outcome == "answered"),
    "full_breakdown": lambda one: math.nan if one.coverage is None else float(one.coverage == 1),
}
"""Metrics by their names in bench, from a sample."""


def take_test(work: Work) -> None:
    """Asks what has not been asked, and writes test.json; nothing where no test is wanted.

    Raises:
        FolderError: the test questions changed since the training began.
    """
    test, training = work.test, work.training
    if test is None:
        return
    best = training.best or 0
    done = [one.iteration for one in training.iterations()]
    wanted = done if work.config.evaluation.test_every else [0, best]
    asked = {number: ask_of(work, training.iteration(number)) for number in dict.fromkeys(wanted)}
    questions = {one.id: one for one in test.questions}
    names = (work.config.model, training.iteration(best).path.name)
    tested = Exam(
        test=work.config.evaluation.test,
        hash=test.hash,
        best=best,
        scored=tuple(
            Scored(
                iteration=number,
                by_tier=by_tier(samples, questions),
                **answered_numbers(samples, questions),
            )
            for number, samples in asked.items()
        ),
        comparisons=compared(asked[0], asked[best], names) if best else (),
    )
    if tested != training.tested():
        training.write_tested(tested)


def ask_of(work: Work, iteration: Iteration) -> list[Sample]:
    """One model's responses to the test questions, read; kept in the iteration's folder."""
    if work.test is not None and not iteration.has("test.jsonl"):
        questions = {one.id: one for one in work.test.questions}
        asked = [
            ask_validation(one, work.config, index, "t")
            for index, one in enumerate(work.test.questions)
        ]
        with Phases(iteration).timed("testing") as count:
            backend = work.backend(iteration.adapter if iteration.number else None)
            rows = generate_missing(iteration, "test", asked, backend, work.watcher)
            count(rows)
        iteration.write("test.jsonl", [decide(one, ()) for one in work.reads(rows, questions)])
    return iteration.test()


def by_tier(samples: Sequence[Sample], questions: Mapping[str, Question]) -> dict[str, Interval]:
    """Right answers among the questions of each tier, by name; empty for one tier."""
    found: dict[str, list[bool]] = {}
    for one in samples:
        told = questions[one.question_id].metadata
        name = told.get("tier", f"{told['digits']} digits" if "digits" in told else None)
        if name is not None:
            found.setdefault(str(name), []).append(one.correct is True)
    named = sorted(found.items()) if len(found) > 1 else ()
    return {name: share(sum(right), len(right)) for name, right in named}


def gain_over(
    before: Sequence[Sample], after: Sequence[Sample], names: tuple[str, str]
) -> Comparison | None:
    """How much more is right, paired by question; None where nothing is held out."""
    return next((one for one in compared(before, after, names) if one.metric == "accuracy"), None)


def compared(
    before: Sequence[Sample], after: Sequence[Sample], names: tuple[str, str]
) -> tuple[Comparison, ...]:
    """Two models on the same questions: right, answered, and where there are options, all weighed.

    Args:
        before: the responses of the one.
        after: those of the other.
        names: what the two are called.
    """
    later = {sample.question_id: sample for sample in after}
    pairs = [(one, later[one.question_id]) for one in before if one.question_id in later]
    clusters = np.array([one.question_id for one, _ in pairs])
    found = []
    for name, value in COMPARED.items():
        first = np.array([value(one) for one, _ in pairs])
        second = np.array([value(other) for _, other in pairs])
        row = comparison(name, "rate", (*names, PLAIN), paired_rate(first, second, clusters))
        if row.pairs:
            found.append(row)
    return tuple(adjust(found))


DIRECT = "direct"
MAX_TOKENS = 32
METRICS = ("accuracy", "outcome_answered")


def is_ours(name: str) -> bool:
    """Whether a name means a probe set or a question file, and no task of lm-eval."""
    return find_built_in(name) is not None or name.endswith(".jsonl") or Path(name).is_file()


def look_ahead(config: StarConfig) -> None:
    """Nothing, where everything that is to be asked is there; before any training.

    Raises:
        InputError: an unknown set, file or task.
        MissingError: lm-eval is not installed.
    """
    theirs = [name for name in config.evaluation.forgetting if not is_ours(name)]
    for name in config.evaluation.forgetting:
        if name not in theirs:
            load_probe_set(name)
    if theirs:
        task_manager(theirs, config.evaluation.forgetting_from or None)


def check_forgetting(work: Work) -> None:
    """Asks base and chosen iteration, and writes forgetting.json; nothing where it is there."""
    config, training, best = work.config, work.training, work.training.best
    there = training.forgetting()
    if not config.evaluation.forgetting or not best or (there is not None and there.best == best):
        return
    work.models.close()
    work.watcher.start("forgetting", 2 * len(config.evaluation.forgetting))
    ours = [name for name in config.evaluation.forgetting if is_ours(name)]
    theirs = [name for name in config.evaluation.forgetting if name not in ours]
    found = [row for name in ours for row in by_runs(work, name)]
    if theirs:
        before, after = (scores(work, theirs, number) for number in (0, best))
        found += by_documents(before, after, (config.model, training.iteration(best).path.name))
    training.write_forgetting(Forgetting(best=best, comparisons=tuple(adjust(found))))


def by_runs(work: Work, name: str) -> list[Comparison]:
    """One of our sets: right and answered, asked for the answer alone."""
    before, after = (asked(work, name, number) for number in (0, work.training.best or 0))
    return [
        row.model_copy(update={"metric": f"{name}: {row.metric}"})
        for row in compare(frame(before), frame(after), METRICS)
    ]


def asked(work: Work, name: str, number: int) -> Run:
    """The run of one model on one set, read; what is there is not asked again."""
    training, config = work.training, work.config
    weights = training.iteration(number).adapter
    folder = re.sub(r"\W+", "_", name).strip("_")
    made = run(
        RunConfig(
            models=(f"hf:{weights}" if number else config.model,),
            probes=(name,),
            conditions=(DIRECT,),
            limit=config.evaluation.forgetting_limit,
            sampling=Sampling(max_tokens=MAX_TOKENS),
            options=options_of(config),
        ),
        training.forgetting_folder / folder / training.iteration(number).path.name,
    )
    classify_run(made)
    work.watcher.advance()
    return made


def options_of(config: StarConfig) -> BackendOptions:
    """How models run here."""
    return BackendOptions(
        batch_size=config.machine.batch_size,
        device=config.machine.device,
        dtype=config.machine.dtype,
        base_model=base_weights(config.model),
    )


def scores(work: Work, tasks: Sequence[str], number: int) -> list[DocumentScore]:
    """The harness's scores of one model; what is there is not asked again."""
    training, config = work.training, work.config
    path = training.forgetting_folder / f"{training.iteration(number).path.name}.jsonl"
    if not path.exists():
        model = harness_name(config, training.iteration(number).adapter if number else None)
        source = config.evaluation.forgetting_from or None
        options = BackendOptions(batch_size=config.machine.batch_size, device=config.machine.device)
        write_jsonl(
            path, evaluate(model, tasks, source, config.evaluation.forgetting_limit, options)
        )
    work.watcher.advance(len(tasks))
    return records(path, DocumentScore)


def harness_name(config: StarConfig, weights: Path | None) -> str:
    """The base, or trained weights, as `lm-eval:` names them."""
    base, dtype = base_weights(config.model), config.machine.dtype
    if dtype == "auto":
        dtype = "float32" if on_cpu(config) else "bfloat16"
    if weights is None:
        return f"lm-eval:hf,pretrained={base},dtype={dtype}"
    if (weights / "adapter_config.json").exists():
        return f"lm-eval:hf,pretrained={base},peft={weights},dtype={dtype}"
    return f"lm-eval:hf,pretrained={weights},dtype={dtype}"


def by_documents(
    before: Iterable[DocumentScore], after: Iterable[DocumentScore], names: tuple[str, str]
) -> list[Comparison]:
    """Base against chosen, a row for each metric of each task, over the documents of both."""
    cells: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(dict)
    for one in before:
        cells[one.task, one.metric][one.document] = [one.value]
    for one in after:
        cells[one.task, one.metric].get(one.document, []).append(one.value)
    found = []
    for (task, metric), documents in cells.items():
        pairs = {name: both for name, both in documents.items() if len(both) == 2}
        values = np.array(list(pairs.values()), dtype=np.float64).reshape(-1, 2)
        is_share = bool(np.isin(values, (0.0, 1.0)).all())
        over = paired_rate if is_share else paired_mean
        both = over(values[:, 0], values[:, 1], np.array(list(pairs)))
        kind: Literal["rate", "mean"] = "rate" if is_share else "mean"
        found.append(comparison(f"{task}: {metric}", kind, (*names, "lm-eval"), both))
    return found


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
    backend = work.backend(iteration.adapter)
    rows = pair_rows(work, iteration, renderer(backend))
    if not rows:
        work.watcher.say("best_of: no prompt has a right and a wrong sample; nothing is ranked")
        return
    samples, texts = drawn(work, iteration, count)
    own = likelihoods(work, iteration.adapter, texts)
    ranked = likelihoods(work, ranker(work, iteration, rows), texts)
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
    backend = work.backend(iteration.adapter)
    with Phases(iteration).timed("ranking") as counter:
        rows = generate_missing(iteration, "best_of", asked, backend, work.watcher)
        counter(rows)
    questions = {one.id: one for one in test}
    samples = [decide(one, ()) for one in work.reads(rows, questions)]
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


def likelihoods(work: Work, weights: Path, texts: Sequence[tuple[str, str]]) -> list[float]:
    """How likely these weights find each answer.

    Raises:
        InputError: the backend cannot score text.
    """
    backend = work.backend(weights)
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
