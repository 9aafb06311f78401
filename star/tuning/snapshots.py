"""The state of a fine-tune under way: weights, optimizer and schedule, kept for a resume.

A snapshot counts once its mark is there, which is written last; the ones before go only then, so
that a kill at any moment leaves a whole one. Only tensors are read back (torch's `weights_only`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.files import write_json
from starprobe.probes.schema import Record

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
