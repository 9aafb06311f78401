"""Readings in chunks through one or many processes, in order and with a bounded backlog."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

from starprobe.bench.readers import load_classifier
from starprobe.bench.readers.base import Classifier, Reading
from starprobe.bench.records import Verdict

CHUNK = 256
"""Readings that are handed over in one go."""
BACKLOG = 4
"""Chunks in flight for each process: memory stays the same however long the input is."""

Item = TypeVar("Item")
_reader: Classifier | None = None


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of up to `size`, lazily."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def read_chunks(
    batches: Iterable[list[Reading]], classifier: Classifier | str, workers: int = 1
) -> Iterator[Verdict | None]:
    """The verdicts in order; None where a judge gave none.

    Args:
        batches: lists of readings, consumed as they are needed.
        classifier: a reader, or its name: each process then loads its own.
        workers: processes; with one, the reading is done here.
    """
    if workers <= 1 or not isinstance(classifier, str):
        reader = load_classifier(classifier) if isinstance(classifier, str) else classifier
        for batch in batches:
            yield from read_batch(batch, reader)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _load, (classifier,)) as pool:
        waiting: deque[Future[list[Verdict | None]]] = deque()
        for batch in batches:
            waiting.append(pool.submit(_work, batch))
            if len(waiting) >= workers * BACKLOG:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def read_batch(batch: list[Reading], reader: Classifier) -> Iterator[Verdict | None]:
    """The verdicts of one batch; a judge is asked for all of them at once."""
    read_all = getattr(reader, "read_all", None)
    if read_all is not None:
        yield from read_all(batch)
    else:
        for reading in batch:
            yield reader.classify(reading)


def _load(name: str) -> None:
    global _reader
    _reader = load_classifier(name)


def _work(batch: list[Reading]) -> list[Verdict | None]:
    if _reader is None:
        raise RuntimeError("a process of the pool has loaded no reader")
    return list(read_batch(batch, _reader))
