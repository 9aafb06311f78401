"""What a dialect is: pure functions from a request to a body, and from a body to a generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from starprobe.bench.models.base import Request, merged_system, turns
from starprobe.bench.records import FinishReason, Generation
from starprobe.probes.schema import Message, Record


class Quirks(Record):
    """What is particular about a model at an endpoint; from the registry, and learnt on the way."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed_field: Literal["seed", "random_seed", ""] = "seed"
    unsent: tuple[str, ...] = ()
    """Parameters that the model refuses: they are left out, and the run's record says so."""
    merge_system: bool = False
    """True for templates that know no system role: it goes before the first user turn."""
    system: str | None = None
    """A system prompt to put before the messages."""
    reasoning: str | None = None
    """`off`, `low`, `medium`, `high`, or a number of tokens; None leaves it to the model."""
    context: int | None = None
    """Tokens of prompt and response together."""
    num_ctx: int | None = None
    """Ollama's: the context that it is told to allocate."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Merged into every body."""


class Call(NamedTuple):
    """What to post where."""

    path: str
    body: dict[str, Any]


class Dialect(NamedTuple):
    """How one family of services is spoken to."""

    name: str
    key: str
    """The environment variable that holds the key."""
    url: str
    """Where it is served, if the user names no URL."""
    fit_url: Callable[[str], str]
    """A user's URL -> the base that `Call.path` is appended to."""
    headers: Callable[[str | None], dict[str, str]]
    """Key -> headers."""
    known: Callable[[str, str], Quirks]
    """Model and base URL -> what is known of them without asking."""
    call: Callable[[str, Request, Quirks], Call]
    """Model, request, quirks -> what to post. Raises ValueError for what it cannot ask."""
    generation: Callable[[Mapping[str, Any]], Generation]
    """Body of a 200 -> generation. Raises Fault where it holds no answer."""
    adapt: Callable[[Quirks, Mapping[str, Any], str], Quirks | None]
    """Quirks, body sent, the server's refusal -> quirks that may do, or None."""
    prepare: Callable[[Quirks, Sequence[Request]], Quirks]
    """Quirks that hold for all of these requests together."""
    listing: str = "/models"
    """Path that lists the models served."""


def chat_messages(request: Request, quirks: Quirks) -> list[Message]:
    """The messages to send, with the system prompt put where the model takes it."""
    messages = turns(request.prompt, quirks.system, request.chat)
    return merged_system(messages) if quirks.merge_system else messages


def without(body: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    """The body less what the model refuses, plus what the registry adds; no key holds None."""
    kept = {
        key: value
        for key, value in body.items()
        if key not in quirks.unsent and value is not None and value != []
    }
    return {**kept, **quirks.extra}


def drop(quirks: Quirks, name: str) -> Quirks:
    """Quirks that leave one more parameter out."""
    return quirks.model_copy(update={"unsent": (*quirks.unsent, name)})


def refused_parameter(names: Sequence[str], refusal: str) -> str | None:
    """Which of these parameters a refusal complains about; None where it names none."""
    low = refusal.lower()
    complaint = (
        "unsupported",
        "not support",
        "unrecognized",
        "unknown",
        "extra_forbidden",
        "extra inputs are not permitted",
        "deprecated",
        "not permitted",
        "not allowed",
        "cannot both be specified",
        "only the default",
        "may only be set to 1",
    )
    if not any(word in low for word in complaint):
        return None
    quoted = [name for name in names if any(f"{q}{name}{q}" in low for q in "'\"`")]
    named = quoted or [name for name in names if f"{name}:" in low or f" {name} " in low]
    return named[0] if named else None


def finish_reason(said: Any, known: Mapping[str, FinishReason]) -> FinishReason:
    """Our word for a service's; `other` for one that is not known."""
    return known.get(str(said), "other")
