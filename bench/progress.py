"""A progress line for long work: how much is done, tokens a second, time left."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from starprobe.bench.records import Generation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class Ticker:
    """Counts generations; shows nothing by itself."""

    def __init__(self) -> None:
        self.done = 0
        self.failed = 0
        self.tokens = 0
        self.cost = 0.0
        self.kinds: Counter[str] = Counter()
        """Kinds of error."""
        self.latencies: list[float] = []
        self.notes: list[str] = []
        self._start = time.monotonic()

    def count(self, generation: Generation) -> None:
        """Takes one more generation into the sums."""
        self.done += 1
        if generation.error is not None:
            self.failed += 1
            self.kinds[generation.error.kind] += 1
        elif generation.latency_s is not None:
            self.latencies.append(generation.latency_s)
        if generation.usage is not None:
            self.tokens += generation.usage.completion_tokens or 0
            self.cost += generation.usage.cost or 0.0

    def note(self, text: str) -> None:
        """Takes a remark along to the summary."""
        self.notes.append(text)

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens over wall-clock seconds since the start."""
        return self.tokens / max(1e-6, time.monotonic() - self._start)

    def summary(self) -> str:
        """`12 responses, 1 failed, 890 tokens, 45 tokens/s, $0.02`."""
        parts = [f"{self.done - self.failed} responses"]
        if self.failed:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.kinds.most_common(3))
            parts.append(f"{self.failed} failed ({kinds})")
        parts.append(f"{self.tokens} tokens, {self.tokens_per_second:.0f} tokens/s")
        if self.cost:
            parts.append(f"${self.cost:.4f}")
        return ", ".join(parts)

    def closing(self) -> str:
        """The summary with the median latency and what was noted."""
        parts = [self.summary()]
        if self.latencies:
            parts.append(f"median latency {statistics.median(self.latencies):.2f} s")
        return ", ".join([*parts, *self.notes])


@contextmanager
def board(console: Console | None = None) -> Iterator[Progress]:
    """Room for progress lines, which is cleared when the block ends."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[summary]}"),
        TimeRemainingColumn(),
        console=console or Console(stderr=True),
        transient=True,
    ) as progress:
        yield progress


@contextmanager
def track(
    label: str, total: int, console: Console | None = None, progress: Progress | None = None
) -> Iterator[Ticker]:
    """A ticker whose line is drawn while the block runs, and left as a summary after it.

    Args:
        label: what the line is called.
        total: how many generations there will be.
        console: where to draw it; standard error by default.
        progress: a board that other lines stand on too; by default one of its own.
    """
    ticker = Ticker()
    with ExitStack() as stack:
        lines = progress or stack.enter_context(board(console))
        task = lines.add_task(label, total=total, summary="")
        count = ticker.count

        def counted(generation: Generation) -> None:
            count(generation)
            lines.update(task, completed=ticker.done, summary=ticker.summary())

        ticker.count = counted  # type: ignore[method-assign]
        try:
            yield ticker
        finally:
            lines.remove_task(task)
            said = f"{label}: {ticker.closing()}"
            lines.console.print(said, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def steps(console: Console | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """A function that draws a line for each name: name, how many are done, how many there are.

    Args:
        console: where to draw them; standard error by default.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console or Console(stderr=True)) as progress:
        rows: dict[str, Any] = {}

        def step(name: str, done: int, total: int) -> None:
            if name not in rows:
                rows[name] = progress.add_task(name, total=total)
            progress.update(rows[name], completed=done, total=total)

        yield step
