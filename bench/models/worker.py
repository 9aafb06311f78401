"""Programs of ours in other processes: talked to in JSON lines, and ended with their owner.

`start` gives a backend that other processes serve: one for an engine that wants a process of its
own, several where requests are shared out (one a GPU). What a worker that died owed is made by the
others. Every request has a seed of its own, so that what comes out does not depend on who made it.

What a process prints goes into a log of its own, in which the reason of a failure is looked for.
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
from importlib import import_module
from typing import IO, Any, NamedTuple

from starprobe.bench.models.backend import Backend, BackendOptions, Request, ScoringBackend
from starprobe.bench.models.names import redact
from starprobe.bench.records import Generation, ModelInfo, ResponseError
from starprobe.probes import errors
from starprobe.probes.errors import InputError, MissingError, UserError
from starprobe.probes.schema import Prompt

TAIL = 4000
"""Characters of the log in which the reason of a failure is looked for."""
DIED = "worker_died"
"""The kind of error of what a dead worker owed and nobody else is left to make."""
Row = Mapping[str, Any]


class Place(NamedTuple):
    """Which backend serves which model."""

    module: str
    name: str
    url: str | None = None


def start(place: Place, options: BackendOptions) -> Backend:
    """A backend served by `options.workers` processes.

    Raises:
        UserError: the model cannot be loaded, or there are not as many GPUs.
    """
    whole = os.environ if options.workers == 1 else None
    places = [whole] if whole is not None else environments(options, gpus(options), os.environ)
    # Each is one process: it must not start others in its turn.
    settings = options.model_copy(update={"workers": 1}).model_dump(mode="json")
    command = [sys.executable, "-m", "starprobe.bench.models.worker"]
    workers = [Worker(command, env) for env in places]
    try:
        for worker in workers:
            worker.send({"place": place, "options": settings})
        told = [worker.ready() for worker in workers]
    except BaseException as error:
        for worker in workers:
            worker.close()
        if isinstance(error, Ended):
            raise MissingError(f"the process that loads {place.name} {error}") from None
        raise
    return (ScoringWorkers if told[0]["scores"] else Workers)(told[0], workers)


def gpus(options: BackendOptions) -> int:
    """GPUs that may be used here."""
    import torch

    return 0 if options.device == "cpu" else int(torch.cuda.device_count())


def environments(
    options: BackendOptions, gpus: int, env: Mapping[str, str]
) -> list[dict[str, str]]:
    """The variables of each of several workers: GPUs of its own, or its share of the cores.

    Raises:
        InputError: more workers than GPUs.
    """
    count, each = options.workers, options.tensor_parallel
    if not gpus:
        threads = str(max(1, (os.cpu_count() or 1) // count))
        return [{"OMP_NUM_THREADS": threads, **env} for _ in range(count)]
    if count * each > gpus:
        raise InputError(f"{count} workers want {count * each} GPUs, but this machine shows {gpus}")
    names = (env.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))).split(",")
    parts = [names[number * each : (number + 1) * each] for number in range(count)]
    return [{**env, "CUDA_VISIBLE_DEVICES": ",".join(part)} for part in parts]


class Ended(Exception):
    """A worker is gone; says why."""


class Workers:
    """Processes that serve one model, as one backend."""

    def __init__(self, told: Row, workers: Sequence[Worker]) -> None:
        self._info = ModelInfo.model_validate(told["ready"])
        self._workers = list(workers)
        self._why = "was closed"
        self._asked = False
        """Since the model last said how it was asked."""

    def info(self) -> ModelInfo:
        """Of the model, as the first worker says."""
        if self._workers and self._asked:
            for answer in self._together([{"info": True}]):
                self._info, self._asked = ModelInfo.model_validate(answer["ready"]), False
        return self._info

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """Generations as any worker finishes them; errors of the kind `DIED` where none is left."""
        if not self._workers:
            raise RuntimeError(f"{self._info.name} {self._why}")
        owed = {request.id: request for request in requests}
        finished, self._asked = False, True
        try:
            while owed and self._workers:
                parts = dealt(list(owed.values()), len(self._workers))
                rows = [
                    {"requests": [one.model_dump(mode="json") for one in p]} for p in parts if p
                ]
                for row in self._together(rows):
                    owed.pop(row["id"])
                    yield row["id"], Generation.model_validate(row["generation"])
            for name in owed:
                error = ResponseError(kind=DIED, message=f"the process of the model {self._why}")
                yield name, Generation(error=error)
            finished = True
        finally:
            if not finished:
                # Given up in the middle: what is still on its way must not meet the next question.
                self.close()

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The string that the model sees for this prompt.

        Raises:
            MissingError: the last worker is gone.
        """
        # To its end: a reader left behind would take the next question's answer.
        answers = list(self._together([{"render": prompt.model_dump(mode="json"), "chat": chat}]))
        if not answers:
            raise self._gone()
        return str(answers[0]["text"])

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _together(self, rows: Sequence[Row]) -> Iterator[Row]:
        """The answers to each row, by a worker each, as they come; the dead are left out then."""
        arrived: queue.Queue[tuple[Worker, Row | Exception | None]] = queue.Queue()
        busy = dict(zip(self._workers, rows, strict=False))
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

    def _gone(self) -> MissingError:
        return MissingError(
            f"no process of {self._info.name} is left (the last {self._why}); run the same command "
            f"again when that is cured: what was made is kept"
        )


