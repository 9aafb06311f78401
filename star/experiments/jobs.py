"""Parts of an experiment in processes of their own, several at once, the cores shared among them.

Two jobs of one thread each do more on two cores than one job of two: small models wait at every
barrier between threads. A part that fails is noted and the others go on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from starprobe.star.experiments.unit import TIED

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LOOK_AGAIN = 0.2
"""Seconds."""


class Finished(NamedTuple):
    """How a part ended."""

    name: str
    code: int
    seconds: float
    last_line: str
    """Of its log: the error, where it failed."""


class Job(NamedTuple):
    """A part under way."""

    name: str
    slot: int
    process: subprocess.Popen[bytes]
    began: float
    log: Path


def run_jobs(
    names: Sequence[str], out: Path, jobs: int, tell: Callable[[Finished], None]
) -> list[Finished]:
    """Does these parts, `jobs` at a time; gives how each ended, in the order they did.

    Ends those under way when it is interrupted.
    """
    waiting, running, found = list(names), [], []  # type: list[str], list[Job], list[Finished]
    free = list(range(jobs))
    try:
        while waiting or running:
            while waiting and free:
                running.append(start(waiting.pop(0), out, free.pop(0), jobs))
            time.sleep(_LOOK_AGAIN)
            for job in [one for one in running if one.process.poll() is not None]:
                running.remove(job)
                free.append(job.slot)
                found.append(ended(job))
                tell(found[-1])
    finally:
        stop(running)
    return found


def start(name: str, out: Path, slot: int, jobs: int) -> Job:
    """Begins a part; what it says goes into its log."""
    log = out / name / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "starprobe.star.experiments.unit", TIED, str(out), name]
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment(os.environ, slot, jobs),
        )
    return Job(name, slot, process, time.monotonic(), log)


def environment(given: Mapping[str, str], slot: int, jobs: int) -> dict[str, str]:
    """The variables of a job: its share of the cores, and one GPU of those that are visible."""
    changed = dict(given)
    if jobs > 1:
        share = str(max(1, (os.cpu_count() or 1) // jobs))
        changed |= {name: share for name in THREADS if name not in given}
        gpus = [gpu for gpu in given.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]
        if len(gpus) > 1:
            changed["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    return changed


def ended(job: Job) -> Finished:
    """How a job that is over ended."""
    if job.process.stdin is not None:
        job.process.stdin.close()
    code = job.process.returncode
    seconds = time.monotonic() - job.began
    return Finished(job.name, code, seconds, last_line(job.log) if code else "")


def last_line(log: Path) -> str:
    """What a log ends with; of a UserError, its one line, however long."""
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    return text.rpartition("\n")[2].removeprefix("starprobe: ")


def stop(running: Sequence[Job]) -> None:
    """Ends what is under way and waits for it."""
    for job in running:
        job.process.terminate()
    for job in running:
        job.process.wait()
        if job.process.stdin is not None:
            job.process.stdin.close()
