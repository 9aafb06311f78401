"""A stage of preference pairs after fine-tuning: DPO with the likelihood of the right answer.

Iterative RPO (Pang et al. 2024, equation 2): DPO's sigmoid loss plus the chosen answer's NLL. The
reference is the model as fine-tuned before this stage.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from starprobe.star.jobs import Job
from starprobe.star.records import TrainRow
from starprobe.star.row_order import row_order, step_count
from starprobe.star.sampling import Watcher
from starprobe.star.snapshots import keeper, last_whole
from starprobe.star.trainers import arguments, silence, teller
from starprobe.star.weights import is_adapter


def prefer(model: Any, tokenizer: Any, rows: Sequence[TrainRow], job: Job, watcher: Watcher) -> Any:
    """The trainer after one pass over the pairs; None where there are none.

    Args:
        model: fine-tuned; changed in place.
        tokenizer: its own.
        rows: those with a `rejected` answer are pairs.
        job: `pair_beta`, `pair_learning_rate`, batch size and seed.
        watcher: is told of every step.
    """
    pairs = [row for row in rows if row.rejected is not None]
    if not pairs:
        return None
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    config, out = job.config, job.snapshots / "pairs"
    steps = step_count(len(pairs), config.train_batch_size, 1)
    lengths = [len(row.prompt) + len(row.completion) for row in pairs]
    order = row_order(lengths, config.train_batch_size, steps, job.seed)
    settings = DPOConfig(
        **arguments(config, job.iteration, steps, out),
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, 1.0],
        beta=config.pair_beta,
        learning_rate=config.pair_learning_rate,
    )
    trainer = DPOTrainer(
        model=model,
        # Of an adapter the trainer keeps a copy itself.
        ref_model=None if is_adapter(model) else copy.deepcopy(model),
        args=settings,
        train_dataset=Dataset.from_list([pair_row(pairs[i], tokenizer) for i in order]),
        processing_class=tokenizer,
    )
    silence(trainer)
    of = job.fingerprint(rows)
    snapshot = last_whole(out, of)
    trainer.add_callback(teller(trainer, [0] * (steps + 1), watcher))
    trainer.add_callback(keeper(of, config.checkpoint_minutes, at_end=False))
    watcher.start("pairs", steps, snapshot.step if snapshot else 0)
    trainer.train(resume_from_checkpoint=str(snapshot.path) if snapshot else None)
    return trainer


def pair_row(row: TrainRow, tokenizer: Any) -> dict[str, str]:
    """A pair as DPOTrainer takes it; the beginning-of-text token is its own to add."""
    prompt, bos = row.prompt, tokenizer.bos_token
    if bos and getattr(tokenizer, "add_bos_token", False):
        prompt = prompt.removeprefix(bos)
    return {"prompt": prompt, "chosen": row.completion, "rejected": row.rejected or ""}
