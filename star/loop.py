"""The outer loop, as in the paper's algorithm 1, each stage on files: whatever is killed resumes.

sample -> read and filter -> rationalize what was never solved -> train from the base -> validate.
A stage whose file is there is not run again.

A dry run tells what a training will ask and cost, before it begins: the first prompts are sampled
and two steps are trained on what comes, by the very code of the training; the rest is
multiplication. Upper limits, where a number depends on what will be right.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.files import only_writer, write_atomic, write_jsonl
from starprobe.bench.models import load_backend
from starprobe.bench.models.backend import generate
from starprobe.bench.models.thinking import whole
from starprobe.bench.progress import Counting, Silent
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Question
from starprobe.star.config import StarConfig
from starprobe.star.evaluate import (
    check_forgetting,
    gain_over,
    look_ahead,
    take_best_of,
    take_test,
    validate,
)
from starprobe.star.folder import Iteration, Phases, Splits, Training
from starprobe.star.measure import (
    alarms,
    best_of,
    counts,
    few_questions,
    sampling_numbers,
    why_stop,
)
from starprobe.star.prompts import ask, completion, exemplars, training_prompt
from starprobe.star.questions import load_questions, splits_of
from starprobe.star.records import IterationMetrics, Job, Sample, TrainingStats, TrainRow
from starprobe.star.sample import gather, judging_numbers, rehearse
from starprobe.star.tuning.export import card, merge
from starprobe.star.tuning.finetune import steps_of
from starprobe.star.tuning.launch import finetuned
from starprobe.star.tuning.rows import (
    Render,
    balanced,
    direct_rows,
    rejected_for,
    renderer,
    supervised_rows,
    train_rows,
)
from starprobe.star.verify import load_verifier
from starprobe.star.work import BackendLoader, Models, Work, base_weights


def rows_of(
    work: Work, iteration: Iteration, samples: Sequence[Sample], rationalized: Sequence[Sample]
) -> list[TrainRow]:
    """What is trained on, fixed in train.jsonl."""
    if not iteration.has("train.jsonl"):
        render = renderer(work.sampler(iteration.number))
        if work.config.method != "star":
            make = direct_rows if work.config.method == "direct" else supervised_rows
            chosen = [work.questions[name] for name in work.splits.train]
            made = make(chosen, work.config, render)
        else:
            kept = [one for one in (*samples, *rationalized) if one.kept]
            if work.config.selection.earlier:
                kept = with_earlier(kept, work.training, iteration.number, work.config)
            if work.config.training.turns:
                kept = balanced(kept, work.questions, work.config)
            rejected = rejected_for(samples) if work.config.training.pairs else {}
            made = train_rows(kept, work.questions, work.config, render, rejected)
        iteration.write("train.jsonl", made)
    return iteration.train_rows()


def with_earlier(
    kept: Sequence[Sample], training: Training, number: int, config: StarConfig
) -> list[Sample]:
    """What a round kept, and behind it what earlier ones did, the newest first, up to the cap.

    Args:
        kept: of the round itself; all of it stays.
        training: holds the earlier ones.
        number: of the round, from 1.
        config: its cap.
    """
    found = list(kept)
    texts = {(one.question_id, whole(one).strip()) for one in kept}
    rows = Counter(one.question_id for one in kept)
    for before in range(number - 1, 0, -1):
        iteration = training.iteration(before)
        for one in (*iteration.samples(), *iteration.rationalized()):
            key = (one.question_id, whole(one).strip())
            if one.kept and key not in texts and rows[one.question_id] < config.selection.cap:
                texts.add(key)
                rows[one.question_id] += 1
                found.append(one.model_copy(update={"id": f"{one.id}@round{before}"}))
    return found


def fit(work: Work, iteration: Iteration, phases: Phases) -> TrainingStats:
    """Fine-tunes, unless that is done; the sampling model is closed before."""
    job = job_of(work, iteration)
    stats = iteration.training()
    if stats is None or not iteration.adapter.exists():
        work.models.close()
        with phases.timed("training"):
            stats = finetuned(job, work.watcher)
        phases.count("training", stats.tokens)
        iteration.write("training.json", stats)
    shutil.rmtree(job.snapshots, ignore_errors=True)
    return stats


def job_of(work: Work, iteration: Iteration) -> Job:
    """The iteration's fine-tune."""
    previous = None
    if work.config.training.restart == "previous" and iteration.number > 1:
        previous = work.training.iteration(iteration.number - 1).adapter
    return Job(
        rows=iteration.path / "train.jsonl",
        base=base_weights(work.config.model),
        config=work.config,
        iteration=iteration.number,
        target=iteration.adapter,
        previous=previous,
    )