class ScoringWorkers(Workers):
    """Workers whose model can score text too."""

    def loglikelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Log-probability of each continuation after its prefix.

        Raises:
            MissingError: a worker died over it.
        """
        size = max(1, -(-len(pairs) // max(1, len(self._workers))))
        rows = [
            {"pairs": pairs[start : start + size], "part": start}
            for start in range(0, len(pairs), size)
        ]
        values = {row["part"]: row["values"] for row in self._together(rows)}
        if len(values) < len(rows):
            raise self._gone()
        return [value for row in rows for value in values[row["part"]]]


def dealt(requests: Sequence[Request], count: int) -> list[list[Request]]:
    """The requests as so many parts, those of one question together: their prompts share most."""
    parts: list[list[Request]] = [[] for _ in range(count)]
    places: dict[str, int] = {}
    for request in requests:
        place = places.setdefault(request.prompt.question_id, len(places) % count)
        parts[place].append(request)
    return parts


def _pump(worker: Worker, row: Row, put: Callable[[Any], None]) -> None:
    try:
        for answer in worker.call(row):
            put((worker, answer))
        put((worker, None))
    except Exception as error:
        put((worker, error))


def user_error(row: Row) -> UserError:
    """The error that a process told of."""
    kind = getattr(errors, str(row["kind"]), UserError)
    made: UserError = kind(row["error"])
    return made


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
    def pid(self) -> int:
        """Of the process; 0 once it was closed."""
        return self._process.pid if self._process is not None else 0

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


class Worker(LineProcess):
    """One process that serves a backend."""

    def ready(self) -> Row:
        """Waits until its model is loaded, and says who it is.

        Raises:
            Ended: it died over it.
            UserError: the model cannot be loaded.
        """
        row = self.receive()
        if row is None:
            raise Ended(self.reason())
        if "error" in row:
            raise user_error(row)
        return row

    def call(self, row: Row) -> Iterator[Row]:
        """Its answers to a row, as they come.

        Raises:
            Ended: it died over it.
        """
        self.send(row)
        while True:
            answer = self.receive()
            if answer is None:
                raise Ended(self.reason())
            if "done" in answer:
                return
            yield answer


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


def served(backend: Any, row: Row) -> Iterator[dict[str, Any]]:
    """The process's side: the rows that answer one; the last is `done`."""
    if "requests" in row:
        requests = [Request.model_validate(one) for one in row["requests"]]
        for name, generation in backend.generate(requests):
            yield {"id": name, "generation": generation.model_dump(mode="json")}
    elif "pairs" in row:
        pairs = [(left, right) for left, right in row["pairs"]]
        yield {"values": backend.loglikelihoods(pairs), "part": row["part"]}
    elif "render" in row:
        yield {"text": backend.render(Prompt.model_validate(row["render"]), row["chat"])}
    else:
        yield {"ready": backend.info().model_dump(mode="json")}
    yield {"done": True}


def main() -> None:
    """Loads the backend that it is told to, and serves it until its input ends."""
    send, rows = speaker(), heard()
    first = next(rows)
    place, options = Place(*first["place"]), BackendOptions.model_validate(first["options"])
    try:
        backend = import_module(place.module).make(place.name, place.url, options)
    except UserError as error:
        send({"error": str(error), "kind": type(error).__name__})
        raise SystemExit(1) from error
    info = backend.info().model_dump(mode="json")
    send({"ready": info, "scores": isinstance(backend, ScoringBackend)})
    for row in rows:
        for answer in served(backend, row):
            send(answer)


if __name__ == "__main__":
    main()
