"""The outer loop, as in the paper's algorithm 1, each stage on files: whatever is killed resumes.

sample -> read and filter -> rationalize what was never solved -> train from the base -> validate.
A stage whose file is there is not run again.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from starprobe.bench.files import only_writer, write_atomic
from starprobe.bench.models import load_backend
from starprobe.bench.models.thinking import whole
from starprobe.bench.progress import Counting, Silent
from starprobe.probes.errors import InputError
from starprobe.star.config import StarConfig
from starprobe.star.evaluate import (
    check_forgetting,
    gain_over,
    look_ahead,
    take_test,
    validate,
)
from starprobe.star.folder import Iteration, Phases, Splits, Training
from starprobe.star.judging import judging_numbers, rehearse
from starprobe.star.measure import (
    alarms,
    best_of,
    counts,
    few_questions,
    sampling_numbers,
    why_stop,
)
from starprobe.star.prompts import exemplars
from starprobe.star.questions import splits_of
from starprobe.star.records import IterationMetrics, Job, Sample, TrainingStats, TrainRow
from starprobe.star.sample import gather
from starprobe.star.tuning.best_of import take_best_of
from starprobe.star.tuning.export import card, merge
from starprobe.star.tuning.launch import finetuned
from starprobe.star.tuning.rows import (
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
