"""Google's generateContent: the Gemini API, and Vertex AI with another base URL."""

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
from starprobe.bench.models.thinking import join
from starprobe.bench.models.transport import broken
from starprobe.bench.records import FinishReason, Generation, Usage

FINISH: dict[str, FinishReason] = {"STOP": "stop", "MAX_TOKENS": "length"}
SAMPLING = (
    "temperature", "topP", "seed", "stopSequences", "thinkingBudget", "thinkingLevel",
    "includeThoughts", "thinkingConfig",
)  # fmt: skip
THINKS = (2, 5)
"""Versions from here on think, and say in short what they thought."""
LEVELS = (3, 0)
"""Versions from here on take a level instead of a number of tokens."""
_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_MOST_STOPS = 5


def fit_url(url: str) -> str:
    """The base of a user's URL: a bare host gets /v1beta, a path to a model loses it."""
    return base_url(url, "models(/[^/]*)?", "/v1beta")


def version(model: str) -> tuple[int, int] | None:
    """Gemini's version out of a model's name."""
    return version_in(model, _VERSION)


def known(model: str, url: str) -> Quirks:
    """Models that think count their thoughts among the tokens of the answer."""
    return Quirks(room=BUDGETS["medium"] if (version(model) or (0, 0)) >= THINKS else 0)


def call(model: str, request: Request, quirks: Quirks) -> Call:
    """The body of a generateContent request.

    Raises:
        ValueError: the request asks for plain text, which this API does not have.
    """
    if request.chat is False:
        raise ValueError("generateContent has no plain-text completion; ask for chat")
    sampling = request.sampling
    system, messages = system_apart(request, quirks)
    room = thinking_tokens(quirks.reasoning, quirks.room) if quirks.room else 0
    body = {
        "contents": [
            {
                "role": "model" if turn.role == "assistant" else "user",
                "parts": [{"text": turn.content}],
            }
            for turn in messages
        ],
        "systemInstruction": {"parts": [{"text": system}]} if system else None,
        "generationConfig": {
            "temperature": sampling.temperature,
            "topP": sampling.top_p if sampling.top_p != 1.0 else None,
            "maxOutputTokens": sampling.max_tokens + room,
            "stopSequences": list(sampling.stop[:_MOST_STOPS]),
            "seed": sampling.seed if quirks.seed_field else None,
            "thinkingConfig": _thinking(model, quirks),
        },
    }
    method = "streamGenerateContent?alt=sse" if quirks.stream else "generateContent"
    return Call(f"/models/{model}:{method}", without(body, quirks))


def _thinking(model: str, quirks: Quirks) -> dict[str, Any] | None:
    if quirks.reasoning is None:
        return {"includeThoughts": True} if quirks.room else None
    if quirks.reasoning == "off":
        return {"thinkingBudget": 0}
    asked: dict[str, Any] = {"includeThoughts": True}
    if (version(model) or (0, 0)) >= LEVELS and not quirks.reasoning.isdigit():
        return asked | {"thinkingLevel": quirks.reasoning}
    return asked | {"thinkingBudget": thinking_tokens(quirks.reasoning)}


def generation(data: Mapping[str, Any]) -> Generation:
    """The first candidate, its thoughts apart; a blocked prompt is a refusal.

    Raises:
        Fault: the body holds no candidate.
    """
    usage = _usage(data.get("usageMetadata"))
    candidates = data.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        if (data.get("promptFeedback") or {}).get("blockReason"):
            return Generation(finish_reason="refusal", usage=usage)
        raise broken("empty_choices", "the server's answer holds no candidates")
    parts = (candidates[0].get("content") or {}).get("parts") or []
    said = [(bool(part.get("thought")), str(part.get("text") or "")) for part in parts]
    return Generation(
        text="".join(text for thought, text in said if not thought),
        reasoning=join("".join(text for thought, text in said if thought)),
        finish_reason=finish_reason(candidates[0].get("finishReason"), FINISH),
        usage=usage,
    )


def assembled(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The pieces of a stream as one body.

    Raises:
        Fault: the stream broke off.
    """
    parts: list[Any] = []
    whole: dict[str, Any] = {}
    finish = None
    for event in events:
        whole |= {key: value for key, value in event.items() if key != "candidates"}
        for candidate in (event.get("candidates") or [])[:1]:
            parts += (candidate.get("content") or {}).get("parts") or []
            finish = candidate.get("finishReason") or finish
    if finish is None and "promptFeedback" not in whole:
        raise broken("unfinished", "the stream broke off before the answer was whole")
    if finish is None:
        return whole
    return whole | {"candidates": [{"content": {"parts": parts}, "finishReason": finish}]}


def _usage(said: Any) -> Usage | None:
    if not isinstance(said, Mapping):
        return None
    thoughts, answer = (
        count(said.get("thoughtsTokenCount")),
        count(said.get("candidatesTokenCount")),
    )
    return Usage(
        prompt_tokens=count(said.get("promptTokenCount")),
        completion_tokens=None
        if answer is None and thoughts is None
        else (answer or 0) + (thoughts or 0),
        reasoning_tokens=thoughts,
    )


DIALECT = Dialect(fit_url, known, call, generation, assembled, learner(SAMPLING))