def train(
    config: StarConfig,
    out: Path | str,
    load: BackendLoader = load_backend,
    watcher: Counting | None = None,
) -> Training:
    """Runs the loop, or goes on with it; gives the training folder.

    Args:
        config: from `make_config`.
        out: the training folder; of the same configuration if it is there.
        load: gives the backend for a model's name.
        watcher: is told of progress.

    Raises:
        UserError: what the user can cure, before anything is lost.
    """
    base_weights(config.model)
    begun = (Path(out) / "config.json").exists()
    ready = None if begun else looked_ahead(config)
    training = Training.create(out, config)
    if ready is not None and training.splits() is None:
        training.write_splits(ready)
    with only_writer(training.path):
        for iteration in training.started():
            iteration.check()
        loop = Loop(Work(training, Models(config, load), watcher or Silent()))
        try:
            loop.run()
        finally:
            loop.work.models.close()
    return training


def looked_ahead(config: StarConfig) -> Splits:
    """All that a training is given is read before it claims a folder; gives its questions.

    Raises:
        UserError: a question, set, worked example, verifier or task that is not as it should be.
    """
    splits = splits_of(config)
    exemplars(config.sampling.examples)
    for name in config.selection.verify:
        load_verifier(name)
    look_ahead(config)
    return splits


PHASES = {
    "samples": "sampling",
    "reasked": "asking again",
    "rationalized": "rationalizing",
    "validation": "validating",
    "pairs": "preferring",
    "test": "testing",
    "best_of": "sampling the test",
    "forgetting": "asking what it may have unlearnt",
}
"""What a phase is called where it is shown."""


