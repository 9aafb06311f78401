"""Fine-tunes in processes of their own: started here, and what such a process does.

`python -m starprobe.star.tuning.launch JOB` is one of them, alone or under torchrun or `accelerate
launch`; it reads its job, trains, and tells its owner. One process on this machine trains without
any of it.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from starprobe.bench.files import write_json
from starprobe.bench.models.worker import LineProcess, heard, speaker, user_error
from starprobe.bench.progress import Silent, Watcher
from starprobe.probes import errors
from starprobe.probes.errors import InputError, UserError
from starprobe.star.config import StarConfig
from starprobe.star.records import Job, TrainingStats
from starprobe.star.tuning.finetune import finetune
from starprobe.star.work import sampling_backend

WORKER = "starprobe.star.tuning.launch"
LAUNCHED = (
    "RANK", "WORLD_SIZE", "LOCAL_", "GROUP_", "ROLE_", "MASTER_", "TORCHELASTIC_", "TORCH_NCCL_",
    "ACCELERATE_", "FSDP_",
)  # fmt: skip
"""How variables begin that a launcher sets; one started inside another must not see them."""


def finetuned(job: Job, watcher: Watcher) -> TrainingStats:
    """Runs a fine-tune to its end.

    Raises:
        UserError: what a user can cure; what was trained so far is kept.
    """
    if not apart(job.config):
        from starprobe.star.tuning.finetune import finetune

        return finetune(job, watcher)
    file = job.snapshots / "job.json"
    write_json(file, job)
    process = LineProcess(command(job.config, file, gpus(job.config)), environment(job.config))
    try:
        return relayed(process, watcher)
    finally:
        process.close()


def apart(config: StarConfig) -> bool:
    """Whether a fine-tune gets processes of its own."""
    vllm = sampling_backend(config) == "vllm"
    return config.machine.processes > 1 or bool(config.machine.accelerate_config) or vllm


def command(config: StarConfig, file: Path, gpus: int) -> list[str]:
    """What starts the processes of a fine-tune.

    Args:
        config: `processes`, and a file of `accelerate config` if there is one.
        file: the job.
        gpus: that may be used; 0 trains on the CPU.

    Raises:
        InputError: more processes than GPUs.
    """
    count = str(config.machine.processes)
    if config.machine.processes == 1 and not config.machine.accelerate_config:
        return [sys.executable, "-m", WORKER, str(file)]
    if not gpus and not config.machine.accelerate_config:
        # `accelerate launch --cpu` starts one process only where there is no MPI.
        launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node", count]
        return [sys.executable, "-m", *launcher, "-m", WORKER, str(file)]
    if not config.machine.accelerate_config and config.machine.processes > gpus:
        raise InputError(
            f"processes={config.machine.processes}, but this machine shows {gpus} GPUs"
        )
    launcher = ["accelerate.commands.launch", "--config_file", str(launch_file(config))]
    launcher += ["--num_processes", count, "--main_process_port", "0"]
    return [sys.executable, "-m", *launcher, "-m", WORKER, str(file)]


def launch_file(config: StarConfig) -> Path:
    """The configuration for `accelerate launch`: the user's, or ours for this kind of training.

    Raises:
        InputError: there is no such file.
    """
    if config.machine.accelerate_config:
        path = Path(config.machine.accelerate_config).expanduser()
        if not path.is_file():
            raise InputError(
                f"accelerate_config={config.machine.accelerate_config}: there is no such file"
            )
        return path
    name = "fsdp2" if config.training.tuning == "full" else "ddp"
    return Path(str(files("starprobe.star").joinpath("data", f"{name}.yaml")))


def environment(config: StarConfig) -> dict[str, str]:
    """What the launcher sees: nothing of one that started us."""
    kept = dict(os.environ)
    if "WORLD_SIZE" in kept:
        kept = {key: value for key, value in kept.items() if not key.startswith(LAUNCHED)}
    if not gpus(config) and not config.machine.accelerate_config:
        kept["ACCELERATE_USE_CPU"] = "true"
        # The launcher would give each process one thread and say so; cores are shared out instead.
        threads = max(1, (os.cpu_count() or 1) // config.machine.processes)
        kept.setdefault("OMP_NUM_THREADS", str(threads))
    return kept


def gpus(config: StarConfig) -> int:
    """GPUs that this training may use."""
    import torch

    return 0 if config.machine.device == "cpu" else int(torch.cuda.device_count())


def launched() -> int | None:
    """Processes that a launcher (torchrun, `accelerate launch`) started of us; None without one.

    The first does the loop and shares only the fine-tunes out, to processes that it starts; 0 in
    all others, which have nothing to do.

    Raises:
        InputError: they are on several machines.
    """
    if "WORLD_SIZE" not in os.environ or "RANK" not in os.environ:
        return None
    count = int(os.environ["WORLD_SIZE"])
    if int(os.environ.get("LOCAL_WORLD_SIZE", count)) != count:
        raise InputError(
            f"{count} processes on several machines were launched: start starprobe train once; "
            f"fine-tunes and sampling run on the GPUs of its machine (--set processes=, "
            f"--set sampling_workers=)"
        )
    return count if os.environ["RANK"] == "0" else 0


def relayed(process: LineProcess, watcher: Watcher) -> TrainingStats:
    """What the first process says, passed on until it gives its numbers.

    Raises:
        UserError: what it raised, or that it ended without a word.
        RuntimeError: a fault of ours in it, with its trace.
    """
    while (row := process.receive()) is not None:
        if "stats" in row:
            return TrainingStats.model_validate(row["stats"])
        if "error" in row:
            raise user_error(row)
        if "failed" in row:
            raise RuntimeError(f"the fine-tune failed:\n{row['failed']}")
        call, arguments = next(iter(row.items()))
        getattr(watcher, call)(*arguments)
    raise errors.MissingError(
        f"the fine-tune's process {process.reason()}; run the same command again: it goes on from "
        f"its last checkpoint"
    )


class Relay:
    """A watcher that passes on what it is told of; silent but in the first process."""

    def __init__(self, send: Any) -> None:
        self._send = send

    def start(self, phase: str, total: int, done: int = 0) -> None:
        """A phase begins."""
        self._send({"start": [phase, total, done]})

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        """So many more are done."""
        self._send({"advance": [count, tokens]})

    def note(self, text: str) -> None:
        """How it goes."""
        self._send({"note": [text]})

    def say(self, text: str) -> None:
        """A line for people."""
        self._send({"say": [text]})


def main() -> None:
    """Trains the job that it is started with; its owner gone, it ends."""
    send = speaker()
    threading.Thread(target=lambda: list(heard()), daemon=True).start()
    job = Job.model_validate_json(Path(sys.argv[1]).read_bytes())
    first = int(os.environ.get("RANK", "0")) == 0
    try:
        stats = finetune(job, Relay(send) if first else Silent())
    except UserError as error:
        send({"error": str(error), "kind": type(error).__name__})
        _leave(1)
    except Exception:
        send({"failed": traceback.format_exc()})
        _leave(1)
    if first:
        send({"stats": stats.model_dump(mode="json")})
    _leave(0)


def _leave(code: int) -> NoReturn:
    if "RANK" in os.environ:
        from torch import distributed

        if code == 0 and distributed.is_initialized():
            distributed.destroy_process_group()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
