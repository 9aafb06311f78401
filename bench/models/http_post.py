"""One try of one request: posts JSON, gives JSON back, or raises a Fault. Knows no dialect."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from typing import Any, NamedTuple

import httpx2

from starprobe.bench.models.http_faults import Fault, broken, status_fault
from starprobe.bench.models.keys import is_local, public_url, redact
from starprobe.bench.records import ResponseError


class Endpoint(NamedTuple):
    """Where requests go."""

    url: str
    key_name: str
    headers: dict[str, str]
    timeout_s: float
    query: str = ""
    """What stands after ? in the user's URL: some services want a version there."""

    def at(self, path: str) -> str:
        """The whole URL of a path."""
        return f"{self.url}{path}" + (f"?{self.query}" if self.query else "")


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
) -> tuple[dict[str, Any], float]:
    """The JSON object that answers, and the seconds that it took.

    `timeout_s` holds from the first byte sent to the last one received, however slowly they drip.

    Raises:
        Fault: anything else came back, or nothing.
    """
    start = time.perf_counter()
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            response = await client.post(endpoint.at(path), json=body)
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
            key=endpoint.key_name,
        )
    return parse(response.content, response.headers.get("content-type", "")), latency


def parse(content: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object of a body; one sent twice over counts once.

    Raises:
        Fault: it is no JSON, half a JSON, no object, or an object that reports an error.
    """
    try:
        text = content.decode("utf-8-sig").strip()
        data, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        kind = content_type.partition(";")[0].strip() or "no content type"
        start = redact(content[:60].decode("utf-8", "replace"))
        raise broken("bad_json", f"the answer ({kind}) is no JSON: {start!r}") from None
    rest = text[end:].strip()
    if rest and rest != text[:end]:
        raise broken("bad_json", f"the answer holds more than one JSON: {rest[:60]!r}")
    if not isinstance(data, dict):
        raise broken("bad_json", f"the answer is no JSON object: {text[:60]!r}")
    if data.get("error") and not data.get("choices"):
        raise _reported(data["error"], text)
    return data


def _reported(error: Any, body: str) -> Fault:
    """The fault of an error that came with status 200, as routers send them."""
    code = str(error.get("code")) if isinstance(error, dict) else ""
    status = int(code) if code.isdigit() else 0
    if 400 <= status <= 599:
        return status_fault(status, {}, body, url="", key="its key")
    said = error.get("message", error) if isinstance(error, dict) else error
    return Fault(ResponseError(kind="reported", message=redact(str(said))[:300]), body=body)