class Loop:
    """One training folder being worked on, iteration after iteration."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.training = work.training
        self.config = work.config

    def run(self) -> None:
        """Every iteration that is not done, until the last one or the gate."""
        if self.training.best is None:
            look_ahead(self.config)
        removed = self.work.splits.removed
        if removed and not self.training.iteration(0).done:
            self.work.watcher.say(f"{len(removed)} questions left out: see questions.json")
        rehearse(self.work)
        few = few_questions(len(self.work.splits.validation))
        if few and self.config.iterations > 1 and not self.training.iteration(0).done:
            self.work.watcher.say(few)
        self.measure_base()
        if self.config.method == "base":
            self.training.write_best(0)
            take_test(self.work)
            return
        for number in range(1, self.config.iterations + 1):
            reason = why_stop(self.training.iterations(), self.config)
            if reason:
                self.work.watcher.say(reason)
                break
            if not self.training.iteration(number).done and not self.run_iteration(number):
                break
        self.training.write_best(best_of(self.training.iterations()))
        take_test(self.work)
        take_best_of(self.work)
        check_forgetting(self.work)
        self.leave_behind()

    def leave_behind(self) -> None:
        """The card beside the chosen weights, and the merged model where it is wanted."""
        adapter = self.training.best_adapter
        if adapter is None:
            return
        library = "peft" if self.config.training.tuning != "full" else "transformers"
        write_atomic(adapter / "README.md", card(self.training, library))
        merged = self.training.path / "merged"
        if self.config.training.merge and not merged.exists():
            self.work.models.close()
            merge(self.training, merged)

    def measure_base(self) -> None:
        """Iteration 0: the model before training, on the validation questions."""
        iteration = self.training.iteration(0)
        if iteration.done:
            return
        phases = Phases(iteration)
        numbers = validate(self.work, iteration, None, phases)
        iteration.write(
            "metrics.json",
            IterationMetrics(iteration=0, **numbers, seconds=phases.seconds, tokens=phases.tokens),
        )
        iteration.finish()

    def run_iteration(self, number: int) -> bool:
        """One round; False where there is too little to train on, and earlier rounds stand."""
        iteration = self.training.iteration(number)
        phases = Phases(iteration)
        samples, rationalized = gather(self.work, iteration, phases)
        rows = rows_of(self.work, iteration, samples, rationalized)
        if len(rows) < self.config.selection.min_rows:
            return self.too_few(number, len(rows))
        stats = fit(self.work, iteration, phases)
        numbers = validate(self.work, iteration, iteration.adapter, phases)
        before = self.work.solved_in(number - 1) if number > 1 else None
        done = self.training.iterations()
        best = self.training.iteration(best_of(done))
        names = (best.path.name, iteration.path.name)
        hinted = sum(row.source == "rationalized" for row in rows)
        metrics = IterationMetrics(
            iteration=number,
            **(sampling_numbers(samples, before, self.work.questions) if samples else {}),
            **numbers,
            judging=judging_numbers(samples, list(iteration.judgements().values())),
            rationalized=len(rationalized),
            rationalized_reasons=counts(rationalized),
            gain=gain_over(best.validation(), iteration.validation(), names),
            train_rows=len(rows),
            rationalized_rows=hinted,
            rationalized_share=hinted / len(rows),
            training=stats,
            seconds=phases.seconds,
            tokens=phases.tokens,
        )
        found = tuple(alarms([*done, metrics]))
        for line in found:
            self.work.watcher.say(f"iteration {number}: {line}")
        iteration.write("metrics.json", metrics.model_copy(update={"alarms": found}))
        iteration.finish()
        self.training.write_best(best_of(self.training.iterations()))
        return True

    def too_few(self, number: int, rows: int) -> bool:
        """Stops: with an error in the first iteration, else with the earlier ones.

        Raises:
            InputError: there is nothing that was trained.
        """
        reasons = counts(self.training.samples(number))
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        least = self.config.selection.min_rows
        line = f"iteration {number} kept {rows} rows, fewer than min_rows={least}"
        if number == 1:
            raise InputError(
                f"{line} ({told}); take more questions or samples, fewer filters, or a stronger "
                f"model, in another --out folder"
            )
        self.work.watcher.say(f"{line}: the loop stops")
        return False


PROMPTS = 16
"""Sampled to measure with, at most."""
TOKENS = 64
"""Generated of each, at most."""


class Rates(NamedTuple):
    """What this machine does."""

    prompt_tokens: float
    response_tokens: float
    """Of a whole response: up to `max_tokens` where the ones measured did not end."""
    sampled_per_s: float
    trained_per_s: float
    gib: float
    """The most memory that any process of ours had."""
    first: str
    """The first prompt as the model sees it."""


def told(config: StarConfig, load: BackendLoader = load_backend) -> Iterator[str]:
    """Lines: questions, first prompt, tokens, minutes, memory.

    Raises:
        UserError: what a training would raise before its first sample.
    """
    splits = looked_ahead(config)
    yield from questions_told(splits)
    if config.method == "base":
        return
    with tempfile.TemporaryDirectory() as folder:
        rates = measured(config, splits, Path(folder), load)
    yield f"first prompt:\n{rates.first}\n"
    yield from cost_told(config, splits, rates)


def questions_told(splits: Splits) -> Iterator[str]:
    """How many questions there are for what."""
    yield f"questions: {len(splits.train)} to train on, {len(splits.validation)} held out"
    reasons = Counter(why.partition("/")[0] for why in splits.removed.values())
    for why, count in reasons.most_common():
        yield f"left out: {count}, {why}"


def measured(config: StarConfig, splits: Splits, folder: Path, load: BackendLoader) -> Rates:
    """The rates of this machine, by a few prompts and two steps."""
    questions = {one.id: one for one in load_questions(config).questions}
    chosen = [questions[name] for name in splits.train[:PROMPTS]]
    models = Models(config, load)
    backend = models.get(None)
    render = renderer(backend)
    asked = [ask(one, config, 1, 0, "sampled")[1] for one in chosen]
    limit = min(TOKENS, config.sampling.max_tokens)
    short = [
        one.model_copy(update={"sampling": one.sampling.model_copy(update={"max_tokens": limit})})
        for one in asked
    ]
    list(generate(backend, short[:1]))  # What is compiled or cached at first is no rate.
    start = time.perf_counter()
    made = dict(generate(backend, short))
    seconds = time.perf_counter() - start
    usages = [one.usage for one in made.values() if one.usage is not None]
    sampled = sum(one.completion_tokens or 0 for one in usages)
    ended = sum(one.finish_reason == "stop" for one in made.values()) / max(1, len(made))
    mean = sampled / max(1, len(usages))
    texts = {name: whole(one) or "None." for name, one in made.items()}
    first = render(asked[0].prompt)
    rows = _rows(config, chosen, [texts[one.id] for one in short], render)
    models.close()
    return Rates(
        prompt_tokens=sum(one.prompt_tokens or 0 for one in usages) / max(1, len(usages)),
        response_tokens=mean * ended + config.sampling.max_tokens * (1 - ended),
        sampled_per_s=sampled / max(seconds, 1e-6),
        trained_per_s=_trained_per_s(config, rows, folder),
        gib=max(map(_peak, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))),
        first=first,
    )


def cost_told(config: StarConfig, splits: Splits, rates: Rates) -> Iterator[str]:
    """Tokens and minutes of all rounds, and memory."""
    train, held = len(splits.train), len(splits.validation)
    sampling, again = config.sampling, config.rationalization
    star = config.method == "star"
    samples = train * sampling.samples if star else 0
    tries = train * again.rationalize_samples if star and again.rationalize != "none" else 0
    checks = tries if again.arrives else 0
    rounds = config.iterations
    asked = (samples + tries + checks + held) * rounds + held
    made = asked * rates.response_tokens
    rows = min(samples, train * config.selection.cap) + tries if star else train
    length = min(rates.prompt_tokens + rates.response_tokens, config.training.max_length)
    batch = config.training.train_batch_size
    steps = sum(steps_of(config, number, rows) for number in range(1, rounds + 1))
    trained = steps * batch * length
    yield (
        f"a round, at most: {samples} samples, {tries} rationalizations, {checks} checks of them, "
        f"{held} validation questions, {rows} rows"
    )
    yield f"{rounds} rounds, at most: {made:,.0f} tokens sampled, {trained:,.0f} trained"
    minutes = made / rates.sampled_per_s / 60, trained / rates.trained_per_s / 60
    yield (
        f"measured here: {rates.sampled_per_s:.0f} tokens sampled a second, "
        f"{rates.trained_per_s:.0f} trained: {minutes[0]:.0f} + {minutes[1]:.0f} minutes at most"
    )
    yield f"memory: {rates.gib:.1f} GiB at most while that was measured"
    if (gpu := _gpu_gib()) is not None:
        yield f"GPU memory of this process: {gpu:.1f} GiB at most"


class _Clock(Silent):
    """When each step ended, and how many tokens it was."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, int]] = []

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        self.steps.append((time.perf_counter(), tokens))


