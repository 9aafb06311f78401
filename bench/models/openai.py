"""`openai:` the chat and text completions that most servers speak.

OpenAI itself, `vllm serve`, Ollama's /v1, llama.cpp, Mistral, Gemini's compatible endpoint, NVIDIA
NIM, OpenRouter: one shape, with quirks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starprobe.bench.models.base import BackendOptions, Request
from starprobe.bench.models.dialect import (
    Call,
    Dialect,
    Quirks,
    chat_messages,
    drop,
    finish_reason,
    refused_parameter,
    without,
)
from starprobe.bench.models.http_backend import HttpBackend
from starprobe.bench.models.http_faults import broken
from starprobe.bench.models.thinking import content_parts, join, message_parts
from starprobe.bench.records import FinishReason, Generation, Usage

FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "content_filter": "refusal",
    "refusal": "refusal",
    "SAFETY": "refusal",
}
SAMPLING = ("temperature", "top_p", "stop", "seed", "random_seed", "reasoning_effort")
_REASONERS = re.compile(r"^(o\d|gpt-5)")
_MOST_STOPS = 4


def make(name: str, url: str | None, options: BackendOptions) -> HttpBackend:
    """The backend for a model behind an OpenAI-compatible endpoint.

    Raises:
        MissingError: the endpoint needs a key and there is none.
    """
    return HttpBackend(DIALECT, name, url, options)


def fit_url(url: str) -> str:
    """The base of a user's URL: a bare host gets /v1, a full path to a method loses it."""
    url = re.sub(r"/(chat/)?completions/?$", "", url.rstrip("/"))
    return url if urlsplit(url).path.strip("/") else f"{url}/v1"


def headers(key: str | None) -> dict[str, str]:
    """The key as a bearer token."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def known_quirks(model: str, url: str) -> Quirks:
    """What is known of a model and a host without asking."""
    host = urlsplit(url).hostname or ""
    if host == "api.mistral.ai":
        return Quirks(seed_field="random_seed")
    if host == "generativelanguage.googleapis.com":
        return Quirks(seed_field="")
    if host == "api.openai.com" or host.endswith(".openai.azure.com"):
        unsent = ("temperature", "top_p", "stop") if _REASONERS.match(model) else ()
        return Quirks(max_tokens_field="max_completion_tokens", unsent=unsent)
    return Quirks()


def call(model: str, request: Request, quirks: Quirks) -> Call:
    """Chat for messages; the old text completion where the request asks for plain text."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.top_p != 1.0 else None,
        # OpenAI takes four stop strings and answers 400 to a fifth.
        "stop": list(sampling.stop[:_MOST_STOPS]),
    }
    if quirks.seed_field:
        body[quirks.seed_field] = sampling.seed
    if request.chat is False:
        body |= {"prompt": request.prompt.text, "max_tokens": sampling.max_tokens}
        return Call("/completions", without(body, quirks))
    body["messages"] = [turn.model_dump() for turn in chat_messages(request, quirks)]
    body[quirks.max_tokens_field] = sampling.max_tokens
    if quirks.reasoning is not None:
        body["reasoning_effort"] = "none" if quirks.reasoning == "off" else quirks.reasoning
    return Call("/chat/completions", without(body, quirks))


def generation(data: Mapping[str, Any]) -> Generation:
    """The first choice; of the Responses API, its messages.

    Raises:
        Fault: the body holds no choice.
    """
    if isinstance(data.get("output"), list):
        return _responses_generation(data)
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise broken("empty_choices", "the server's answer holds no choices")
    choice = choices[0]
    message = choice.get("message")
    if isinstance(message, list):  # NVIDIA's reward endpoint wraps its one message in a list.
        message = message[0] if message else None
    finish = finish_reason(choice.get("finish_reason"), FINISH)
    usage = _usage(data.get("usage"))
    if not isinstance(message, Mapping):
        if not isinstance(choice.get("text"), str):
            raise broken("empty_choices", "the server's choice holds neither message nor text")
        return Generation(text=choice["text"], finish_reason=finish, usage=usage)
    parts = message_parts(message)
    refusal = message.get("refusal")
    if refusal:
        return Generation(
            text=parts.text or str(refusal),
            reasoning=parts.reasoning,
            finish_reason="refusal",
            usage=usage,
        )
    return Generation(text=parts.text, reasoning=parts.reasoning, finish_reason=finish, usage=usage)


def adapt(quirks: Quirks, sent: Mapping[str, Any], refusal: str) -> Quirks | None:
    """Quirks without the parameter that the server refuses by name."""
    if "max_completion_tokens" in refusal and quirks.max_tokens_field == "max_tokens":
        return quirks.model_copy(update={"max_tokens_field": "max_completion_tokens"})
    low = refusal.lower()
    if "system" in low and ("role" in low or "not support" in low) and not quirks.merge_system:
        return quirks.model_copy(update={"merge_system": True})
    name = refused_parameter([name for name in SAMPLING if name in sent], refusal)
    if name == "seed" and "random_seed" not in quirks.unsent and "mistral" in low:
        return quirks.model_copy(update={"seed_field": "random_seed"})
    return drop(quirks, name) if name else None


def prepare(quirks: Quirks, requests: Sequence[Request]) -> Quirks:
    """Nothing depends on the requests together."""
    return quirks


def _usage(said: Any) -> Usage | None:
    if not isinstance(said, Mapping):
        return None
    details = said.get("completion_tokens_details") or said.get("output_tokens_details") or {}
    return Usage(
        prompt_tokens=_count(said.get("prompt_tokens", said.get("input_tokens"))),
        completion_tokens=_count(said.get("completion_tokens", said.get("output_tokens"))),
        reasoning_tokens=_count(
            details.get("reasoning_tokens") if isinstance(details, Mapping) else None
        ),
        cost=said["cost"] if isinstance(said.get("cost"), int | float) else None,
    )


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value >= 0 else None


def _responses_generation(data: Mapping[str, Any]) -> Generation:
    """The Responses API: items of type `reasoning` and `message`."""
    items = [item for item in data["output"] if isinstance(item, Mapping)]
    said = [content_parts(item.get("content")) for item in items if item.get("type") == "message"]
    thought = [
        content_parts(
            [{"type": "thinking", "thinking": item.get("summary") or item.get("content")}]
        )
        for item in items
        if item.get("type") == "reasoning"
    ]
    if not said and not thought:
        raise broken("empty_choices", "the server's answer holds no output")
    incomplete = data.get("incomplete_details") or {}
    return Generation(
        text="".join(part.text for part in said),
        reasoning=join(*(part.reasoning for part in (*thought, *said))),
        finish_reason=finish_reason(incomplete.get("reason") or data.get("status"), FINISH),
        usage=_usage(data.get("usage")),
    )


DIALECT = Dialect(
    name="openai",
    key="OPENAI_API_KEY",
    url="https://api.openai.com/v1",
    fit_url=fit_url,
    headers=headers,
    known=known_quirks,
    call=call,
    generation=generation,
    adapt=adapt,
    prepare=prepare,
)
