"""Training rows -> trained weights: a fine-tune from its job, alone or as one of several processes.

Rows come in as token ids, so that the trained prompt is exactly the one that is asked, and none is
ever cut. A fine-tune that was killed goes on from its last snapshot.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starprobe.probes.errors import InputError, MissingError
from starprobe.star import limits
from starprobe.star.config import StarConfig
from starprobe.star.examples import Encoded, encode
from starprobe.star.jobs import Job
from starprobe.star.records import TrainingStats, TrainRow
from starprobe.star.sampling import Watcher
from starprobe.star.snapshots import keeper, last_whole
from starprobe.star.stored import records, replace_folder
from starprobe.star.trainers import Material, make_trainer, material, teller
from starprobe.star.weights import load_model, load_tokenizer, on_cpu

POINTS = 25
"""Of the loss curve that is kept, at most about so many."""


def finetune(job: Job, watcher: Watcher) -> TrainingStats:
    """Trains and puts the weights into the job's target, whole or not at all.

    Raises:
        MissingError: an extra that is not installed.
        FolderError: the disk is full.
    """
    _need_trl()
    _seed(job.seed)
    tokenizer = load_tokenizer(job.base)
    rows = records(job.rows, TrainRow)
    fitting = fitting_rows(rows, tokenizer, job.config)
    found = material(fitting, job.config, job.iteration)
    of = job.fingerprint(rows)
    snapshot = last_whole(job.snapshots, of)
    start = time.perf_counter() - (snapshot.seconds if snapshot else 0.0)

    def spent() -> float:
        return time.perf_counter() - start

    model = load_model(job.base, job.config, job.previous)
    trainer = make_trainer(model, tokenizer, found, job.config, job.iteration, job.snapshots)
    trainer.add_callback(teller(trainer, found.tokens, watcher))
    trainer.add_callback(keeper(of, job.config.checkpoint_minutes, job.config.pairs, spent))
    watcher.start("training", found.steps, snapshot.step if snapshot else 0)
    with limits.writing(job.target.parent), limits.training():
        trainer.train(resume_from_checkpoint=str(snapshot.path) if snapshot else None)
        state, last = trainer.state, trainer
        if job.config.pairs:
            from starprobe.star.preference import prefer

            last = prefer(trainer.model, tokenizer, rows, job, watcher) or trainer
        save(last, tokenizer, job)
    stats = _stats(state, found, len(rows) - len(fitting), spent())
    del trainer, last, model
    free_memory()
    return stats


def fitting_rows(rows: Sequence[TrainRow], tokenizer: Any, config: StarConfig) -> list[Encoded]:
    """The rows that fit whole, as token ids.

    Raises:
        InputError: there is none.
    """
    encoded = [encode(row, tokenizer) for row in rows]
    fitting = [one for one in encoded if len(one.input_ids) <= config.max_length]
    if not fitting:
        raise InputError(
            f"none of the {len(rows)} rows fits into max_length={config.max_length} tokens; "
            f"raise it with --set max_length="
        )
    return fitting


def save(trainer: Any, tokenizer: Any, job: Job) -> None:
    """The trained weights and the tokenizer in their folder, put there in one move."""
    target = job.target
    made = target.parent / f".{target.name}.new"
    first = trainer.is_world_process_zero()
    if first:
        shutil.rmtree(made, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(made))
    trainer.accelerator.wait_for_everyone()
    if first:
        # The arguments are pickled and name folders of this machine; nobody needs them.
        (made / "training_args.bin").unlink(missing_ok=True)
        tokenizer.save_pretrained(str(made))
        if job.config.tuning == "full" and not on_cpu(job.config):
            halve(made)
        replace_folder(made, target)
    trainer.accelerator.wait_for_everyone()


def halve(folder: Path) -> None:
    """A model that was trained in float32 is kept in bfloat16, as its base was."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.bfloat16)
    model.save_pretrained(folder)


def free_memory() -> None:
    """Gives back what a trainer held."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def curve(losses: Sequence[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    """(step, loss) of the first step, then the mean since the point before."""
    width = max(1, len(losses) // POINTS)
    found, since = [], []
    for number, (step, loss) in enumerate(losses):
        since.append(loss)
        if number == 0 or step % width == 0 or number == len(losses) - 1:
            found.append((step, round(sum(since) / len(since), 5)))
            since = []
    return tuple(found)


def _need_trl() -> None:
    try:
        import trl  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingError(
            f"training needs the package {error.name!r}: pip install 'starprobe[star]'"
        ) from None


def _seed(seed: int) -> None:
    from transformers import set_seed

    set_seed(seed)


def _stats(state: Any, found: Material, too_long: int, seconds: float) -> TrainingStats:
    logs = [entry for entry in state.log_history if "loss" in entry]
    right = [entry["mean_token_accuracy"] for entry in logs if "mean_token_accuracy" in entry]
    lately = right[-max(1, len(right) // POINTS) :]
    return TrainingStats(
        rows=len(found.rows),
        tokens=found.tokens[int(state.global_step)],
        steps=int(state.global_step),
        losses=curve([(int(entry["step"]), float(entry["loss"])) for entry in logs]),
        token_accuracy=round(sum(lately) / len(lately), 5) if lately else None,
        seconds=round(seconds, 2),
        rows_too_long=too_long,
    )
