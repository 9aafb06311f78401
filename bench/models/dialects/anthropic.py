"""The Messages API, of Anthropic or of a server that speaks it (`vllm serve` does)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starprobe.bench.models.base import Request
from starprobe.bench.models.dialects import (
    BUDGETS,
    Call,
    Dialect,
    Quirks,
    base_url,
    count,
    finish_reason,
    learner,
    system_apart,
    thinking_tokens,
    version_in,
    without,
)
from starprobe.bench.models.thinking import content_parts
from starprobe.bench.models.transport import broken
from starprobe.bench.records import FinishReason, Generation, Usage

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "other",
    "tool_use": "other",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
SAMPLING = ("temperature", "top_p", "stop_sequences", "thinking", "output_config")
LEAST_BUDGET = 1024
"""Thinking tokens below which the API refuses a budget."""
ADAPTIVE = (4, 6)
"""Versions from here on choose their thinking budget themselves; 4.7 refuses to be given one."""
NO_SAMPLING = (4, 7)
"""Versions from here on refuse temperature and top_p."""
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")


def fit_url(url: str) -> str:
    """The base of a user's URL, which ends in /v1."""
    return base_url(url, "messages", "/v1")


def version(model: str) -> tuple[int, int] | None:
    """Claude's version out of a model's name: `claude-3-5-sonnet-20240620` is (3, 5)."""
    return version_in(model, _VERSION)


def known(model: str, url: str) -> Quirks:
    """What is known of a model without asking."""
    number = version(model)
    refused = number is not None and number >= NO_SAMPLING
    return Quirks(unsent=("temperature", "top_p") if refused else ())


def call(model: str, request: Request, quirks: Quirks) -> Call:
    """The body of a Messages request.

    Raises:
        ValueError: the request asks for plain text, which this API does not have.
    """
    if request.chat is False:
        raise ValueError("the Messages API has no plain-text completion; ask for chat")
    sampling = request.sampling
    system, messages = system_apart(request, quirks)
    thinking = thinking_fields(model, quirks.reasoning)
    budget = thinking.get("thinking", {}).get("budget_tokens", 0)
    stops = [stop for stop in sampling.stop if stop.strip()]  # Blank ones are answered with a 400.
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": sampling.max_tokens + budget,
        "system": system or None,
        "messages": [turn.model_dump() for turn in messages],
        "stop_sequences": stops,
        "temperature": sampling.temperature,
        # Newer models take one of the two, not both; top_p alone can stand at its default.
        "top_p": sampling.top_p if sampling.top_p != 1.0 and sampling.temperature == 1.0 else None,
        **thinking,
        "stream": True if quirks.stream else None,
    }
    if thinking.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
        body["temperature"] = body["top_p"] = None  # Refused beside thinking.
    elif body["top_p"] is not None:
        body["temperature"] = None
    return Call("/messages", without(body, quirks))


def generation(data: Mapping[str, Any]) -> Generation:
    """All text blocks as the text, all thinking blocks as the reasoning.

    Raises:
        Fault: the body holds no content.
    """
    content = data.get("content")
    finish = finish_reason(data.get("stop_reason"), FINISH)
    if not isinstance(content, list) or (not content and finish not in {"refusal", "length"}):
        raise broken("empty_choices", "the server's answer holds no content")
    parts = content_parts(content)
    return Generation(
        text=parts.text,
        reasoning=parts.reasoning,
        finish_reason=finish,
        usage=_usage(data.get("usage")),
    )


def assembled(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The events of a stream as one message.

    Raises:
        Fault: the stream broke off.
    """
    whole: dict[str, Any] = {"content": [], "usage": {}, "stop_reason": None}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        kind = event.get("type")
        if kind == "message_start":
            whole["usage"] |= event["message"].get("usage") or {}
        elif kind == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            for key in ("text", "thinking"):
                if isinstance(piece := event["delta"].get(key), str):
                    block = blocks.setdefault(event["index"], {"type": key})
                    block[key] = block.get(key, "") + piece
        elif kind == "message_delta":
            whole["stop_reason"] = event["delta"].get("stop_reason")
            whole["usage"] |= event.get("usage") or {}
    if whole["stop_reason"] is None:
        raise broken("unfinished", "the stream broke off before the answer was whole")
    whole["content"] = [blocks[index] for index in sorted(blocks)]
    return whole


def thinking_fields(model: str, reasoning: str | None) -> dict[str, Any]:
    """The fields that ask for thinking: a budget up to 4.5, an effort from 4.6 on."""
    if reasoning is None:
        return {}
    if reasoning == "off":
        return {"thinking": {"type": "disabled"}}
    if (version(model) or (0, 0)) >= ADAPTIVE:
        asked: dict[str, Any] = {"thinking": {"type": "adaptive", "display": "summarized"}}
        return asked | ({"output_config": {"effort": reasoning}} if reasoning in BUDGETS else {})
    budget = max(LEAST_BUDGET, thinking_tokens(reasoning))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _usage(said: Any) -> Usage | None:
    if not isinstance(said, Mapping):
        return None
    read = [
        said.get(key)
        for key in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    ]
    counted = [value for value in read if isinstance(value, int)]
    details = said.get("output_tokens_details")
    return Usage(
        prompt_tokens=sum(counted) if counted else None,
        completion_tokens=count(said.get("output_tokens")),
        reasoning_tokens=details.get("thinking_tokens") if isinstance(details, Mapping) else None,
    )


DIALECT = Dialect(fit_url, known, call, generation, assembled, learner(SAMPLING))
