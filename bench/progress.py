"""How far long work is: what is told of it, and a line that shows it."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

from starprobe.bench.records import Generation, Response

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class Watcher(Protocol):
    """Is told how far a phase is."""

    def start(self, phase: str, total: int, done: int = 0) -> None:
        """A phase begins, some of it perhaps done before."""

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        """So many more are done."""

    def note(self, text: str) -> None:
        """How it goes, in a few words; each replaces the one before."""

    def say(self, text: str) -> None:
        """A line for people."""


class Counting(Watcher, Protocol):
    """Also counts what models gave."""

    def made(self, row: Generation) -> None:
        """One more response is there, or failed."""


class Silent:
    """Says nothing."""

    def start(self, phase: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def made(self, row: Generation) -> None:
        """Nothing."""


class Sums:
    """What was made in one phase."""

    def __init__(self, done: int = 0) -> None:
        self.done = done
        self.tokens = 0
        self.cost = 0.0
        self.responses = 0
        self.failed: Counter[str] = Counter()
        """Kind of error -> requests that ended in it."""
        self.latencies: list[float] = []
        self._before, self._began = done, time.monotonic()

    def add(self, row: Generation) -> None:
        """Takes one more response into the sums."""
        self.responses += 1
        if row.error is not None:
            self.failed[row.error.kind] += 1
        elif row.latency_s is not None:
            self.latencies.append(row.latency_s)
        if row.usage is not None:
            self.tokens += row.usage.completion_tokens or 0
            self.cost += row.usage.cost or 0.0

    def summary(self) -> str:
        """`12 responses, 1 failed (1 http_429), 890 tokens, 45 tokens/s, $0.02`."""
        failed, seconds = self.failed.total(), time.monotonic() - self._began
        parts = [f"{self.responses - failed} responses"]
        if not self.responses:
            parts = [f"{self.done - self._before} in {seconds:.0f} s"]
        if failed:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.failed.most_common(3))
            parts.append(f"{failed} failed ({kinds})")
        if self.tokens:
            parts.append(f"{self.tokens} tokens, {self.tokens / max(1e-6, seconds):.0f} tokens/s")
        if self.cost:
            parts.append(f"${self.cost:.4f}")
        return ", ".join(parts)


class Line:
    """A line of a board; each phase that ends leaves its summary behind."""

    def __init__(self, board: Progress, names: Mapping[str, str] | None = None) -> None:
        self._board, self._names = board, names or {}
        self._task = board.add_task("", total=None, visible=False, summary="")
        self._phase, self._note, self._waiting, self._sums = "", "", "", Sums()

    def start(self, phase: str, total: int, done: int = 0) -> None:
        """A phase begins; the one before leaves its line."""
        self.leave()
        self._phase, self._note = self._names.get(phase, phase), ""
        self._sums = Sums(done)
        self._board.reset(
            self._task, description=self._phase, total=total, completed=done, visible=True,
            summary="",
        )  # fmt: skip

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        """So many more are done."""
        self._sums.done += count
        self._sums.tokens += tokens
        self._draw()

    def made(self, row: Generation) -> None:
        """One more response is there, or failed."""
        self._sums.add(row)
        self._waiting = ""
        self.advance()

    def note(self, text: str) -> None:
        """How it goes: the loss while training, what a server asks for."""
        self._note = text
        self._draw()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._board.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def remark(self, text: str) -> None:
        """A line about this phase that stays."""
        self.say(f"{self._phase}: {text}")

    def wait(self, text: str) -> None:
        """What nothing goes on for, until something does; a line where none can be redrawn."""
        if self._board.console.is_terminal:
            self._waiting = text
            self._draw()
        else:
            self.remark(text)

    def leave(self) -> None:
        """Ends the phase."""
        if self._phase:
            parts = [self._sums.summary()]
            if self._sums.latencies:
                median = statistics.median(self._sums.latencies)
                parts.append(f"median latency {median:.2f} s")
            self.say(f"{self._phase}: {', '.join([*parts, *filter(None, [self._note])])}")
        self._phase = ""
        self._board.update(self._task, visible=False)

    def _draw(self) -> None:
        shown = ", ".join(filter(None, [self._sums.summary(), self._waiting, self._note]))
        self._board.update(self._task, completed=self._sums.done, summary=shown)


class Lines:
    """A line for each of several models that are asked at the same time."""

    def __init__(self, board: Progress, parts: Mapping[str, tuple[int, int]]) -> None:
        """`parts`: model -> how many responses there are to be, and how many there are."""
        self._lines = {name: Line(board) for name in parts}
        for name, (wanted, there) in parts.items():
            self._lines[name].start(name, wanted, there)

    def of(self, model: str) -> Line:
        """The line of this model."""
        return self._lines[model]

    def start(self, phase: str, total: int, done: int = 0) -> None:
        """Nothing: each line has begun with its own numbers."""

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        """Nothing: it is not said of which model."""

    def made(self, row: Generation) -> None:
        """One more response is there, or failed."""
        if isinstance(row, Response):
            self._lines[row.model].made(row)

    def note(self, text: str) -> None:
        """How it goes with all of them."""
        for one in self._lines.values():
            one.note(text)

    def say(self, text: str) -> None:
        """A line that stays."""
        next(iter(self._lines.values())).say(text)

    def leave(self) -> None:
        """Ends the phase."""
        for one in self._lines.values():
            one.leave()


@contextmanager
def board(console: Console | None = None) -> Iterator[Progress]:
    """Room for lines, which is cleared when the block ends; on standard error by default."""
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
def line(
    console: Console | None = None,
    names: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Iterator[Line]:
    """A line that is drawn while the block runs.

    Args:
        console: where to draw it; standard error by default.
        names: phase -> what it is called.
        progress: a board that other lines stand on too; by default one of its own.
    """
    with ExitStack() as stack:
        drawn = Line(progress or stack.enter_context(board(console)), names)
        stack.callback(drawn.leave)
        yield drawn


@contextmanager
def lines(parts: Mapping[str, tuple[int, int]], console: Console | None = None) -> Iterator[Lines]:
    """Lines that are drawn while the block runs: model -> responses wanted, and there already."""
    with board(console) as progress:
        drawn = Lines(progress, parts)
        try:
            yield drawn
        finally:
            drawn.leave()
