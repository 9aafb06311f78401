"""A model behind HTTP: a provider, a dialect and the patience to get an answer out of it.

Every request ends as exactly one generation. Passing faults are tried again, parameters that the
server refuses by name are left out from then on, and what no further request could get past (a
wrong key, a retired model, a server that is not there) ends the others at once. One event loop, in
a thread of its own, serves all models.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import httpx2

from starprobe.bench.models import names
from starprobe.bench.models.backend import BackendOptions, Request
from starprobe.bench.models.dialects import Call, Dialect, DialectName, Quirks, names_in
from starprobe.bench.models.dialects.blocks import Anthropic, Bedrock, Gemini
from starprobe.bench.models.dialects.openai import Ollama, OpenAI
from starprobe.bench.models.names import Provider, is_local, public_url, redact, secrets
from starprobe.bench.models.thinking import split_reasoning
from starprobe.bench.models.transport import (
    Auth,
    AwsAuth,
    Endpoint,
    Fault,
    Gate,
    GoogleAuth,
    KeyAuth,
    Servers,
    loop_thread,
    open_client,
    post,
    server_message,
)
from starprobe.bench.records import Generation, ModelInfo, ResponseError, Sampling
from starprobe.probes.errors import MissingError
from starprobe.probes.schema import Message, Prompt

DIALECTS: dict[DialectName, Dialect] = {
    "openai": OpenAI(),
    "responses": OpenAI(),
    "ollama": Ollama(),
    "anthropic": Anthropic(),
    "bedrock": Bedrock(),
    "gemini": Gemini(),
}
FIRST_WAIT_S = 0.5
"""Before the second try; doubled for each further one."""
TRIES_TO_FIND = 2
"""Tries to reach a server that has not answered anything yet."""
WORTH_TELLING_S = 2.0
"""Shorter waits are not spoken of."""
LEARNABLE = frozenset({"http_400", "http_404", "http_422"})
CONTENT = frozenset(
    {"messages", "prompt", "system", "input", "instructions", "contents", "systemInstruction"}
)
"""Fields of a body that hold what is asked, and not how."""
SEEDS = frozenset({"seed", "random_seed"})
ASKED = {
    "temperature": ("temperature",),
    "top_p": ("top_p", "topP"),
    "seed": ("seed", "random_seed"),
    "stop": ("stop", "stop_sequences", "stopSequences"),
    "reasoning": (
        "reasoning_effort", "reasoning", "thinking", "think", "thinkingConfig", "thinkingBudget",
    ),
}  # fmt: skip
"""What a user asks for -> what services call it."""
MOST_BODIES = 8
log = logging.getLogger("starprobe.bench.http")


Answer = tuple["HttpBackend", str, Generation]
"""Who was asked, the request's id, and what came of it."""
Finished = asyncio.Queue[Answer | Exception]


