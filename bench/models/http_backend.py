"""A model behind HTTP: a dialect, an endpoint and the patience to get an answer out of it.

Every request ends as exactly one generation. Passing faults are tried again, parameters that the
server refuses by name are left out from then on, and what no further request could get past (a
wrong key, a retired model, a server that is not there) ends the others at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx2

from starprobe.bench.models import names as registry
from starprobe.bench.models.base import BackendOptions, Request
from starprobe.bench.models.dialect import Dialect, Quirks
from starprobe.bench.models.http_faults import Fault, server_message
from starprobe.bench.models.http_gate import Gate
from starprobe.bench.models.http_loop import LoopThread
from starprobe.bench.models.http_post import Endpoint, open_client, post
from starprobe.bench.models.keys import key_name, needs_key, public_url, redact, secrets
from starprobe.bench.records import Generation, ModelInfo, ResponseError
from starprobe.probes.errors import MissingError

FIRST_WAIT_S = 0.5
"""Before the second try; doubled for each further one."""
TRIES_TO_FIND = 2
"""Tries to reach a server that has not answered anything yet."""
log = logging.getLogger("starprobe.bench.http")


class HttpBackend:
    """One model at one endpoint."""

    def __init__(
        self, dialect: Dialect, name: str, url: str | None, options: BackendOptions
    ) -> None:
        entry = registry.find(dialect.name, name, url)
        asked, _, query = (url or (entry and entry.url) or dialect.url).partition("?")
        base = dialect.fit_url(asked)
        self.dialect, self.model, self.options, self.entry = dialect, name, options, entry
        self.name = f"{dialect.name}:{name}" + (f"@{public_url(url)}" if url else "")
        self.key_name = (entry.key if entry and entry.key else None) or key_name(base, dialect.key)
        key = os.environ.get(self.key_name, "").strip() or None
        if key is None and (needs_key(base) or (entry is not None and entry.key is not None)):
            raise MissingError(f"{self.name} needs a key: set {self.key_name} in the environment")
        self.endpoint = Endpoint(
            base, self.key_name, dialect.headers(key), options.timeout_s, query
        )
        self.quirks = registry.quirks(entry, dialect.known(name, base)).model_copy(
            update={"system": options.system, "reasoning": options.reasoning}
        )
        self._closed = False
        self._loop: LoopThread | None = None
        self._client: httpx2.AsyncClient | None = None

    def info(self) -> ModelInfo:
        """Who answers, where, and what was left out because it was refused."""
        details: dict[str, Any] = {"dialect": self.dialect.name}
        if self.quirks.unsent:
            details["not_sent"] = list(self.quirks.unsent)
        if self.quirks.reasoning is not None:
            details["reasoning"] = self.quirks.reasoning
        if self.quirks.merge_system:
            details["system"] = "merged into the first user turn"
        if self.quirks.num_ctx:
            details["num_ctx"] = self.quirks.num_ctx
        if self.entry is not None and self.entry.price is not None:
            details["price"] = self.entry.price.model_dump(mode="json")
        return ModelInfo(name=self.name, endpoint=public_url(self.endpoint.url), details=details)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """(request id, generation) pairs as they finish; from a running event loop too."""
        if self._closed:
            raise RuntimeError(f"{self.name} was closed")
        if self._loop is None:
            self._loop = LoopThread()
        requests = list(requests)
        self.quirks = self.dialect.prepare(self.quirks, requests)
        return self._loop.iterate(lambda handled: self._stream(requests, handled))

    def close(self) -> None:
        """Ends what is under way, closes the connections and ends the thread."""
        self._closed = True
        loop, self._loop = self._loop, None
        client, self._client = self._client, None
        if loop is None:
            return
        # First, so that nothing under way takes a closed connection for a fault.
        loop.cancel()
        if client is not None:
            asyncio.run_coroutine_threadsafe(client.aclose(), loop.loop).result(timeout=10)
        loop.close()

    async def _stream(
        self, requests: list[Request], handled: asyncio.Semaphore
    ) -> AsyncIterator[tuple[str, Generation]]:
        if self._client is None:
            self._client = open_client(self.endpoint, self.options.concurrency)
        round_ = _Round(self, self._client)
        waiting = iter(requests)
        finished: asyncio.Queue[tuple[str, Generation]] = asyncio.Queue()

        async def work() -> None:
            for request in waiting:
                finished.put_nowait((request.id, await round_.answer(request)))
                # Under way and not yet written down together: never more than the concurrency.
                await handled.acquire()

        workers = [
            asyncio.ensure_future(work())
            for _ in range(min(len(requests), max(1, self.options.concurrency)))
        ]
        try:
            for _ in requests:
                yield await finished.get()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


class _Round:
    """The state that the requests of one `generate` share."""

    def __init__(self, backend: HttpBackend, client: httpx2.AsyncClient) -> None:
        self.backend, self.client = backend, client
        self.gate = Gate(backend.options.concurrency)
        self.keys = secrets()
        self.answered = False
        self.over: ResponseError | None = None
        """What ended it for all."""

    async def answer(self, request: Request) -> Generation:
        """The generation for one request; never raises but for a cancellation."""
        try:
            return await self._answer(request)
        except Exception as error:
            # A bug or a body that no one foresaw must not take the other requests along.
            log.exception("request %s failed", request.id)
            message = redact(f"{type(error).__name__}: {error}", self.keys)
            return _failed(ResponseError(kind="unforeseen", message=message[:300]))

    async def _answer(self, request: Request) -> Generation:
        tries = 0
        while self.over is None:
            quirks = self.backend.quirks
            try:
                call = self.backend.dialect.call(self.backend.model, request, quirks)
            except ValueError as error:
                return _failed(
                    ResponseError(kind="unsupported", message=str(error), permanent=True)
                )
            fault = await self._try(call.path, call.body)
            if isinstance(fault, Generation):
                return fault
            if self._learn(quirks, call.body, fault):
                continue
            if _filtered(fault):
                return Generation(finish_reason="refusal", text="")
            tries += 1
            if self._give_up(fault, tries):
                return _failed(fault.error)
            await asyncio.sleep(self._wait(fault, tries))
        return _failed(self.over)

    async def _try(self, path: str, body: dict[str, Any]) -> Generation | Fault:
        entered = await self.gate.enter()
        try:
            if self.over is not None:
                return Fault(self.over, for_all=True)
            data, latency = await post(self.client, self.backend.endpoint, path, body)
            generation = self.backend.dialect.generation(data)
        except Fault as fault:
            if fault.crowded:
                self.gate.crowded(
                    entered, min(fault.wait_s or 0.0, self.backend.options.max_wait_s)
                )
            return fault
        finally:
            await self.gate.leave()
        self.answered = True
        self.gate.succeeded()
        return self._finish(generation, latency)

    def _finish(self, generation: Generation, latency: float) -> Generation:
        usage = registry.with_cost(generation.usage, self.backend.entry)
        text, reasoning = generation.text, generation.reasoning
        if any(key in text or (reasoning and key in reasoning) for key in self.keys):
            text, reasoning = redact(text, self.keys), redact(reasoning or "", self.keys) or None
        return generation.model_copy(
            update={"latency_s": latency, "usage": usage, "text": text, "reasoning": reasoning}
        )

    def _learn(self, quirks: Quirks, body: dict[str, Any], fault: Fault) -> bool:
        """Whether the request is worth sending again with other parameters."""
        if not (fault.error.permanent and fault.error.kind in {"http_400", "http_422"}):
            return False
        if quirks != self.backend.quirks:
            return True  # Another request has learnt it meanwhile.
        learnt = self.backend.dialect.adapt(quirks, body, server_message(fault.body) + fault.body)
        if learnt is None or learnt == quirks:
            return False
        self.backend.quirks = learnt
        log.warning("%s refuses a parameter: %s", self.backend.name, fault.error.message)
        return True

    def _give_up(self, fault: Fault, tries: int) -> bool:
        most = self.backend.options.retries if self.answered else TRIES_TO_FIND - 1
        lost = fault.error.kind == "unreachable" and tries > min(most, self.backend.options.retries)
        if fault.for_all or lost:
            self.over = self.over or fault.error
        return fault.error.permanent or lost or tries > self.backend.options.retries

    def _wait(self, fault: Fault, tries: int) -> float:
        """Retry-After where it was sent, else doubling with jitter; at most `max_wait_s`."""
        grown = FIRST_WAIT_S * 2 ** (tries - 1) * random.uniform(0.5, 1.0)
        return min(self.backend.options.max_wait_s, grown if fault.wait_s is None else fault.wait_s)


def _failed(error: ResponseError) -> Generation:
    return Generation(error=error)


def _filtered(fault: Fault) -> bool:
    """Whether the refusal is the service's filter speaking, which is an outcome and no error."""
    return fault.error.kind == "http_400" and "content_filter" in fault.body