def _trained_per_s(config: StarConfig, rows: list[TrainRow], folder: Path) -> float:
    write_jsonl(folder / "train.jsonl", rows)
    values = config.training.model_dump() | {"steps": 3, "pairs": False}
    machine = config.machine.model_dump() | {"checkpoint_minutes": None}
    short = StarConfig.model_validate(
        config.model_dump() | {"training": values, "machine": machine}
    )
    job = Job(
        rows=folder / "train.jsonl",
        base=base_weights(config.model),
        config=short,
        iteration=1,
        target=folder / "adapter",
    )
    clock = _Clock()
    finetuned(job, clock)
    spent = clock.steps[-1][0] - clock.steps[0][0]
    return sum(tokens for _, tokens in clock.steps[1:]) / max(spent, 1e-6)


def _rows(
    config: StarConfig, questions: list[Question], texts: list[str], render: Render
) -> list[TrainRow]:
    made = []
    for question, text in zip(questions, texts, strict=True):
        prompt = render(training_prompt(question, config, 0))
        made.append(
            TrainRow(
                id=question.id,
                question_id=question.id,
                source="sampled",
                prompt=prompt,
                completion=completion(prompt, text),
            )
        )
    return made


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / (1 << 20)


def _gpu_gib() -> float | None:
    import torch

    if not torch.cuda.is_available():
        return None
    return float(torch.cuda.max_memory_allocated()) / (1 << 30)