class HttpBackend:
    """One model at one endpoint, or at several addresses, with commas between them."""

    def __init__(
        self,
        provider: Provider,
        name: str,
        url: str | None,
        options: BackendOptions,
        dialect: Dialect | None = None,
    ) -> None:
        """Sends nothing yet.

        Raises:
            MissingError: the endpoint needs a key, or its URL a variable, and there is none.
        """
        self.provider, self.model, self.options = provider, name, options
        self.dialect = dialect or DIALECTS[provider.dialect]
        first, *others = (url or "").split(",")
        # One model at several addresses is known by the first: more may be added to a run.
        self.name = f"{provider.name}:{name}" + (f"@{public_url(first)}" if first else "")
        self.entry = names.find(provider.name, name, first or None)
        self.price = self.entry.price if self.entry is not None else None
        if options.price is not None:
            self.price = names.Price(
                input=options.price[0],
                output=options.price[1],
                date=date.today().isoformat(),
                source="--price",
            )
        self.servers = Servers([self._endpoint_at(one) for one in (first, *others)])
        self.endpoint = self.servers.endpoints[0]
        base = self.endpoint.url
        quirks = names.quirks(provider, self.entry, self.dialect.known(name, base))
        self.quirks = quirks.model_copy(
            update={
                "system": options.system,
                "reasoning": options.reasoning,
                "extra": {**quirks.extra, **options.body},
            }
        )
        self.on_wait: Callable[[str], None] = log.info
        """Is told that nothing goes on for a while, and why."""
        self.on_learning: Callable[[str], None] = log.warning
        """Is told of parameters that the server refuses, from then on left out."""
        self._sent: dict[str, dict[str, Any]] = {}
        self._closed = False
        self._client: httpx2.AsyncClient | None = None

    def _endpoint_at(self, url: str) -> Endpoint:
        base, _, query = (url or self.provider.base_url()).partition("?")
        base = self.dialect.fit_url(base) if url else base
        return Endpoint(
            base,
            _auth(self.name, self.provider, self.entry, base),
            {**self.provider.headers, **self.options.headers},
            self.options.timeout_s,
            query,
        )

    @property
    def at_once(self) -> int:
        """Requests that may be under way: so many to each address."""
        return max(1, self.options.concurrency) * len(self.servers.endpoints)

    def info(self) -> ModelInfo:
        """Who answers, where, what was sent beside the question, and what was refused."""
        details: dict[str, Any] = {"dialect": self.provider.dialect}
        if len(self.servers.endpoints) > 1:
            details["servers"] = [public_url(one.url) for one in self.servers.endpoints]
        if self._sent:
            details["sent"] = list(self._sent.values())
        if self.quirks.unsent:
            details["not_sent"] = list(self.quirks.unsent)
        if self.quirks.reasoning is not None:
            details["reasoning"] = self.quirks.reasoning
        if self.quirks.merge_system:
            details["system"] = "merged into the first user turn"
        if self.quirks.num_ctx:
            details["num_ctx"] = self.quirks.num_ctx
        if self.options.headers:
            details["headers"] = sorted(self.options.headers)
        if self.price is not None:
            details["price"] = self.price.model_dump(mode="json")
        if self.provider.reports_cost:
            details["reports_cost"] = True
        return ModelInfo(name=self.name, endpoint=public_url(self.endpoint.url), details=details)

    def not_sent(self, sampling: Sampling) -> list[str]:
        """What is asked for and cannot be sent to this model, as far as that is known before."""
        message = Message(role="user", content="?")
        prompt = Prompt(
            id="", question_id="", condition="", stem="", shown=(), messages=(message,), text="?"
        )
        call = self.call(Request(id="", prompt=prompt, sampling=sampling))
        there = set(names_in({k: v for k, v in call.body.items() if k not in CONTENT}))
        asked: dict[str, object] = {"temperature": sampling.temperature, "seed": sampling.seed}
        if sampling.top_p != 1.0:
            asked["top_p"] = sampling.top_p
        if sampling.stop:
            asked["stop"] = list(sampling.stop)
        if self.options.reasoning is not None:
            asked["reasoning"] = self.options.reasoning
        return [f"{key} {value}" for key, value in asked.items() if not there & set(ASKED[key])]

    def call(self, request: Request) -> Call:
        """What is posted for a request.

        Raises:
            ValueError: the service cannot be asked so.
        """
        return self.dialect.call(self.model, request, self.quirks)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """(request id, generation) pairs as they finish; from a running event loop too."""
        for _, name, generation in generate_together([(self, requests)]):
            yield name, generation

    def close(self) -> None:
        """Closes the connections. May be called twice."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            closing = asyncio.run_coroutine_threadsafe(client.aclose(), loop_thread().loop)
            with suppress(TimeoutError):
                closing.result(timeout=10)

    def sent(self, body: Mapping[str, Any]) -> None:
        """Takes down how something was asked that has been answered."""
        kept = _without_content(body)
        if len(self._sent) < MOST_BODIES:
            self._sent.setdefault(json.dumps(kept, sort_keys=True), kept)

    async def answers(
        self, requests: Sequence[Request], finished: Finished, handled: asyncio.Semaphore
    ) -> None:
        """Puts an answer to each request into the queue, never more at once than are handled."""
        if self._closed:
            raise RuntimeError(f"{self.name} was closed")
        self.quirks = self.dialect.prepare(self.quirks, requests)
        if self._client is None:
            self._client = open_client(self.endpoint, self.at_once)
        round_ = _Round(self, self._client)
        waiting = iter(requests)

        async def work() -> None:
            for request in waiting:
                finished.put_nowait((self, request.id, await round_.answer(request)))
                # Under way and not yet written down together: never more than the concurrency.
                await handled.acquire()

        count = min(len(requests), self.at_once)
        await asyncio.gather(*(work() for _ in range(count)))


def _auth(name: str, provider: Provider, entry: names.Entry | None, url: str) -> Auth:
    """How requests to a URL are authenticated.

    Raises:
        MissingError: it needs a key, and there is none.
    """
    variable = (entry.key if entry and entry.key else None) or names.key_name(provider, url)
    key = os.environ.get(variable, "").strip() or None
    made = provider.auth in {"google", "aws"}
    if key is None and made and not is_local(url):
        return GoogleAuth() if provider.auth == "google" else AwsAuth(url)
    own = entry is not None and entry.key is not None
    if key is None and (own or names.needs_key(provider, url)):
        raise MissingError(f"{name} needs a key: set {variable} in the environment")
    return KeyAuth("bearer" if made else provider.auth, variable, key)


def _without_content(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in body.items():
        if key in CONTENT or key == "model":
            continue
        if isinstance(value, Mapping):
            value = _without_content(value)
        found[key] = "one a response" if key in SEEDS else value
    return found


class _Round:
    """The state that the requests of one `generate` share."""

    def __init__(self, backend: HttpBackend, client: httpx2.AsyncClient) -> None:
        self.backend, self.client = backend, client
        self.gate = Gate(backend.at_once)
        self.keys = secrets(tuple(backend.options.headers.values()))
        self.answered = False
        self.over: ResponseError | None = None
        """What ended it for all."""
        self._told_until = 0.0
        self._told_cut = False

    async def answer(self, request: Request) -> Generation:
        """The generation for one request; never raises but for a cancellation."""
        try:
            return await self._answer(request)
        except Exception as error:
            # A bug or a body that no one foresaw must not take the other requests along.
            log.exception("request %s failed", request.id)
            message = redact(f"{type(error).__name__}: {error}", self.keys)
            return Generation(error=ResponseError(kind="unforeseen", message=message[:300]))

    async def _answer(self, request: Request) -> Generation:
        tries = 0
        while self.over is None:
            quirks = self.backend.quirks
            try:
                call = self.backend.call(request)
            except ValueError as error:
                return Generation(
                    error=ResponseError(kind="unsupported", message=str(error), permanent=True)
                )
            fault = await self._try(call)
            if isinstance(fault, Generation):
                return fault
            if self._learn(quirks, call.body, fault):
                continue
            if fault.error.kind == "http_400" and "content_filter" in fault.body:
                # The service's filter speaks, which is an outcome and no error.
                return Generation(finish_reason="refusal", text="")
            tries += 1
            if self._give_up(fault, tries):
                return Generation(error=fault.error)
            wait = self._wait(fault, tries)
            self._tell(fault, wait)
            await asyncio.sleep(wait)
        return Generation(error=self.over)

    async def _try(self, call: Call) -> Generation | Fault:
        backend, entered = self.backend, await self.gate.enter()
        server, failed = backend.servers.take(), True
        try:
            if self.over is not None:
                return Fault(self.over, for_all=True)
            data, latency = await post(
                self.client, backend.servers.endpoints[server], call.path, call.body
            )
            if isinstance(data, list):
                data = dict(backend.dialect.assembled(data))
            generation = backend.dialect.generation(data)
            failed = False
        except Fault as fault:
            failed = not fault.error.permanent
            if fault.crowded:
                self.gate.crowded(entered, min(fault.wait_s or 0.0, backend.options.max_wait_s))
            return fault
        finally:
            backend.servers.give(server, failed)
            await self.gate.leave()
        self.answered = True
        self.gate.succeeded()
        backend.sent(call.body)
        return self._finish(generation, latency)

    def _finish(self, generation: Generation, latency: float) -> Generation:
        usage = names.with_cost(generation.usage, self.backend.price)
        text, reasoning = generation.text, generation.reasoning
        if any(key in text or (reasoning and key in reasoning) for key in self.keys):
            text, reasoning = redact(text, self.keys), redact(reasoning or "", self.keys) or None
        cut = generation.finish_reason == "length" and not split_reasoning(text).text
        if cut and not self._told_cut:
            self._told_cut = True
            self.backend.on_learning(
                "a response was cut before its answer began: all its tokens went into thinking; "
                "raise --max-tokens"
            )
        return generation.model_copy(
            update={"latency_s": latency, "usage": usage, "text": text, "reasoning": reasoning}
        )

    def _learn(self, quirks: Quirks, body: dict[str, Any], fault: Fault) -> bool:
        """Whether the request is worth sending again with other parameters."""
        if not (fault.error.permanent and fault.error.kind in LEARNABLE):
            return False
        if quirks != self.backend.quirks:
            return True  # Another request has learnt it meanwhile.
        said = server_message(fault.body)
        learnt = self.backend.dialect.adapt(quirks, body, f"{said} {fault.body}")
        if learnt is None or learnt == quirks:
            return False
        self.backend.quirks = learnt
        self.backend.on_learning(f"{_change(quirks, learnt)} ({redact(said, self.keys)[:120]})")
        return True

    def _tell(self, fault: Fault, wait: float) -> None:
        """Says that nothing goes on for a while; once for all that wait at the same time."""
        until = time.monotonic() + wait
        if wait >= WORTH_TELLING_S and until > self._told_until + 1:
            self._told_until = until
            why = "as the server asks" if fault.wait_s is not None else f"after {fault.error.kind}"
            self.backend.on_wait(f"waiting {wait:.0f} s {why}")

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


def _change(before: Quirks, after: Quirks) -> str:
    """What was learnt, in words."""
    left_out = [name for name in after.unsent if name not in before.unsent]
    if left_out:
        return f"no {', '.join(left_out)} is sent: the model refuses it"
    changed = [
        name for name in Quirks.model_fields if getattr(before, name) != getattr(after, name)
    ]
    return "asked in another way: " + ", ".join(f"{n}={getattr(after, n)}" for n in changed)


def generate_together(
    jobs: Sequence[tuple[HttpBackend, Sequence[Request]]],
) -> Generator[Answer, None, None]:
    """The answers of several models at the same time, as they come: none waits for another's.

    Leaving the iterator early cancels what is under way.
    """
    asked = [(backend, list(requests)) for backend, requests in jobs if requests]
    return loop_thread().iterate(lambda handled: _merged(asked, handled))


async def _merged(
    jobs: Sequence[tuple[HttpBackend, list[Request]]], handled: asyncio.Semaphore
) -> AsyncIterator[Answer]:
    finished: Finished = asyncio.Queue()

    async def answer(backend: HttpBackend, requests: list[Request]) -> None:
        try:
            await backend.answers(requests, finished, handled)
        except Exception as error:
            finished.put_nowait(error)

    tasks = [asyncio.ensure_future(answer(*job)) for job in jobs]
    try:
        for _ in range(sum(len(requests) for _, requests in jobs)):
            item = await finished.get()
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
