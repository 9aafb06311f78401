"""What a dialect is: pure functions from a request to a body, and from a body to a generation."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from starprobe.bench.models.backend import Request, merged_system, turns
from starprobe.bench.records import FinishReason, Generation
from starprobe.probes.schema import Message, Record

DialectName = Literal["openai", "responses", "anthropic", "ollama", "gemini", "bedrock"]
BUDGETS = {"low": 2048, "medium": 8192, "high": 16384}
"""Tokens of thinking that an effort stands for, where a service wants a number."""


class Quirks(Record):
    """What is particular about a model at an endpoint; known before, and learnt on the way."""

    api: Literal["chat", "responses"] = "chat"
    """Which of OpenAI's two APIs."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed_field: Literal["seed", "random_seed", ""] = "seed"
    reasoning_field: Literal["reasoning_effort", "reasoning"] = "reasoning_effort"
    """Where an effort goes: a word, or an object with an effort or a number of tokens."""
    room: int = 0
    """Tokens for thinking, on top of those asked for, where a service counts both together."""
    unsent: tuple[str, ...] = ()
    """Parameters that the model refuses: they are left out, and the run's record says so."""
    stream: bool = False
    """Ask for the answer in pieces, where the service gives it in no other way."""
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
    """Merged into every body; null takes a field out."""


class Call(NamedTuple):
    """What to post where."""

    path: str
    body: dict[str, Any]


class Dialect(ABC):
    """How one family of services is spoken to: pure functions, and what they need to know."""

    methods = ""
    """Pattern of the paths to methods, which a user's URL may end in."""
    version = ""
    """What a bare host gets."""
    finish: ClassVar[Mapping[str, FinishReason]]
    """A service's word for why it stopped -> ours."""
    refusable: ClassVar[Sequence[str]]
    """Parameters that are left out where a model refuses them by name."""
    most_stops: int | None = None
    """Stop strings that are taken: one more is answered with a 400."""
    listing = "/models"
    """Path that lists the models served; empty where there is none."""

    def fit_url(self, url: str) -> str:
        """A user's URL -> the base that `Call.path` is appended to."""
        url = re.sub(f"/({self.methods})/?$", "", url.rstrip("/"))
        return url if urlsplit(url).path.strip("/") else url + self.version

    def known(self, model: str, url: str) -> Quirks:
        """What is known of a model at a base URL without asking."""
        return Quirks()

    @abstractmethod
    def call(self, model: str, request: Request, quirks: Quirks) -> Call:
        """What to post for a request.

        Raises:
            ValueError: the service cannot be asked so.
        """

    @abstractmethod
    def generation(self, data: Mapping[str, Any]) -> Generation:
        """The generation in the body of a 200, its text as it is.

        Raises:
            Fault: it holds no answer.
        """

    @abstractmethod
    def assembled(self, events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The events of a stream as the body that would have come whole.

        Raises:
            Fault: the stream broke off.
        """

    def adapt(self, quirks: Quirks, sent: Mapping[str, Any], refusal: str) -> Quirks | None:
        """Quirks that may do after a server's refusal of a body, or None.

        Whatever the dialect, a refusal teaches to ask for a stream, or to leave something out.
        """
        low = refusal.lower()
        asks = ("stream only", "only support", "must be", "required", "must set", "must enable")
        if "stream" in low and not quirks.stream and any(word in low for word in asks):
            return quirks.model_copy(update={"stream": True})
        there = set(names_in(sent))
        name = refused_parameter([name for name in self.refusable if name in there], refusal)
        return drop(quirks, name) if name else None

    def prepare(self, quirks: Quirks, requests: Sequence[Request]) -> Quirks:
        """Quirks that hold for all of these requests together."""
        return quirks


def chat_messages(request: Request, quirks: Quirks) -> list[Message]:
    """The messages to send, with the system prompt put where the model takes it."""
    messages = turns(request.prompt, quirks.system, request.chat)
    return merged_system(messages) if quirks.merge_system else messages


def system_apart(request: Request, quirks: Quirks, api: str) -> tuple[str, list[Message]]:
    """(the system text, the other turns), for services that want them apart.

    Raises:
        ValueError: the request asks for plain text, which these APIs do not have.
    """
    if request.chat is False:
        raise ValueError(f"{api} has no plain-text completion; ask for chat")
    messages = chat_messages(request, quirks)
    system = "\n\n".join(turn.content for turn in messages if turn.role == "system")
    return system, [turn for turn in messages if turn.role != "system"]


def thinking_tokens(reasoning: str | None, default: int = 0) -> int:
    """The tokens of thinking that are asked for."""
    if reasoning is None or reasoning == "off":
        return default if reasoning is None else 0
    return int(reasoning) if reasoning.isdigit() else BUDGETS.get(reasoning, BUDGETS["medium"])


def without(body: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """The body less what the model refuses and what is empty, plus what is always to be there."""
    return merged(_kept(body, quirks.unsent), quirks.extra)


def merged(body: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The body with more merged into it, object by object; null takes a field out."""
    found = dict(body)
    for key, value in more.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = merged(found[key], value)
        else:
            found[key] = value
    return found


def _kept(body: Mapping[str, Any], unsent: Sequence[str]) -> dict[str, Any]:
    found = {}
    for key, value in body.items():
        kept = _kept(value, unsent) if isinstance(value, Mapping) else value
        if key not in unsent and kept is not None and kept != [] and (kept or kept != {}):
            found[key] = kept
    return found


def names_in(body: Mapping[str, Any]) -> list[str]:
    """The names of all fields of a body, those of its objects too."""
    found = []
    for key, value in body.items():
        found.append(key)
        if isinstance(value, Mapping):
            found += names_in(value)
    return found


def version_in(model: str, pattern: re.Pattern[str]) -> tuple[int, int] | None:
    """The two numbers that a pattern finds in a model's name."""
    found = pattern.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else None


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
        "extraneous key",
        "deprecated",
        "not permitted",
        "not allowed",
        "cannot both be specified",
        "only the default",
        "may only be set to 1",
        "must be verified",
        "is not enabled for",
    )
    if not any(word in low for word in complaint):
        return None
    quoted = [name for name in names if any(f"{q}{name.lower()}{q}" in low for q in "'\"`")]
    named = quoted or [
        name
        for name in names
        if any(mark.format(name.lower()) in low for mark in ("{}:", " {} ", ".{}", "[{}]"))
    ]
    return named[0] if named else None


REFUSALS = (
    "content_filter", "content-filter", "refusal", "safety", "prohibited", "recitation",
    "blocklist", "spii", "guardrail",
)  # fmt: skip
"""Words in a service's reason that mean that it refused, or that its filter did."""


def finish_reason(said: Any, known: Mapping[str, FinishReason]) -> FinishReason:
    """Our word for a service's; `other` for one that is not known.

    Services put a detail behind a reason (`content_filter: PROHIBITED_CONTENT`): it is looked for
    in the words too.
    """
    word = str(said)
    if word in known:
        return known[word]
    low = word.lower()
    return "refusal" if any(mark in low for mark in REFUSALS) else known.get(low, "other")


def count(value: Any) -> int | None:
    """A number of tokens, or None for what is none."""
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return int(value) if whole else None
