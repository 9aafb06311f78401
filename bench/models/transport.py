"""How requests travel: with which credentials, how many at once, and one try of each.

All on one event loop. A key goes into a header; Google's and Amazon's credentials are made by their
own libraries, where those are installed. A try posts JSON, gives JSON back, or raises a Fault.
Knows no dialect. Passing faults: 408, 409, 425, 429, 5xx (529 among them), resets, timeouts,
answers that are none. Permanent ones: every other 4xx, and a 429 that says that the account is out
of money.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import httpx2

from starprobe.bench.models.names import is_local, public_url, redact
from starprobe.bench.records import ResponseError
from starprobe.probes.errors import MissingError

PASSING = frozenset({408, 409, 425, 429})
CROWDED = frozenset({429, 503, 529})
"""Statuses that ask for fewer requests, not only for another try."""
FOR_ALL = frozenset({401, 402, 404, 410})
"""Statuses that every further request of this model would get too."""
OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "insufficient credits")
ADVICE = {
    401: "the key is missing, wrong or run out: set {key}",
    402: "the account has no credit left",
    403: "the key in {key} may not use this model",
    404: "no such model or path at {url}",
    410: "this model has been retired",
}
"""Status -> what to tell the user of one that trying again cannot cure."""
_LONGEST = 300
_RETRY_DELAY = re.compile(r'"retryDelay":\s*"([\d.]+)s"')
STREAMS = ("text/event-stream", "application/x-ndjson", "application/jsonl")


class Fault(Exception):
    """One failed try."""

    def __init__(
        self,
        error: ResponseError,
        *,
        wait_s: float | None = None,
        crowded: bool = False,
        for_all: bool = False,
        body: str = "",
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait_s = wait_s
        """What Retry-After asks for."""
        self.crowded = crowded
        self.for_all = for_all
        self.body = body
        """The server's own words, for the dialect to look into."""


class Auth(Protocol):
    """How a request is authenticated."""

    @property
    def key_name(self) -> str:
        """The variable that a user sets, for advice."""

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """What to add to the headers of this very request."""


class KeyAuth:
    """A key from the environment in a header: `bearer`, or the header's name."""

    def __init__(self, way: str, key_name: str, key: str | None) -> None:
        self.key_name = key_name
        self._headers: dict[str, str] = {}
        if key:
            bearer = way == "bearer"
            name = "authorization" if bearer else way
            self._headers = {name: f"Bearer {key}" if bearer else key}

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """The key's header, the same for all."""
        return self._headers


class GoogleAuth:
    """Application default credentials, made and renewed by the package google-auth."""

    key_name = "GOOGLE_APPLICATION_CREDENTIALS"

    def __init__(self) -> None:
        """Looks for credentials.

        Raises:
            MissingError: the package, or the credentials, are not there.
        """
        try:
            import google.auth
            from google.auth.exceptions import DefaultCredentialsError
            from google.auth.transport.requests import Request
        except ImportError:
            raise MissingError(
                "Google's credentials need google-auth: pip install 'starprobe[google]', or set "
                "VERTEX_ACCESS_TOKEN (gcloud auth print-access-token; it lasts an hour)"
            ) from None
        scopes = ["https://www.googleapis.com/auth/cloud-platform"]
        try:
            self._credentials: Any = google.auth.default(scopes=scopes)[0]
        except DefaultCredentialsError:
            raise MissingError(
                "no Google credentials: run gcloud auth application-default login, or set "
                "GOOGLE_APPLICATION_CREDENTIALS or VERTEX_ACCESS_TOKEN"
            ) from None
        self._transport = Request()
        self._renewing = asyncio.Lock()

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """A token, renewed where it has run out."""
        async with self._renewing:
            if not self._credentials.valid:
                await asyncio.to_thread(self._credentials.refresh, self._transport)
        return {"authorization": f"Bearer {self._credentials.token}"}


