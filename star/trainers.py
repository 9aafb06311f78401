"""TRL's trainer over rows in an order of ours, with what it is to tell and to keep on the way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.probes.errors import InputError
from starprobe.star.config import StarConfig
from starprobe.star.examples import Encoded
from starprobe.star.row_order import row_order, step_count
from starprobe.star.sampling import Watcher
from starprobe.star.weights import is_adapter, lora, on_cpu, padding_free

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Material(NamedTuple):
    """Rows as token ids, and in which order they are trained on."""

    rows: Sequence[Encoded]
    order: Sequence[int]
    steps: int

    @property
    def tokens(self) -> list[int]:
        """Tokens trained on after so many steps, none at first."""
        batch = len(self.order) // self.steps
        lengths = [len(self.rows[i].input_ids) for i in self.order]
        parts = [sum(lengths[i : i + batch]) for i in range(0, len(lengths), batch)]
        return list(accumulate(parts, initial=0))


def material(rows: Sequence[Encoded], config: StarConfig, iteration: int) -> Material:
    """The rows of an iteration with their order."""
    steps = steps_of(config, iteration, len(rows))
    lengths = [len(row.input_ids) for row in rows]
    order = row_order(lengths, config.train_batch_size, steps, config.seed + iteration)
    return Material(rows, order, steps)


def steps_of(config: StarConfig, iteration: int, rows: int) -> int:
    """Optimizer steps of an iteration: grown from the first one's, or by epochs."""
    if config.steps is not None:
        return max(1, round(config.steps * config.step_growth ** (iteration - 1)))
    return step_count(rows, config.train_batch_size, config.epochs)


def arguments(config: StarConfig, iteration: int, steps: int, out: Path) -> dict[str, Any]:
    """What SFTConfig is made of, and DPOConfig in part.

    Raises:
        InputError: the batch cannot be shared out among the processes.
    """
    cpu, world = on_cpu(config), world_size()
    if config.train_batch_size % world:
        raise InputError(
            f"train_batch_size={config.train_batch_size} cannot be shared out evenly among the "
            f"{world} processes that were launched"
        )
    share = config.train_batch_size // world
    at_once = config.rows_at_once or share
    return {
        "output_dir": str(out),
        "max_steps": steps,
        # Of one process: all of them together make the batch that one would.
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": share // at_once,
        "train_sampling_strategy": "sequential",
        "max_length": None,
        # Sharded weights are recomputed by FSDP itself, if its configuration says so.
        "gradient_checkpointing": not cpu and not sharded(),
        # On a CPU only where asked for: not all of them multiply in it.
        "bf16": not cpu or config.dtype == "bfloat16",
        "use_cpu": cpu,
        "dataloader_pin_memory": not cpu,
        # Every step: a loss logged over several could not be gone on with in the middle.
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": config.seed + iteration,
    }


def make_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    found: Material,
    config: StarConfig,
    iteration: int,
    out: Path,
) -> Any:
    """TRL's trainer over rows already tokenised.

    Args:
        model: to be trained.
        tokenizer: its own.
        found: what on.
        config: how.
        iteration: from 1.
        out: where it may keep what it needs to go on.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    flash = padding_free(config, on_cpu(config))
    settings = SFTConfig(
        **arguments(config, iteration, found.steps, out),
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.scheduler,
        warmup_steps=config.warmup,
        max_grad_norm=1.0,
        weight_decay=0.0,
        packing=False,
        padding_free=flash,
    )
    # Datasets print a progress bar of their own and cache under the home folder; lists do neither.
    columns = {
        "input_ids": [row.input_ids for row in found.rows],
        "labels": [row.labels for row in found.rows],
    }
    trainer = SFTTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_dict(columns).select(found.order),
        processing_class=tokenizer,
        peft_config=lora(config) if config.tuning != "full" and not is_adapter(model) else None,
    )
    silence(trainer)
    if on_cpu(config):
        from starprobe.star.cheaper_loss import score_answers_only

        trained = trainer.model
        score_answers_only(trained.get_base_model() if is_adapter(trained) else trained)
    return trainer


def silence(trainer: Any) -> None:
    """Without a progress bar the trainer prints every log as a dict: we show our own."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def teller(trainer: Any, tokens: Sequence[int], watcher: Watcher) -> Any:
    """A callback that tells the watcher of every step, its loss and its token accuracy.

    Args:
        trainer: goes on counting tokens where a killed one stopped.
        tokens: trained on after so many steps; all 0 where they are not counted.
        watcher: of the first process.
    """
    from transformers import TrainerCallback

    class Teller(TrainerCallback):
        """Tells of every step."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            # TRL counts from 0 after a resume.
            if tokens[-1] and hasattr(trainer, "_total_train_tokens"):
                trainer._total_train_tokens = tokens[state.global_step]

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            step = state.global_step
            watcher.advance(1, tokens[step] - tokens[step - 1])

        def on_log(self, args: Any, state: Any, control: Any, logs: Any, **kwargs: Any) -> None:
            if "loss" in logs:
                watcher.note(told(logs))

    return Teller()


def told(logs: dict[str, float]) -> str:
    """A step's loss and token accuracy for people."""
    text = f"loss {float(logs['loss']):.2f}"
    accuracy = logs.get("mean_token_accuracy")
    return text if accuracy is None else f"{text}, tokens right {100 * float(accuracy):.0f} %"


def world_size() -> int:
    """Processes that train together, as torchrun and `accelerate launch` tell each."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def sharded() -> bool:
    """Whether the launcher asked for FSDP."""
    from accelerate.utils import parse_flag_from_env

    return bool(parse_flag_from_env("ACCELERATE_USE_FSDP"))
