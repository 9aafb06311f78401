"""Models behind servers asked at the same time: none waits for another's server."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from starprobe.bench.files import Appender
from starprobe.bench.models import Backend
from starprobe.bench.progress import board
from starprobe.bench.records import Response

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

REMOTE = frozenset({"openai", "anthropic", "ollama"})
"""Backends whose work is done elsewhere."""


class LockedAppender:
    """One appender for several threads."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender
        self._lock = Lock()

    def append(self, records: Iterable[Response]) -> None:
        """Appends as the only one that does."""
        with self._lock:
            self._appender.append(records)


class Stage(NamedTuple):
    """What models that are asked at the same time share."""

    writer: LockedAppender
    progress: Progress


def ask_together(
    backends: Sequence[Backend],
    ask: Callable[[Backend, Stage], object],
    appender: Appender,
    console: Console | None = None,
) -> None:
    """Asks all of them in threads; each has its own progress line and its own connections.

    Ctrl-C, or an exception in one of them, closes them all.

    Args:
        backends: the models, loaded; closed when this returns.
        ask: asks one of them.
        appender: where the responses go.
        console: where progress is shown.
    """

    def work(backend: Backend) -> None:
        with suppress(CancelledError):
            ask(backend, stage)
        backend.close()

    with board(console) as progress:
        stage = Stage(LockedAppender(appender), progress)
        with ThreadPoolExecutor(max_workers=max(1, len(backends))) as pool:
            try:
                for done in as_completed([pool.submit(work, backend) for backend in backends]):
                    done.result()
            finally:
                for backend in backends:
                    backend.close()
