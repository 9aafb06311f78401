"""A process of ours that speaks JSON lines: started, talked to, and ended with everything it began.

What it prints beside that goes into a log of its own, in which the reason of a failure is looked
for. A process whose owner is gone, however it went, ends too: its input ends.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

from starprobe.bench.models.http_keys import redact

TAIL = 4000
"""Characters of the log in which the reason of a failure is looked for."""


class LineProcess:
    """The owner's side."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._process: subprocess.Popen[str] | None = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            env=None if env is None else dict(env),
            # Ctrl-C is for us to handle: it would die in the middle of what it does.
            start_new_session=True,
        )

    @property
    def open(self) -> bool:
        """Whether it was not closed yet; it may have ended by itself."""
        return self._process is not None

    def send(self, row: Mapping[str, Any]) -> None:
        """Sends one row; where the process is gone, `receive` finds out."""
        pipe = self._pipe("stdin")
        with suppress(BrokenPipeError):
            pipe.write(json.dumps(row) + "\n")
            pipe.flush()

    def receive(self) -> dict[str, Any] | None:
        """The next row; None where it has ended."""
        line = self._pipe("stdout").readline()
        if not line.endswith("\n"):
            return None
        row: dict[str, Any] = json.loads(line)
        return row

    def reason(self) -> str:
        """The last line of the log that looks like a reason, and the exit status."""
        if self._process is None:
            return "closed"
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._log.seek(0)
        lines = self._log.read()[-TAIL:].decode("utf-8", "replace").splitlines()
        errors = [line.strip() for line in lines if "Error" in line or "error:" in line]
        told = errors or [line.strip() for line in lines if line.strip()] or ["no reason given"]
        status = self._process.poll()
        if status == -signal.SIGKILL:
            told = ["killed from outside, most likely for want of memory"]
        return f"ended ({status}): {redact(told[-1])[:300]}"

    def close(self) -> None:
        """Ends it and what it started. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        # Nothing in it is worth a slow farewell: whatever it writes, it puts in place in one move.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # Only now: a thread that reads it holds it until it ends.
        if process.stdout is not None:
            process.stdout.close()
        self._log.close()

    def _pipe(self, name: str) -> IO[str]:
        pipe: IO[str] | None = getattr(self._process, name)
        if pipe is None:
            raise RuntimeError(f"the process was closed: it has no {name}")
        return pipe


def speaker() -> Callable[[Mapping[str, Any]], None]:
    """The process's side: sends a row to the owner; all else that is printed goes to the log."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(row: Mapping[str, Any]) -> None:
        out.write(json.dumps(row) + "\n")
        out.flush()

    return send


def heard() -> Iterator[dict[str, Any]]:
    """The process's side: the rows from its owner. The process ends when the owner does."""
    rows: queue.Queue[str] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            rows.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield json.loads(rows.get())
