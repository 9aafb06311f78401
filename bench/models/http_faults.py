"""What went wrong with a request, and whether trying again can help.

Passing: 408, 409, 425, 429, 5xx (529 among them), resets, timeouts, answers that are no answer.
Permanent: every other 4xx, and a 429 that says that the account is out of money.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from starprobe.bench.models.keys import redact
from starprobe.bench.records import ResponseError

PASSING = frozenset({408, 409, 425, 429})
CROWDED = frozenset({429, 503, 529})
"""Statuses that ask for fewer requests, not only for another try."""
FOR_ALL = frozenset({401, 402, 404, 410})
"""Statuses that every further request of this model would get too."""
OUT_OF_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "insufficient credits")
_LONGEST = 300


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


class Advice(NamedTuple):
    """What to tell the user of a status that trying again cannot cure."""

    status: int
    words: str


ADVICE = {
    401: "the key is missing or wrong: set {key}",
    402: "the account has no credit left",
    403: "the key in {key} may not use this model",
    404: "no such model or path at {url}",
    410: "this model has been retired",
}


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
    return Fault(
        ResponseError(kind=f"http_{status}", message=message, permanent=permanent),
        wait_s=retry_after(headers),
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
    for key in ("error", "message", "detail", "title"):
        if isinstance(said, dict) and key in said:
            said = said[key]
    if not isinstance(said, str):
        said = json.dumps(said, ensure_ascii=False)
    return " ".join(said.split())[:_LONGEST]
