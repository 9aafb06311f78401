"""What a fine-tune begins with: the base, with LoRA or four bits, or the state that a kill left.

A full disk, a folder that cannot be written and too little memory are told in one line. A snapshot
counts once its mark is there, which is written last; the ones before go only then, so that a kill
at any moment leaves a whole one. Only tensors are read back (torch's `weights_only`).
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.bench.files import write_json
from starprobe.bench.models.local import attention_of
from starprobe.probes.errors import FolderError, MissingError, UserError
from starprobe.probes.schema import Record
from starprobe.star.config import StarConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
SAYINGS = (
    "No space left", "os error 28", "File too large", "os error 27",
    "PytorchStreamWriter", "inline_container.cc", "iostream error",
)  # fmt: skip
"""What safetensors and torch say in errors of their own."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes below a path.

    Raises:
        FolderError: the disk is full or the folder cannot be written.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not of_the_disk(error):
            raise
        said = error.strerror if isinstance(error, OSError) else None
        raise FolderError(
            f"cannot write {path} ({said or 'the disk is full'}); free some space and run the same "
            f"command again: it goes on where it stopped"
        ) from None


@contextmanager
def enough_memory() -> Iterator[None]:
    """A block that trains.

    Raises:
        MissingError: the GPU has too little memory for it.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        said = str(error).splitlines()[0]
        raise MissingError(
            f"training needs more memory than the GPU has ({said}); run the same command again "
            f"with --set rows_at_once=1, or name another --out folder and a smaller max_length, or "
            f"tuning=qlora"
        ) from None


def of_the_disk(error: BaseException) -> bool:
    """Whether an error comes of a disk that takes no more."""
    if isinstance(error, OSError) and error.errno in ERRORS:
        return True
    if any(saying in str(error) for saying in SAYINGS):
        return True
    # Closing what could not be written may fail in its turn.
    return error.__context__ is not None and of_the_disk(error.__context__)


FLASH = "flash_attention_2"


def on_cpu(config: StarConfig) -> bool:
    """Whether training runs on the CPU."""
    import torch

    return config.machine.device == "cpu" or not torch.cuda.is_available()


def load_tokenizer(base: str) -> PreTrainedTokenizerBase:
    """The tokenizer of the base, with a padding token."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(base)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(base: str, config: StarConfig, previous: Path | None = None) -> PreTrainedModel:
    """The base's weights, or those of the iteration before, ready to be trained."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    cpu = on_cpu(config)
    if previous is not None and config.training.tuning == "full":
        base = str(previous)
    kwargs = loading(config, cpu)
    kwargs = attention_of(base) | kwargs
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(base, **kwargs)
    if previous is not None and config.training.tuning != "full":
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, str(previous), is_trainable=True)
    return model


def loading(config: StarConfig, cpu: bool) -> dict[str, Any]:
    """How `from_pretrained` is to load the base."""
    kwargs: dict[str, Any] = {"dtype": dtype(config, cpu)}
    if config.training.tuning == "qlora":
        place = int(os.environ.get("LOCAL_RANK", "0"))
        kwargs |= {"quantization_config": four_bits(), "device_map": {"": place}}
    if padding_free(config, cpu):
        kwargs["attn_implementation"] = FLASH
    return kwargs


def dtype(config: StarConfig, cpu: bool) -> Any:
    """Of the weights while they are trained.

    Where all of them are, float32: a step of a small learning rate is less than what bfloat16 can
    tell apart, and would be lost. The products are taken in bfloat16 on a GPU all the same.
    """
    import torch

    if config.machine.dtype != "auto":
        return getattr(torch, config.machine.dtype)
    return torch.float32 if cpu or config.training.tuning == "full" else torch.bfloat16


def four_bits() -> Any:
    """QLoRA's storage of the base (Dettmers et al. 2023, section 3): NF4, quantized twice."""
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def padding_free(config: StarConfig, cpu: bool) -> bool:
    """Whether the rows of a batch are laid end to end instead of padded: FlashAttention can."""
    if cpu or config.training.packing == "off":
        return False
    from transformers.utils import is_flash_attn_2_available

    return bool(is_flash_attn_2_available())


def lora(config: StarConfig) -> Any:
    """LoRA on every linear layer."""
    from peft import LoraConfig

    return LoraConfig(
        r=config.training.lora_r,
        lora_alpha=config.training.lora_alpha,
        lora_dropout=config.training.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def is_adapter(model: Any) -> bool:
    """Whether LoRA is on a model already."""
    return hasattr(model, "peft_config")


MARK = "whole.json"


class Mark(Record):
    """What a snapshot is of."""

    of: str
    """The fingerprint of its job."""
    seconds: float
    """Trained until then."""


class Snapshot(NamedTuple):
    """A whole snapshot."""

    path: Path
    step: int
    seconds: float


def last_whole(folder: Path, of: str) -> Snapshot | None:
    """The latest whole snapshot of this very job; None where there is none."""
    found = []
    for path in folder.glob("checkpoint-*"):
        try:
            mark = Mark.model_validate_json((path / MARK).read_bytes())
        except (OSError, ValueError):
            continue
        if mark.of == of:
            found.append(Snapshot(path, int(path.name.rpartition("-")[2]), mark.seconds))
    return max(found, key=lambda one: one.step, default=None)


def keep(path: Path, mark: Mark) -> None:
    """Marks a snapshot as whole, once it is on the disk, and removes all others."""
    for file in path.rglob("*"):
        if file.is_file():
            _sync(file)
    write_json(path / MARK, mark)
    for other in path.parent.glob("checkpoint-*"):
        if other != path:
            shutil.rmtree(other)


def keeper(
    of: str, minutes: float | None, at_end: bool, spent: Callable[[], float] = lambda: 0.0
) -> Any:
    """A callback of the trainer that takes a snapshot every so many minutes.

    Args:
        of: the fingerprint of the job.
        minutes: None takes none; 0 one after every step.
        at_end: take one after the last step too.
        spent: seconds trained so far.
    """
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):
        """Takes snapshots, all processes at the same step."""

        def __init__(self) -> None:
            self.due = time.monotonic() + 60 * (minutes or 0)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            last = state.global_step >= state.max_steps
            now = minutes is not None and not last and time.monotonic() >= self.due
            if agreed(now, args.world_size) or (last and at_end):
                control.should_save = True
                self.due = time.monotonic() + 60 * (minutes or 0)

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            args.distributed_state.wait_for_everyone()
            if args.should_save:
                path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
                keep(path, Mark(of=of, seconds=round(spent(), 2)))

    return Keeper()


def agreed(mine: bool, processes: int) -> bool:
    """What the first process says, so that clocks that differ do not part them."""
    if processes == 1:
        return mine
    from accelerate.utils import broadcast_object_list

    said = [mine]
    broadcast_object_list(said)
    return bool(said[0])


def _sync(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
