"""Ollama's native API, because its /v1 cannot be told how much context to hold.

By default Ollama cuts a prompt that is longer than its context, and says nothing. Here the context
is sized for the longest request of the batch, and cutting is forbidden in the body, which servers
since late 2025 answer with an error instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starprobe.bench.models.base import Request
from starprobe.bench.models.dialects import (
    Call,
    Dialect,
    Quirks,
    adapted,
    base_url,
    chat_messages,
    drop,
    finish_reason,
    without,
)
from starprobe.bench.models.thinking import message_parts
from starprobe.bench.models.transport import broken
from starprobe.bench.records import FinishReason, Generation, Usage

FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
STEP = 2048
"""The context grows in steps, since Ollama loads a model anew for another one."""
TEMPLATE_TOKENS = 256
"""Room for the chat template's own tokens."""


def fit_url(url: str) -> str:
    """The server's root: /v1 and /api are taken off."""
    return base_url(url, "v1|api|api/chat")


def known(model: str, url: str) -> Quirks:
    """Nothing is known without asking."""
    return Quirks()


def call(model: str, request: Request, quirks: Quirks) -> Call:
    """A chat without streaming; raw generation where the request asks for plain text."""
    sampling = request.sampling
    options: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        # 0 turns its own default of the 40 likeliest tokens off.
        "top_k": 0,
        "repeat_penalty": 1.0,
        "num_predict": sampling.max_tokens,
        "seed": sampling.seed % 2**31,
        "stop": list(sampling.stop),
        "num_ctx": quirks.num_ctx,
    }
    body: dict[str, Any] = {
        "model": model,
        "stream": quirks.stream,
        "truncate": False,
        "shift": False,
        "options": options,
    }
    if request.chat is False:
        body |= {"prompt": request.prompt.text, "raw": True}
        return Call("/api/generate", without(body, quirks))
    body["messages"] = [turn.model_dump() for turn in chat_messages(request, quirks)]
    if quirks.reasoning is not None:
        levels = {"off": False, "low": "low", "medium": "medium", "high": "high"}
        body["think"] = levels.get(quirks.reasoning, True)
    return Call("/api/chat", without(body, quirks))


def generation(data: Mapping[str, Any]) -> Generation:
    """The message, with what Ollama calls thinking apart.

    Raises:
        Fault: the body holds no message, or an unfinished one.
    """
    message = data.get("message")
    if not isinstance(message, Mapping):
        if not isinstance(data.get("response"), str):
            raise broken("empty_choices", "Ollama's answer holds no message")
        parts = message_parts({"content": data["response"], "thinking": data.get("thinking")})
    else:
        parts = message_parts(message)
    if data.get("done") is False:
        raise broken("unfinished", "Ollama's answer is not done")
    return Generation(
        text=parts.text,
        reasoning=parts.reasoning,
        finish_reason=finish_reason(data.get("done_reason"), FINISH),
        usage=Usage(
            prompt_tokens=data.get("prompt_eval_count"), completion_tokens=data.get("eval_count")
        ),
    )


def assembled(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The lines of a stream as one body.

    Raises:
        Fault: the stream broke off.
    """
    if not events or not events[-1].get("done"):
        raise broken("unfinished", "the stream broke off before the answer was whole")
    whole = dict(events[-1])
    if any("message" in event for event in events):
        parts = [event.get("message") or {} for event in events]
        whole["message"] = {
            key: "".join(part.get(key) or "" for part in parts) for key in ("content", "thinking")
        }
    else:
        whole["response"] = "".join(event.get("response") or "" for event in events)
    return whole


def adapt(quirks: Quirks, sent: Mapping[str, Any], refusal: str) -> Quirks | None:
    """Quirks without `think`, where the model cannot, and without what an old server refuses."""
    if "think" in sent and "does not support thinking" in refusal:
        return drop(quirks, "think")
    return adapted(quirks, sent, refusal, ("truncate", "shift"))


def prepare(quirks: Quirks, requests: Sequence[Request]) -> Quirks:
    """A context that holds the longest of these requests.

    Never more than the registry's context of the model.
    """
    most = max((_tokens(request) + request.sampling.max_tokens for request in requests), default=0)
    wanted = -(-(most + TEMPLATE_TOKENS) // STEP) * STEP
    if quirks.context is not None:
        wanted = min(wanted, quirks.context)
    return quirks.model_copy(update={"num_ctx": max(wanted, quirks.num_ctx or 0)})


def _tokens(request: Request) -> int:
    """At least as many tokens as any common tokenizer makes of the prompt.

    Digits, punctuation and bytes outside ASCII count one each; letters and spaces one for two.
    """
    text = request.prompt.text
    if request.chat is not False:
        text = "".join(turn.content for turn in request.prompt.messages)
    plain = sum(letter.isascii() and (letter.isalpha() or letter == " ") for letter in text)
    return plain // 2 + len(text.encode("utf-8", "replace")) - plain


DIALECT = Dialect(fit_url, known, call, generation, assembled, adapt, prepare, "/api/tags")
