"""Generations appended to their file one by one, those that are missing; knows no filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starprobe.bench.models.base import Backend, Request, generate
from starprobe.bench.models.worker import DIED
from starprobe.bench.records import Generation
from starprobe.probes.errors import MissingError
from starprobe.star.folder import Iteration
from starprobe.star.records import Generated

MAX_ERRORS = 0.5
"""A larger share of failed requests is no accident: the loop stops instead of going on."""


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


def generate_missing(
    iteration: Iteration,
    kind: str,
    asked: Sequence[tuple[Generated, Request]],
    backend: Backend,
    watcher: Watcher,
) -> list[Generated]:
    """All generations asked for, in the order asked; only those not yet in the file are made.

    Raises:
        MissingError: most requests failed, so that the model is not there or not well; or its
            process died, and what it owed was not made.
    """
    there = {row.id: row for row in iteration.raw(kind)}
    missing = [(row, request) for row, request in asked if row.id not in there]
    watcher.start(kind, len(asked), len(asked) - len(missing))
    waiting = {row.id: row for row, _ in missing}
    failed: list[str] = []
    with iteration.raw_writer(kind) as writer:
        for name, generation in generate(backend, [request for _, request in missing]):
            if generation.error is not None and generation.error.kind == DIED:
                raise MissingError(
                    f"{generation.error.message}; run the same command again when that is cured: "
                    f"what was made is kept"
                )
            row = filled(waiting[name], generation)
            if row.error is not None:
                failed.append(row.error)
            writer.append([row])
            there[name] = row
            watcher.advance(1, row.tokens or 0)
    if failed and len(failed) > MAX_ERRORS * len(missing):
        raise MissingError(
            f"{len(failed)} of {len(missing)} requests failed ({failed[0]}); run the same command "
            f"again when that is cured: the others are kept"
        )
    return [there[row.id] for row, _ in asked if row.id in there]


def filled(row: Generated, generation: Generation) -> Generated:
    """The row with what the backend gave."""
    usage, error = generation.usage, generation.error
    return row.model_copy(
        update={
            "text": generation.text,
            "reasoning": generation.reasoning,
            "raw": generation.raw,
            "finish_reason": generation.finish_reason,
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "tokens": usage.completion_tokens if usage else None,
            "error": f"{error.kind}: {error.message}" if error else None,
        }
    )
