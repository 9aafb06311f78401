"""Wall-clock seconds and tokens of an iteration's phases, added up over interruptions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from starprobe.bench.files import write_json
from starprobe.probes.schema import Record
from starprobe.star.records import Generated
from starprobe.star.storage import Iteration
from starprobe.star.stored import read_record

Counter = Callable[[Sequence[Generated]], None]


class Spent(Record):
    """phases.json."""

    seconds: dict[str, float]
    tokens: dict[str, int]


class Phases:
    """What an iteration has cost so far."""

    def __init__(self, iteration: Iteration) -> None:
        self._path = iteration.path / "phases.json"
        stored = read_record(self._path, Spent) or Spent(seconds={}, tokens={})
        self.seconds = dict(stored.seconds)
        self.tokens = dict(stored.tokens)

    @contextmanager
    def timed(self, phase: str) -> Iterator[Counter]:
        """Adds the block's seconds, also where it is interrupted; yields a counter of tokens."""
        start = time.perf_counter()

        def count(rows: Sequence[Generated]) -> None:
            self.tokens[phase] = sum(row.tokens or 0 for row in rows)

        try:
            yield count
        finally:
            spent = time.perf_counter() - start
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + spent, 2)
            self._store()

    def count(self, phase: str, tokens: int) -> None:
        """Takes down the tokens of a phase."""
        self.tokens[phase] = tokens
        self._store()

    def _store(self) -> None:
        write_json(self._path, Spent(seconds=self.seconds, tokens=self.tokens))
