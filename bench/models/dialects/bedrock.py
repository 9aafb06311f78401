"""Amazon Bedrock's Converse: one shape for the models of many makers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starprobe.bench.models.base import Request
from starprobe.bench.models.dialects import (
    Call,
    Dialect,
    Quirks,
    anthropic,
    base_url,
    count,
    finish_reason,
    learner,
    system_apart,
    without,
)
from starprobe.bench.models.thinking import join
from starprobe.bench.models.transport import broken
from starprobe.bench.records import FinishReason, Generation, Usage

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
SAMPLING = ("temperature", "topP", "stopSequences", "thinking", "output_config")


def fit_url(url: str) -> str:
    """The host of a user's URL: a path to a model is taken off."""
    return base_url(url, "model/.*")


def known(model: str, url: str) -> Quirks:
    """What Anthropic's own API refuses is refused here too."""
    refused = anthropic.known(model, url).unsent
    return Quirks(unsent=("temperature", "topP") if refused else ())


def call(model: str, request: Request, quirks: Quirks) -> Call:
    """The body of a Converse request.

    Raises:
        ValueError: the request asks for plain text, which this API does not have.
    """
    if request.chat is False:
        raise ValueError("Converse has no plain-text completion; ask for chat")
    sampling = request.sampling
    system, messages = system_apart(request, quirks)
    claude = anthropic.version(model) is not None
    thinking = anthropic.thinking_fields(model, quirks.reasoning) if claude else {}
    budget = thinking.get("thinking", {}).get("budget_tokens", 0)
    inference: dict[str, Any] = {
        "maxTokens": sampling.max_tokens + budget,
        "temperature": sampling.temperature,
        "topP": sampling.top_p if sampling.top_p != 1.0 and not claude else None,
        "stopSequences": [stop for stop in sampling.stop if stop.strip()][:4],
    }
    if thinking.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
        inference["temperature"] = inference["topP"] = None  # Refused beside thinking.
    body = {
        "messages": [{"role": turn.role, "content": [{"text": turn.content}]} for turn in messages],
        "system": [{"text": system}] if system else None,
        "inferenceConfig": inference,
        "additionalModelRequestFields": thinking,
    }
    return Call(f"/model/{quote(model, safe='')}/converse", without(body, quirks))


def generation(data: Mapping[str, Any]) -> Generation:
    """The text blocks as the text, the reasoning blocks as the reasoning.

    Raises:
        Fault: the body holds no message.
    """
    content = ((data.get("output") or {}).get("message") or {}).get("content")
    finish = finish_reason(data.get("stopReason"), FINISH)
    if not isinstance(content, list) or (not content and finish not in {"refusal", "length"}):
        raise broken("empty_choices", "the server's answer holds no content")
    thoughts = [
        ((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text")
        for block in content
    ]
    usage = data.get("usage") or {}
    return Generation(
        text="".join(block.get("text") or "" for block in content),
        reasoning=join(*thoughts),
        finish_reason=finish,
        usage=Usage(
            prompt_tokens=count(usage.get("inputTokens")),
            completion_tokens=count(usage.get("outputTokens")),
        ),
    )


DIALECT = Dialect(fit_url, known, call, generation, None, learner(SAMPLING), listing="")