class AwsAuth:
    """Signature Version 4, made by the package botocore with whatever credentials it finds."""

    key_name = "AWS_BEARER_TOKEN_BEDROCK, or AWS credentials"

    def __init__(self, url: str) -> None:
        """Looks for credentials.

        Raises:
            MissingError: the package, or the credentials, are not there.
        """
        try:
            from botocore.session import Session
        except ImportError:
            raise MissingError(
                "bedrock: needs AWS_BEARER_TOKEN_BEDROCK in the environment, or for other AWS "
                "credentials botocore: pip install 'starprobe[aws]'"
            ) from None
        self._credentials: Any = Session().get_credentials()
        if self._credentials is None:
            raise MissingError(
                "bedrock: needs AWS_BEARER_TOKEN_BEDROCK, or AWS credentials (aws configure)"
            )
        host = (urlsplit(url).hostname or "").split(".")
        named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        self._region = host[1] if len(host) > 3 and host[0].startswith("bedrock") else named

    async def headers(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        """The signature of this request."""
        return await asyncio.to_thread(self._signed, url, headers, content)

    def _signed(self, url: str, headers: dict[str, str], content: bytes) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("POST", url, dict(headers), content)
        credentials = self._credentials.get_frozen_credentials()
        SigV4Auth(credentials, "bedrock", self._region or "us-east-1").add_auth(request)
        return {name: value for name, value in request.headers.items() if name not in headers}


class Endpoint(NamedTuple):
    """Where requests go."""

    url: str
    auth: Auth
    headers: dict[str, str]
    timeout_s: float
    query: str = ""
    """What stands after ? in the user's URL: some services want a version there."""

    def at(self, path: str) -> str:
        """The whole URL of a path."""
        mark = "&" if "?" in path else "?"
        return f"{self.url}{path}" + (f"{mark}{self.query}" if self.query else "")


class Servers:
    """The addresses of one model: each request goes where the fewest are under way.

    An address that fails in passing rests for a while, as long as another one does not.
    """

    def __init__(self, endpoints: Sequence[Endpoint], rest_s: float = 10.0) -> None:
        self.endpoints, self._rest_s = tuple(endpoints), rest_s
        self._busy = [0] * len(self.endpoints)
        self._rests_until = [0.0] * len(self.endpoints)

    def take(self) -> int:
        """The place of the address to ask now."""
        now = time.monotonic()
        place = min(
            range(len(self.endpoints)),
            key=lambda one: (max(0.0, self._rests_until[one] - now), self._busy[one]),
        )
        self._busy[place] += 1
        return place

    def give(self, place: int, failed: bool) -> None:
        """It was asked; `failed`: it did not answer as it should."""
        self._busy[place] -= 1
        self._rests_until[place] = time.monotonic() + self._rest_s if failed else 0.0


def open_client(endpoint: Endpoint, concurrency: int) -> httpx2.AsyncClient:
    """A client with room for so many connections; the environment's proxies are for far hosts."""
    return httpx2.AsyncClient(
        headers=endpoint.headers,
        timeout=httpx2.Timeout(endpoint.timeout_s, pool=None),
        limits=httpx2.Limits(
            max_connections=concurrency,
            max_keepalive_connections=concurrency,
            keepalive_expiry=30.0,
        ),
        trust_env=not is_local(endpoint.url),
        # Making a context for https takes tens of milliseconds, which http can do without.
        verify=endpoint.url.startswith("https:") or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )


async def post(
    client: httpx2.AsyncClient, endpoint: Endpoint, path: str, body: dict[str, Any]
) -> tuple[dict[str, Any] | list[dict[str, Any]], float]:
    """The answer to a body, one object or the pieces of a stream, and the seconds that it took.

    `timeout_s` holds from the first byte sent to the last one received, however slowly they drip.

    Raises:
        Fault: anything else came back, or nothing.
    """
    url, content = endpoint.at(path), json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    headers |= await endpoint.auth.headers(url, headers, content)
    start = time.perf_counter()
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            response = await client.post(url, content=content, headers=headers)
    except (TimeoutError, httpx2.TimeoutException):
        raise broken("timeout", f"no whole answer within {endpoint.timeout_s:g} s") from None
    except httpx2.ConnectError as error:
        where = public_url(endpoint.url)
        raise broken("unreachable", f"cannot reach {where}: {error}; is it running?") from None
    except httpx2.TransportError as error:
        said = str(error) or type(error).__name__
        raise broken("connection", f"the connection broke: {said}") from None
    except (httpx2.InvalidURL, httpx2.DecodingError, UnicodeError) as error:
        raise broken("connection", f"{type(error).__name__}: {error}") from None
    latency = time.perf_counter() - start
    if not response.is_success:
        raise status_fault(
            response.status_code,
            response.headers,
            response.text,
            url=public_url(endpoint.url) + path,
            key=endpoint.auth.key_name,
        )
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in STREAMS or response.content.lstrip().startswith((b"data:", b"event:")):
        return events(response.content), latency
    return parse(response.content, kind), latency


def parse(content: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object of a body; one sent twice over counts once.

    Raises:
        Fault: it is no JSON, half a JSON, no object, or an object that reports an error.
    """
    try:
        text = content.decode("utf-8-sig").strip()
        data, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        start = redact(content[:60].decode("utf-8", "replace"))
        kind = content_type.partition(";")[0].strip() or "no content type"
        raise broken("bad_json", f"the answer ({kind}) is no JSON: {start!r}") from None
    rest = text[end:].strip()
    if rest and rest != text[:end]:
        raise broken("bad_json", f"the answer holds more than one JSON: {rest[:60]!r}")
    if not isinstance(data, dict):
        raise broken("bad_json", f"the answer is no JSON object: {text[:60]!r}")
    if data.get("error") and not data.get("choices"):
        raise _reported(data["error"], text)
    return data


def events(content: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a stream: server-sent events, or one a line.

    Raises:
        Fault: a piece is no JSON, or reports an error.
    """
    found = []
    for line in content.decode("utf-8", "replace").splitlines():
        said = line.strip()
        if said.startswith("data:"):
            said = said.removeprefix("data:").strip()
        elif not said.startswith("{"):
            continue
        if said and said != "[DONE]":
            found.append(parse(said.encode(), STREAMS[0]))
    return found


def _reported(error: Any, body: str) -> Fault:
    """The fault of an error that came with status 200, as routers send them."""
    code = str(error.get("code")) if isinstance(error, dict) else ""
    status = int(code) if code.isdigit() else 0
    if 400 <= status <= 599:
        return status_fault(status, {}, body, url="", key="its key")
    said = error.get("message", error) if isinstance(error, dict) else error
    return Fault(
        ResponseError(kind="reported", message=redact(str(said))[:_LONGEST]),
        body=body,
        crowded="overloaded" in str(error).lower(),
    )


def status_fault(
    status: int, headers: Mapping[str, str], body: str, *, url: str, key: str
) -> Fault:
    """The fault of a status that is not 2xx.

    Args:
        status: the HTTP status.
        headers: of the response, for Retry-After.
        body: of the response; its own message becomes ours.
        url: where the request went, without secrets.
        key: the variable that holds the key, for the advice.
    """
    broke = any(word in body.lower() for word in OUT_OF_MONEY)
    permanent = not (status in PASSING or status >= 500) or broke
    said = redact(server_message(body))
    advice = ADVICE.get(status, "").format(key=key, url=url)
    message = "; ".join(part for part in (f"HTTP {status}", said, advice) if part)
    wait = retry_after(headers)
    if wait is None and (delay := _RETRY_DELAY.search(body)):
        wait = float(delay[1])
    return Fault(
        ResponseError(kind=f"http_{status}", message=message, permanent=permanent),
        wait_s=wait,
        crowded=status in CROWDED and not permanent,
        for_all=status in FOR_ALL or broke,
        body=body,
    )


def broken(kind: str, message: str) -> Fault:
    """The fault of an answer that is no answer: passing, since a second one may be whole."""
    return Fault(ResponseError(kind=kind, message=redact(message)[:_LONGEST]))


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that Retry-After asks for, in either of its forms (RFC 9110, 10.2.3).

    `retry-after-ms`, which some services send beside it, is taken first.
    """
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        said = headers.get("retry-after", "").strip()
        if not said:
            return None
        if said.replace(".", "", 1).isdigit():
            return float(said)
        when = parsedate_to_datetime(said)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
    except ValueError:
        return None


def server_message(body: str) -> str:
    """The server's own words in one line, out of any of the usual shapes of an error body."""
    try:
        said: Any = json.loads(body)
    except ValueError:
        said = body
    if isinstance(said, list) and len(said) == 1 and isinstance(said[0], dict):
        said = said[0]
    for key in ("error", "message", "Message", "detail", "title"):
        if isinstance(said, dict) and key in said:
            said = said[key]
    if not isinstance(said, str):
        said = json.dumps(said, ensure_ascii=False)
    return " ".join(said.split())[:_LONGEST]


Item = TypeVar("Item")
CUT = 0.7
"""What is left of the requests under way where a server is crowded."""
ACCIDENTS = 0.1
"""Share of a round trip's requests that may be turned away without the server being crowded."""


class Gate:
    """How many requests may be under way: additive increase, multiplicative decrease.

    Starts at the most that the user allows; a crowded server, which turns away (429, 503, 529) more
    than a tenth of a round, cuts the number, at most once a round trip; every full round of
    successes lets one more in again. Retry-After pauses everything for as long as it asks.
    """

    def __init__(self, most: int) -> None:
        self.most = max(1, most)
        self.limit = float(self.most)
        self.under_way = 0
        self._turned_away = 0.0
        """Of about the last round."""
        self._last_cut = float("-inf")
        self._paused_until = float("-inf")
        self._changed = asyncio.Condition()

    async def enter(self) -> float:
        """Waits for a place; gives the time of entry."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.under_way < max(1, int(self.limit)))
            self.under_way += 1
        # The place is held during the pause, so that nothing rushes in when it ends.
        while (left := self._paused_until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        return time.monotonic()

    async def leave(self) -> None:
        """Gives the place back."""
        async with self._changed:
            self.under_way -= 1
            self._changed.notify_all()

    def succeeded(self) -> None:
        """Lets a little more in."""
        self._turned_away *= 1.0 - 1.0 / self.limit
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def crowded(self, entered: float, pause_s: float) -> None:
        """Cuts the number where many were turned away since it was last cut; pauses all.

        Args:
            entered: what `enter` gave to the request that was turned away.
            pause_s: how long nothing may go in.
        """
        now = time.monotonic()
        self._paused_until = max(self._paused_until, now + pause_s)
        self._turned_away += entered > self._last_cut
        if self._turned_away >= ACCIDENTS * self.limit:
            self._last_cut, self._turned_away = now, 0.0
            self.limit = max(1.0, self.limit * CUT)


class LoopThread:
    """A daemon thread that runs an event loop, so that async code can be driven from anywhere.

    A notebook has a running loop already, in which `asyncio.run` is refused; a thread has none.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="starprobe-http", daemon=True)
        self._thread.start()

    def iterate(
        self, stream: Callable[[asyncio.Semaphore], AsyncIterator[Item]]
    ) -> Generator[Item, None, None]:
        """The items of an async stream; leaving the iterator early cancels the stream.

        The semaphore that the stream is given is released each time the reader comes back for
        another item: by then it has done what it does with the one before, such as writing it down.
        """
        items: queue.SimpleQueue[Item | BaseException | None] = queue.SimpleQueue()
        handled = asyncio.Semaphore(0)

        async def drain() -> None:
            try:
                async for item in stream(handled):
                    items.put(item)
            except BaseException as error:
                items.put(error)
                raise
            items.put(None)

        running: Future[None] = asyncio.run_coroutine_threadsafe(drain(), self.loop)
        try:
            while (item := items.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
                self.loop.call_soon_threadsafe(handled.release)
        finally:
            running.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


@cache
def _loop_of(process: int) -> LoopThread:
    return LoopThread()


def loop_thread() -> LoopThread:
    """The one loop of this process, started when it is first wanted."""
    return _loop_of(os.getpid())
