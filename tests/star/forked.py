"""Whole trainings in children of one process that has loaded everything: each starts at once.

Run as a script; reads what to do as JSON lines, answers each with one:
{"out": folder, "kill": after seconds or null, "file_size": largest file or null} ->
{"code": exit, "killed": bool, "said": text, "seconds": float}.
A separate process, because forking pytest itself would carry its threads along.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

Settings = dict[str, Any]


class Nursery:
    """The owner's side."""

    def __init__(self, model: Path, questions: Path, settings: Settings, pause: float = 0) -> None:
        arguments = [str(model), str(questions), json.dumps(settings), str(pause)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.star.forked", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def train(
        self, out: Path, kill: float | None = None, file_size: int | None = None
    ) -> dict[str, Any]:
        """One training in a child, perhaps killed; how it ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        row = {"out": str(out), "kill": kill, "file_size": file_size}
        self._process.stdin.write(json.dumps(row) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


def main() -> None:
    """Serves until its input ends."""
    model, questions, settings, pause = sys.argv[1:]
    # Everything that a training imports, before the first fork.
    import datasets  # noqa: F401
    import peft  # noqa: F401
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401
    from trl import SFTConfig, SFTTrainer  # noqa: F401

    import starprobe.star.tuning.finetune  # noqa: F401
    from starprobe.probes.sets import load_probe_set

    torch.set_num_threads(1)
    known = load_probe_set(questions).questions
    for line in sys.stdin:
        row = json.loads(line)
        read_end, write_end = os.pipe()
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            os.dup2(2, 1)
            _train(model, questions, json.loads(settings), float(pause), known, row, write_end)
        os.close(write_end)
        killed = _wait(child, row["kill"])
        _, status = os.waitpid(child, 0)
        with os.fdopen(read_end) as said:
            answer = {
                "code": os.waitstatus_to_exitcode(status),
                "killed": killed,
                "said": said.read(),
                "seconds": time.monotonic() - start,
            }
        print(json.dumps(answer), flush=True)


def _wait(child: int, limit: float | None) -> bool:
    """Kills the child when its time is over; whether that was needed."""
    if limit is None:
        return False
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return True


def _train(
    model: str,
    questions: str,
    settings: Settings,
    pause: float,
    known: Any,
    row: Settings,
    end: int,
) -> None:
    from starprobe.probes.errors import UserError
    from starprobe.star.loop import train
    from tests.star.conftest import Tutor
    from tests.star.test_loop import small

    def load(name: str, options: Any) -> Tutor:
        tutor = Tutor(name, options, known)
        answer = tutor.answer
        tutor.answer = lambda prompt: (time.sleep(pause), answer(prompt))[1]  # type: ignore[method-assign]
        return tutor

    if row["file_size"] is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (row["file_size"], hard))
    code = 0
    try:
        train(small(Path(model), Path(questions), **settings), row["out"], load=load)
    except UserError as error:
        os.write(end, str(error).encode())
        code = 2
    except BaseException:
        import traceback

        os.write(end, traceback.format_exc()[-4000:].encode())
        code = 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
