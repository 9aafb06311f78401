"""Training rows -> trained weights: a fine-tune from its job, alone or as one of several processes.

Rows come in as token ids, so that the trained prompt is exactly the one that is asked, and none is
ever cut. Their order is fixed before training, the same for any number of processes; a fine-tune
that was killed goes on from its last snapshot. Pairs: DPO with the likelihood of the right answer
(Iterative RPO, Pang et al. 2024, equation 2).
"""

from __future__ import annotations

import copy
import gc
import json
import os
import random
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from inspect import signature
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.bench.files import write_json
from starprobe.bench.models.local import fingerprint
from starprobe.bench.progress import Watcher
from starprobe.probes.errors import InputError, MissingError
from starprobe.star.config import StarConfig, training_seed
from starprobe.star.folder import records, replace_folder
from starprobe.star.records import Job, TrainingStats, TrainRow
from starprobe.star.tuning.rows import Encoded, encode
from starprobe.star.tuning.weights import (
    Snapshot,
    enough_memory,
    is_adapter,
    keeper,
    last_whole,
    load_model,
    load_tokenizer,
    lora,
    on_cpu,
    padding_free,
    writing,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCHES_SORTED = 50
"""Rows are sorted by length within so many batches of a shuffled epoch, not over all of it."""


def row_order(lengths: Sequence[int], batch: int, steps: int, seed: int) -> list[int]:
    """Row numbers for so many whole batches, one behind the other.

    Every row comes once before any comes again, but where a batch is left open at the end of an
    epoch: the next one's first rows fill it. The batch of the longest row comes first: what does
    not fit into memory shows at once.
    """
    rng = random.Random(f"rows|{seed}")
    batches: list[list[int]] = []
    left: list[int] = []
    while len(batches) < steps:
        fresh = list(range(len(lengths)))
        rng.shuffle(fresh)
        if left:
            fresh.sort(key=set(left).__contains__)
            taken = batch - len(left)
            left, fresh = left + fresh[:taken], fresh[taken:]
            if len(left) < batch:
                continue
            batches.append(left)
            rng.shuffle(fresh)
        whole = len(fresh) // batch * batch
        batches += _alike(fresh[:whole], lengths, batch, rng)
        left = fresh[whole:]
    longest = max(range(steps), key=lambda i: max(lengths[row] for row in batches[i]))
    batches[0], batches[longest] = batches[longest], batches[0]
    return [row for rows in batches[:steps] for row in rows]


def step_count(rows: int, batch: int, epochs: float) -> int:
    """Steps that show every row so many times, the last batch filled up."""
    return max(1, -int(-rows * epochs // batch))


def _alike(
    rows: Sequence[int], lengths: Sequence[int], batch: int, rng: random.Random
) -> list[list[int]]:
    """Batches of like length, shuffled."""
    found: list[list[int]] = []
    for start in range(0, len(rows), BATCHES_SORTED * batch):
        window = sorted(rows[start : start + BATCHES_SORTED * batch], key=lambda i: -lengths[i])
        made = [window[i : i + batch] for i in range(0, len(window), batch)]
        rng.shuffle(made)
        found += made
    return found


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
    seed = training_seed(config, iteration)
    order = row_order(lengths, config.training.train_batch_size, steps, seed)
    return Material(rows, order, steps)


def steps_of(config: StarConfig, iteration: int, rows: int) -> int:
    """Optimizer steps of an iteration: grown from the first one's, or by epochs."""
    if config.training.steps is not None:
        return max(1, round(config.training.steps * config.training.step_growth ** (iteration - 1)))
    by_epochs = step_count(rows, config.training.train_batch_size, config.training.epochs)
    return max(config.training.min_steps, by_epochs)


def arguments(config: StarConfig, iteration: int, steps: int, out: Path) -> dict[str, Any]:
    """What SFTConfig is made of, and DPOConfig in part.

    Raises:
        InputError: the batch cannot be shared out among the processes.
    """
    cpu, world = on_cpu(config), world_size()
    if config.training.train_batch_size % world:
        raise InputError(
            f"train_batch_size={config.training.train_batch_size} cannot be shared out evenly "
            f"among the {world} processes that were launched"
        )
    share = config.training.train_batch_size // world
    at_once = config.training.rows_at_once or share
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
        "bf16": not cpu or config.machine.dtype == "bfloat16",
        "use_cpu": cpu,
        "dataloader_pin_memory": not cpu,
        # Every step: a loss logged over several could not be gone on with in the middle.
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": training_seed(config, iteration),
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
    settings = passed_on(
        SFTConfig,
        {
            **arguments(config, iteration, found.steps, out),
            "learning_rate": config.training.learning_rate,
            "lr_scheduler_type": config.training.scheduler,
            "warmup_steps": config.training.warmup,
            "max_grad_norm": 1.0,
            "weight_decay": 0.0,
            "packing": False,
            "padding_free": flash,
        },
        config.trainer,
    )
    # Datasets print a progress bar of their own and cache under the home folder; lists do neither.
    columns = {
        "input_ids": [row.input_ids for row in found.rows],
        "labels": [row.labels for row in found.rows],
    }
    try:
        kind = sparing(SFTTrainer, found.tokens) if spares(model, config) else SFTTrainer
        trainer = kind(
            model=model,
            args=settings,
            train_dataset=Dataset.from_dict(columns).select(found.order),
            processing_class=tokenizer,
            peft_config=lora(config)
            if config.training.tuning != "full" and not is_adapter(model)
            else None,
        )
    except (ImportError, RuntimeError, ValueError) as error:
        if "report_to" not in config.trainer or "installed" not in str(error):
            raise
        raise MissingError(f"trainer.report_to: {str(error).splitlines()[0]}") from None
    silence(trainer)
    return trainer


def spares(model: PreTrainedModel, config: StarConfig) -> bool:
    """Whether the loss is taken by `sparing`: on a CPU, of a model that can leave logits out.

    On a GPU, TRL's own kernel takes trained tokens alone; on a CPU it scores every token, which
    costs as much as the rest of a small model's step (`benchmarks/train.py iteration`).
    """
    inner = model.get_base_model() if is_adapter(model) else model
    return on_cpu(config) and "logits_to_keep" in signature(inner.forward).parameters


def sparing(kind: type[Any], tokens: Sequence[int]) -> type[Any]:
    """A trainer like this kind that makes logits only where some row of the batch is trained on.

    Loss and gradients are the same. Token accuracy is of this process's rows.

    Args:
        kind: TRL's SFTTrainer.
        tokens: trained on after so many steps; told in the log as `num_tokens`.
    """
    import torch
    from torch.nn.functional import cross_entropy

    class Sparing(kind):
        """Its loss and its log; all else is the trainer's."""

        right, scored = 0, 0

        def compute_loss(
            self,
            model: Any,
            inputs: Mapping[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs["labels"][:, 1:]
            kept = (labels != -100).any(0).nonzero()[:, 0]
            given = {name: value for name, value in inputs.items() if name != "labels"}
            output = model(**given, use_cache=False, logits_to_keep=kept)
            logits, wanted = output.logits.float().flatten(0, 1), labels[:, kept].flatten()
            there = wanted != -100
            loss = cross_entropy(logits, wanted, ignore_index=-100, reduction="sum")
            if num_items_in_batch is None:
                loss = loss / there.sum().clamp_min(1)
            else:  # Counted over all processes, whose gradients are averaged.
                loss = loss * self.accelerator.num_processes / num_items_in_batch
            with torch.no_grad():
                self.right += int((logits.argmax(1) == wanted)[there].sum())
                self.scored += int(there.sum())
            return (loss, output) if return_outputs else loss

        def log(self, logs: dict[str, float], *others: Any) -> None:
            if "loss" in logs and self.scored:
                logs["mean_token_accuracy"] = self.right / self.scored
                logs["num_tokens"] = tokens[self.state.global_step]
                self.right, self.scored = 0, 0
            super().log(logs, *others)

    return Sparing


OURS = {
    "output_dir": "--out", "max_steps": "training.steps", "num_train_epochs": "training.epochs",
    "per_device_train_batch_size": "training.train_batch_size",
    "gradient_accumulation_steps": "training.rows_at_once", "max_length": "training.max_length",
    "learning_rate": "training.learning_rate", "lr_scheduler_type": "training.scheduler",
    "warmup_steps": "training.warmup", "seed": "seed", "packing": "training.packing",
    "train_sampling_strategy": "training.packing", "save_strategy": "machine.checkpoint_minutes",
}  # fmt: skip
"""Options of the trainer that a setting of ours decides."""


def passed_on(kind: Any, ours: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """The trainer's configuration: ours, and what is passed through under its own names.

    Raises:
        InputError: an option that it does not have, that a setting of ours decides, or whose value
            it refuses.
        MissingError: the package that an option needs is not installed.
    """
    for name in given:
        if name in OURS:
            raise InputError(f"trainer.{name} is decided by {OURS[name]}: set that")
        if name not in {one.name for one in fields(kind)}:
            near = get_close_matches(name, [one.name for one in fields(kind)], n=1)
            advice = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"trainer.{name} is no option of {kind.__name__}{advice}")
    try:
        return kind(**(dict(ours) | dict(given)))
    except ImportError as error:
        raise MissingError(f"trainer: {str(error).splitlines()[0]}") from None
    except (TypeError, ValueError) as error:
        if not given:
            raise
        raise InputError(f"trainer: {str(error).splitlines()[0]}") from None


def run(trainer: Any, snapshot: Snapshot | None) -> None:
    """Trains, from the snapshot on where there is one.

    LoRA casts what it is given to float32, where autocast casts it back to bfloat16. The products
    are the same without.
    """
    from peft.helpers import disable_input_dtype_casting

    cast_twice = is_adapter(trainer.model) and bool(trainer.args.bf16)
    with disable_input_dtype_casting(trainer.model, active=cast_twice):
        trainer.train(resume_from_checkpoint=str(snapshot.path) if snapshot else None)


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
    steps = step_count(len(pairs), config.training.train_batch_size, 1)
    lengths = [len(row.prompt) + len(row.completion) for row in pairs]
    order = row_order(lengths, config.training.train_batch_size, steps, job.seed)
    settings = DPOConfig(
        **arguments(config, job.iteration, steps, out),
        # A ranker need not keep what is right likely, only likelier than what is wrong.
        loss_type=["sigmoid"] if job.ranks else ["sigmoid", "sft"],
        loss_weights=[1.0] if job.ranks else [1.0, 1.0],
        beta=config.training.pair_beta,
        learning_rate=config.training.pair_learning_rate,
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
    trainer.add_callback(keeper(of, config.machine.checkpoint_minutes, at_end=False))
    watcher.start("pairs", steps, snapshot.step if snapshot else 0)
    run(trainer, snapshot)
    return trainer


def pair_row(row: TrainRow, tokenizer: Any) -> dict[str, str]:
    """A pair as DPOTrainer takes it; the beginning-of-text token is its own to add."""
    prompt, bos = row.prompt, tokenizer.bos_token
    if bos and getattr(tokenizer, "add_bos_token", False):
        prompt = prompt.removeprefix(bos)
    return {"prompt": prompt, "chosen": row.completion, "rejected": row.rejected or ""}


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
    start = time.perf_counter()
    if job.ranks:  # DPO alone, from the weights that gave the samples.
        model = load_model(job.base, job.config, job.previous)
        with writing(job.target.parent), enough_memory():
            trainer = prefer(model, tokenizer, rows, job, watcher)
            save(trainer, tokenizer, job)
        stats = _stats(trainer.state, len(rows), 0, time.perf_counter() - start)
        del trainer, model
        free_memory()
        return stats
    fitting = fitting_rows(rows, tokenizer, job.config)
    found = material(fitting, job.config, job.iteration)
    of = job.fingerprint(rows)
    snapshot = last_whole(job.snapshots, of)
    before = snapshot.seconds if snapshot else 0.0

    def spent() -> float:
        return time.perf_counter() - start + before

    model = load_model(job.base, job.config, job.previous)
    trainer = make_trainer(model, tokenizer, found, job.config, job.iteration, job.snapshots)
    trainer.add_callback(teller(trainer, found.tokens, watcher))
    trainer.add_callback(
        keeper(of, job.config.machine.checkpoint_minutes, job.config.training.pairs, spent)
    )
    watcher.start("training", found.steps, snapshot.step if snapshot else 0)
    with writing(job.target.parent), enough_memory():
        run(trainer, snapshot)
        state, last = trainer.state, trainer
        if job.config.training.pairs:
            last = prefer(trainer.model, tokenizer, rows, job, watcher) or trainer
        save(last, tokenizer, job)
    tokens = found.tokens[int(state.global_step)]
    stats = _stats(state, len(fitting), tokens, spent(), len(rows) - len(fitting))
    del trainer, last, model
    free_memory()
    return stats


def fitting_rows(rows: Sequence[TrainRow], tokenizer: Any, config: StarConfig) -> list[Encoded]:
    """The rows that fit whole, as token ids.

    Raises:
        InputError: there is none.
    """
    encoded = [encode(row, tokenizer) for row in rows]
    fitting = [one for one in encoded if len(one.input_ids) <= config.training.max_length]
    if not fitting:
        raise InputError(
            f"none of the {len(rows)} rows fits into max_length={config.training.max_length} "
            f"tokens; raise it with --set max_length="
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
        name_base(made, job.base, getattr(trainer.model.config, "_commit_hash", None))
        if job.config.training.tuning == "full" and not on_cpu(job.config):
            halve(made)
        replace_folder(made, target)
    trainer.accelerator.wait_for_everyone()


def name_base(folder: Path, base: str, revision: str | None) -> None:
    """Names an adapter's base so that it is found from any folder, and tells which one it was.

    A hub name with its revision; a folder by its whole path, with a hash of its weights in
    base.json, so that another copy can be held against it.
    """
    file = folder / "adapter_config.json"
    if not file.exists():
        return
    local = Path(base).is_dir()
    named = str(Path(base).resolve()) if local else base
    config = json.loads(file.read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": named, "revision": None if local else revision}
    write_json(file, config)
    told = {"base": named, "revision": revision, "weights": fingerprint(base)}
    write_json(folder / "base.json", told)


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


def _stats(state: Any, rows: int, tokens: int, seconds: float, too_long: int = 0) -> TrainingStats:
    logs = [entry for entry in state.log_history if "loss" in entry]
    right = [entry["mean_token_accuracy"] for entry in logs if "mean_token_accuracy" in entry]
    lately = right[-max(1, len(right) // POINTS) :]
    return TrainingStats(
        rows=rows,
        tokens=tokens,
        steps=int(state.global_step),
        losses=curve([(int(entry["step"]), float(entry["loss"])) for entry in logs]),
        token_accuracy=round(sum(lately) / len(lately), 5) if lately else None,
        seconds=round(seconds, 2),
        rows_too_long=too_long,
    )
