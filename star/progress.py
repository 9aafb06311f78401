"""How far a training is, for people: a bar with tokens a second and time left for each phase."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


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


class Silent:
    """A watcher that says nothing."""

    def start(self, phase: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


PHASES = {
    "samples": "sampling",
    "judging": "judging",
    "reasked": "asking again",
    "rationalized": "rationalizing",
    "validation": "validating",
    "training": "training",
    "pairs": "preferring",
    "test": "testing",
    "forgetting": "asking what it may have unlearnt",
}


class RichWatcher:
    """Draws what it is told of; each phase leaves one line behind."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, visible=False, rate="", note="")
        self._phase, self._began, self._tokens, self._done, self._note = "", 0.0, 0, 0, ""

    def start(self, phase: str, total: int, done: int = 0) -> None:
        """A phase begins; the one before leaves its line."""
        self._leave()
        self._phase, self._began = PHASES.get(phase, phase), time.monotonic()
        self._tokens, self._done, self._note = 0, 0, ""
        self._progress.reset(
            self._task, description=self._phase, total=total, completed=done, visible=True,
            rate="", note="",
        )  # fmt: skip

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        """So many more are done."""
        self._tokens += tokens
        self._done += count
        self._progress.update(self._task, advance=count, rate=self._rate())

    def note(self, text: str) -> None:
        """How it goes: the loss while training."""
        self._note = text
        self._progress.update(self._task, note=text)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, markup=False)

    def __enter__(self) -> RichWatcher:
        """Starts drawing."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops drawing."""
        self._leave()
        self._progress.stop()

    def _leave(self) -> None:
        if self._phase and self._done:
            seconds = time.monotonic() - self._began
            told = f"{self._phase}: {self._done} in {seconds:.0f} s, {self._rate()}"
            self.say(f"{told}, {self._note}" if self._note else told)
        self._phase = ""

    def _rate(self) -> str:
        return f"{self._tokens / max(1e-6, time.monotonic() - self._began):.0f} tokens/s"
