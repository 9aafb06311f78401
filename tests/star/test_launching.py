"""How a fine-tune is started: in this process, or as several that share out its batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models.worker import LineProcess
from starprobe.bench.progress import Silent
from starprobe.probes.errors import FolderError, InputError, MissingError
from starprobe.star.config import StarConfig, make_config
from starprobe.star.records import Job
from starprobe.star.tuning.finetune import finetune
from starprobe.star.tuning.launch import apart, command, environment, finetuned, launched, relayed
from tests.star.test_finetune import Notes, assert_close, job

__all__ = ["job"]


def config(**changed: Any) -> StarConfig:
    return make_config("hf:m", "numbers:train", "rest", {"train_batch_size": 8} | changed)


def test_a_batch_that_cannot_be_shared_out_evenly_is_refused() -> None:
    with pytest.raises(InputError, match="train_batch_size=8 cannot be shared out evenly among"):
        config(processes=3)


def test_training_is_apart_where_several_train_or_sampling_is() -> None:
    assert not apart(config())
    assert apart(config(processes=2))
    assert apart(config(backend="vllm"))
    assert apart(make_config("vllm:m", "numbers:train"))


def test_on_the_cpu_torchrun_starts_the_processes() -> None:
    words = command(config(processes=2), Path("job.json"), gpus=0)
    assert words[1:] == [
        "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
        "-m", "starprobe.star.tuning.launch", "job.json",
    ]  # fmt: skip
    assert command(config(), Path("j"), gpus=0)[1:] == ["-m", "starprobe.star.tuning.launch", "j"]


@pytest.mark.parametrize(
    ("tuning", "flags"),
    [
        ("lora", {"ACCELERATE_USE_FSDP": None}),
        ("full", {
            "ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2",
            "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT", "FSDP_RESHARD_AFTER_FORWARD": "true",
            "FSDP_ACTIVATION_CHECKPOINTING": "true",
            "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
        }),
    ],
)  # fmt: skip
def test_on_gpus_accelerate_takes_our_configuration(
    tuning: str, flags: dict[str, str | None]
) -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env

    words = command(config(processes=4, tuning=tuning), Path("job.json"), gpus=4)
    assert words[1:3] == ["-m", "accelerate.commands.launch"]
    parsed, _, _ = _validate_launch_command(launch_command_parser().parse_args(words[3:]))
    made = prepare_multi_gpu_env(parsed)
    assert {key: made.get(key) for key in flags} == flags
    assert made["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert (parsed.nproc_per_node, parsed.training_script) == (
        "4",
        "starprobe.star.tuning.launch",
    )
    assert parsed.multi_gpu is (tuning != "full") and parsed.use_fsdp is (tuning == "full")


def test_the_sharded_plugin_is_fsdp2_with_whole_state_dicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.launch import prepare_multi_gpu_env

    words = command(config(processes=2, tuning="full"), Path("job.json"), gpus=2)
    parsed, _, _ = _validate_launch_command(launch_command_parser().parse_args(words[3:]))
    for key, value in prepare_multi_gpu_env(parsed).items():
        monkeypatch.setenv(key, value)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert "FULL_STATE_DICT" in str(plugin.state_dict_type)
    assert plugin.activation_checkpointing and plugin.reshard_after_forward


def test_more_processes_than_gpus_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="processes=4, but this machine shows 2 GPUs"):
        command(config(processes=4), Path("j"), gpus=2)
    with pytest.raises(InputError, match="there is no such file"):
        command(config(processes=2, accelerate_config=str(tmp_path / "a.yaml")), Path("j"), gpus=2)


def test_of_a_loop_that_was_launched_several_times_the_first_shares_out_the_fine_tunes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert launched() is None
    for key, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": "0"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert launched() == 2
    assert not {"RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT"} & set(
        environment(config(processes=2))
    )
    monkeypatch.setenv("RANK", "1")
    assert launched() == 0
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    with pytest.raises(InputError, match="several machines"):
        launched()


def test_what_a_process_says_reaches_the_watcher_and_its_error_is_ours() -> None:
    def said(*rows: dict[str, Any]) -> LineProcess:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        return LineProcess([sys.executable, "-c", f"print({lines!r}, end='')"])

    notes = Notes()
    fails = said({"start": ["training", 3, 1]}, {"advance": [1, 20]}, {"note": ["loss 1"]},
                 {"error": "the disk is full", "kind": "FolderError"})  # fmt: skip
    with pytest.raises(FolderError, match="the disk is full"):
        relayed(fails, notes)
    fails.close()
    assert (notes.started, notes.tokens, notes.noted) == ([("training", 3, 1)], 20, ["loss 1"])
    ends = LineProcess([sys.executable, "-c", "raise SystemExit('RuntimeError: out of memory')"])
    with pytest.raises(MissingError, match=r"ended \(1\): RuntimeError: out of memory; run the"):
        relayed(ends, notes)
    ends.close()


@pytest.mark.slow
def test_two_processes_train_as_one_also_where_they_are_ended_in_the_middle(
    job: Callable[..., Job],
) -> None:
    changed = {"lora_dropout": 0.0, "learning_rate": 1e-3}
    one, two = job("one", **changed), job("two", processes=2, **changed)
    first = finetune(one, Silent())
    with pytest.raises(KeyboardInterrupt):
        finetuned(two, Notes(die_at=4))
    notes = Notes()
    second = finetuned(two, notes)
    phase, total, done = notes.started[0]
    assert (phase, total) == ("training", 6) and done in (2, 3, 4)
    assert [step for step, _ in second.losses] == [step for step, _ in first.losses]
    for (_, mine), (_, other) in zip(second.losses, first.losses, strict=True):
        assert mine == pytest.approx(other, abs=2e-5)
    assert (second.tokens, second.rows) == (first.tokens, first.rows)
    assert_close(one, two, 1e-6)


def test_a_process_ends_with_its_owner_however_that_went(tmp_path: Path) -> None:
    code = (
        "import sys, time; from starprobe.bench.models.worker import LineProcess\n"
        f"child = LineProcess([sys.executable, '-c', {CHILD!r}])\n"
        "print(child.receive()['pid'], flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert gone(pid)


CHILD = """
import os, threading, time
from starprobe.bench.models.worker import heard, speaker
speaker()({"pid": os.getpid()})
threading.Thread(target=lambda: list(heard()), daemon=True).start()
time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds; a dead one that nobody waited for has ended."""
    import time

    for _ in range(200):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
