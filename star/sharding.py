"""Sampling shared out among workers: local processes, one a GPU, or Ray actors on many machines.

A backend like any other: the loop writes what the workers send as it comes, so that the shards lose
nothing and nothing has to be merged. Every request has a seed of its own, so that what comes out
does not depend on who made it. What a worker that died owed is made by the others.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from starprobe.bench.line_process import LineProcess
from starprobe.bench.models import BackendOptions
from starprobe.bench.models.base import Backend, Request
from starprobe.bench.records import Generation, ModelInfo
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.schema import Prompt
from starprobe.star.config import StarConfig
from starprobe.star.launch import gpus, user_error

Row = Mapping[str, Any]


class Ended(Exception):
    """A worker is gone; says why."""


class Worker(Protocol):
    """One of those that share the work."""

    def ready(self) -> Row:
        """Waits until its model is loaded, and says who it is.

        Raises:
            Ended: it died over it.
            UserError: the model cannot be loaded.
        """

    def call(self, row: Row) -> Iterator[Row]:
        """Its answers to a row, as they come.

        Raises:
            Ended: it died over it.
        """

    def close(self) -> None:
        """Ends it."""


def is_sharded(config: StarConfig) -> bool:
    """Whether sampling has workers."""
    return config.sampling_workers > 1 or config.sampling_on == "ray"


def load_shards(model: str, options: BackendOptions, config: StarConfig) -> Backend:
    """The workers of a model as one backend.

    Raises:
        UserError: the model cannot be loaded, or there are not as many GPUs.
    """
    if config.sampling_on == "ray":
        from starprobe.star.ray_workers import start_ray

        workers: Sequence[Worker] = start_ray(model, options, config.sampling_workers)
    else:
        count = config.sampling_workers
        places = environments(count, gpus(config), os.environ)
        workers = [ProcessWorker(model, options, place) for place in places]
    try:
        told = [worker.ready() for worker in workers]
    except BaseException as error:
        for worker in workers:
            worker.close()
        if isinstance(error, Ended):
            raise MissingError(f"a worker that loads {model} {error}") from None
        raise
    return (ScoringShards if told[0]["scores"] else Shards)(told[0], workers)


class Shards:
    """Workers as one backend."""

    def __init__(self, told: Row, workers: Sequence[Worker]) -> None:
        self._info = ModelInfo.model_validate(told["ready"])
        self._workers = list(workers)
        self._why = "was closed"

    def info(self) -> ModelInfo:
        """Of the model, as one worker says."""
        return self._info

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Generations as any worker finishes them.

        Raises:
            MissingError: no worker is left.
        """
        owed = {request.id: request for request in requests}
        finished = False
        try:
            while owed:
                parts = dealt(list(owed.values()), len(self._alive()))
                rows = [
                    {"requests": [one.model_dump(mode="json") for one in p]} for p in parts if p
                ]
                for row in self._together(rows):
                    owed.pop(row["id"])
                    yield row["id"], Generation.model_validate(row["generation"])
            finished = True
        finally:
            if not finished:
                # Given up in the middle: what is still on its way must not meet the next question.
                self.close()

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The string that the model sees for this prompt."""
        row = {"render": prompt.model_dump(mode="json"), "chat": chat}
        return str(self._one(row)["text"])

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _one(self, row: Row) -> Row:
        answer, *_ = self._together([row])
        return answer

    def _together(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The answers to each row, by a worker each, as they come; the dead are left out then."""
        arrived: queue.Queue[tuple[Worker, Row | Exception | None]] = queue.Queue()
        busy = dict(zip(self._alive(), rows, strict=False))
        for worker, row in busy.items():
            threading.Thread(target=_pump, args=(worker, row, arrived.put), daemon=True).start()
        waiting = len(busy)
        while waiting:
            worker, row_or_end = arrived.get()
            if row_or_end is None:
                waiting -= 1
            elif isinstance(row_or_end, Ended):
                waiting -= 1
                worker.close()
                self._workers.remove(worker)
                self._why = str(row_or_end)
            elif isinstance(row_or_end, Exception):
                raise row_or_end
            else:
                yield row_or_end

    def _alive(self) -> list[Worker]:
        if not self._workers:
            raise MissingError(
                f"no worker that samples is left (the last {self._why}); "
                f"run the same command again when that is cured: what was made is kept"
            )
        return list(self._workers)


class ScoringShards(Shards):
    """Workers whose model can score text too."""

    def loglikelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Log-probability of each continuation after its prefix.

        Raises:
            MissingError: a worker died over it.
        """
        size = max(1, -(-len(pairs) // len(self._alive())))
        rows = [
            {"pairs": pairs[start : start + size], "part": start}
            for start in range(0, len(pairs), size)
        ]
        values = {row["part"]: row["values"] for row in self._together(rows)}
        if len(values) < len(rows):
            raise MissingError(f"a worker that scores {self._why}; run the same command again")
        return [value for row in rows for value in values[row["part"]]]


class ProcessWorker:
    """A worker in a process of this machine."""

    def __init__(self, model: str, options: BackendOptions, env: Mapping[str, str]) -> None:
        self._process = LineProcess([sys.executable, "-m", "starprobe.star.shard_server"], env)
        self._process.send({"model": model, "options": options.model_dump(mode="json")})

    def ready(self) -> Row:
        """Waits until its model is loaded."""
        row = self._process.receive()
        if row is None:
            raise Ended(self._process.reason())
        if "error" in row:
            raise user_error(row)
        return row

    def call(self, row: Row) -> Iterator[Row]:
        """Its answers, as they come."""
        self._process.send(row)
        while True:
            answer = self._process.receive()
            if answer is None:
                raise Ended(self._process.reason())
            if "done" in answer:
                return
            yield answer

    def close(self) -> None:
        """Ends it."""
        self._process.close()


def dealt(requests: Sequence[Request], count: int) -> list[list[Request]]:
    """The requests as so many parts, those of one question together: their prompts share most."""
    parts: list[list[Request]] = [[] for _ in range(count)]
    places: dict[str, int] = {}
    for request in requests:
        place = places.setdefault(request.prompt.question_id, len(places) % count)
        parts[place].append(request)
    return parts


def environments(count: int, gpus: int, env: Mapping[str, str]) -> list[dict[str, str]]:
    """The variables of each local worker: a GPU of its own, or its share of the cores.

    Raises:
        InputError: more workers than GPUs.
    """
    if not gpus:
        threads = str(max(1, (os.cpu_count() or 1) // count))
        return [{"OMP_NUM_THREADS": threads, **env} for _ in range(count)]
    if count > gpus:
        raise InputError(f"sampling_workers={count}, but this machine shows {gpus} GPUs")
    named = env.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))
    return [{**env, "CUDA_VISIBLE_DEVICES": one} for one in named.split(",")[:count]]


def _pump(worker: Worker, row: Row, put: Callable[[Any], None]) -> None:
    try:
        for answer in worker.call(row):
            put((worker, answer))
        put((worker, None))
    except Exception as error:
        put((worker, error))
