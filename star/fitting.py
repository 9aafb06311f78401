"""An iteration's fine-tuning: which rows it sees, and the weights that come of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from starprobe.star.examples import direct_rows, renderer, train_rows
from starprobe.star.jobs import Job
from starprobe.star.launching import finetuned
from starprobe.star.models import base_weights
from starprobe.star.pairs import rejected_for
from starprobe.star.phases import Phases
from starprobe.star.records import Sample, TrainingStats, TrainRow
from starprobe.star.storage import Iteration
from starprobe.star.supervised import supervised_rows
from starprobe.star.turning import balanced
from starprobe.star.work import Work


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
            if work.config.turns:
                kept = balanced(kept, work.questions, work.config)
            rejected = rejected_for(samples) if work.config.pairs else {}
            made = train_rows(kept, work.questions, work.config, render, rejected)
        iteration.write("train.jsonl", made)
    return iteration.train_rows()


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
    if work.config.restart == "previous" and iteration.number > 1:
        previous = work.training.iteration(iteration.number - 1).adapter
    return Job(
        rows=iteration.path / "train.jsonl",
        base=base_weights(work.config.model),
        config=work.config,
        iteration=iteration.number,
        target=iteration.adapter,
        previous=previous,
    )
