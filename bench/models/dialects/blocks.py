"""Chats of blocks, the system text apart: Anthropic's Messages, Bedrock's Converse, and Gemini.

The Messages API is also that of servers that speak it (`vllm serve` does); Amazon Bedrock's
Converse is one shape for the models of many makers; Google's generateContent serves the Gemini API,
and Vertex AI with another base URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from starprobe.bench.models.backend import Request
from starprobe.bench.models.dialects import (
    BUDGETS,
    Call,
    Dialect,
    Quirks,
    count,
    finish_reason,
    system_apart,
    thinking_tokens,
    version_in,
    without,
)
from starprobe.bench.models.thinking import content_parts, join
from starprobe.bench.models.transport import broken
from starprobe.bench.records import FinishReason, Generation, Usage

LEAST_BUDGET = 1024
"""Thinking tokens below which Anthropic refuses a budget."""
ADAPTIVE = (4, 6)
"""Claudes from here on choose their thinking budget themselves; 4.7 refuses to be given one."""
NO_SAMPLING = (4, 7)
"""Claudes from here on refuse temperature and top_p."""
THINKS = (2, 5)
"""Geminis from here on think, and say in short what they thought."""
LEVELS = (3, 0)
"""Geminis from here on take a level instead of a number of tokens."""
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?")
_GEMINI = re.compile(r"gemini-(\d+)(?:\.(\d+))?")


def claude_version(model: str) -> tuple[int, int] | None:
    """Claude's version out of a model's name: `claude-3-5-sonnet-20240620` is (3, 5)."""
    return version_in(model, _CLAUDE)


def gemini_version(model: str) -> tuple[int, int] | None:
    """Gemini's version out of a model's name."""
    return version_in(model, _GEMINI)


class Anthropic(Dialect):
    """The Messages API."""

    methods, version = "messages", "/v1"
    finish: ClassVar[Mapping[str, FinishReason]] = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "other",
        "tool_use": "other",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "refusal",
    }
    refusable = ("temperature", "top_p", "stop_sequences", "thinking", "output_config")

    def known(self, model: str, url: str) -> Quirks:
        """What is known of a model without asking."""
        number = claude_version(model)
        refused = number is not None and number >= NO_SAMPLING
        return Quirks(unsent=("temperature", "top_p") if refused else ())

    def call(self, model: str, request: Request, quirks: Quirks) -> Call:
        """The body of a Messages request.

        Raises:
            ValueError: the request asks for plain text, which this API does not have.
        """
        sampling = request.sampling
        system, messages = system_apart(request, quirks, "the Messages API")
        thinking = thinking_fields(model, quirks.reasoning)
        budget = thinking.get("thinking", {}).get("budget_tokens", 0)
        # Newer models take one of the two, not both; top_p alone can stand at its default.
        alone = sampling.top_p != 1.0 and sampling.temperature == 1.0
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": sampling.max_tokens + budget,
            "system": system or None,
            "messages": [turn.model_dump() for turn in messages],
            # Blank ones are answered with a 400.
            "stop_sequences": [stop for stop in sampling.stop if stop.strip()],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p if alone else None,
            **thinking,
            "stream": True if quirks.stream else None,
        }
        if thinking.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
            body["temperature"] = body["top_p"] = None  # Refused beside thinking.
        elif body["top_p"] is not None:
            body["temperature"] = None
        return Call("/messages", without(body, quirks))

    def generation(self, data: Mapping[str, Any]) -> Generation:
        """All text blocks as the text, all thinking blocks as the reasoning.

        Raises:
            Fault: the body holds no content.
        """
        content = data.get("content")
        finish = finish_reason(data.get("stop_reason"), self.finish)
        if not isinstance(content, list) or (not content and finish not in {"refusal", "length"}):
            raise broken("empty_choices", "the server's answer holds no content")
        parts = content_parts(content)
        return Generation(
            text=parts.text,
            reasoning=parts.reasoning,
            finish_reason=finish,
            usage=_claude_usage(data.get("usage")),
        )

    def assembled(self, events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
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
    if (claude_version(model) or (0, 0)) >= ADAPTIVE:
        asked: dict[str, Any] = {"thinking": {"type": "adaptive", "display": "summarized"}}
        return asked | ({"output_config": {"effort": reasoning}} if reasoning in BUDGETS else {})
    budget = max(LEAST_BUDGET, thinking_tokens(reasoning))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _claude_usage(said: Any) -> Usage | None:
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


class Bedrock(Dialect):
    """Converse."""

    methods = "model/.*"
    finish: ClassVar[Mapping[str, FinishReason]] = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
    }
    refusable = ("temperature", "topP", "stopSequences", "thinking", "output_config")
    most_stops = 4
    listing = ""

    def known(self, model: str, url: str) -> Quirks:
        """What Anthropic's own API refuses is refused here too."""
        refused = Anthropic().known(model, url).unsent
        return Quirks(unsent=("temperature", "topP") if refused else ())

    def call(self, model: str, request: Request, quirks: Quirks) -> Call:
        """The body of a Converse request.

        Raises:
            ValueError: the request asks for plain text, which this API does not have.
        """
        sampling = request.sampling
        system, messages = system_apart(request, quirks, "Converse")
        claude = claude_version(model) is not None
        thinking = thinking_fields(model, quirks.reasoning) if claude else {}
        budget = thinking.get("thinking", {}).get("budget_tokens", 0)
        inference: dict[str, Any] = {
            "maxTokens": sampling.max_tokens + budget,
            "temperature": sampling.temperature,
            "topP": sampling.top_p if sampling.top_p != 1.0 and not claude else None,
            "stopSequences": [stop for stop in sampling.stop if stop.strip()][: self.most_stops],
        }
        if thinking.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
            inference["temperature"] = inference["topP"] = None  # Refused beside thinking.
        body = {
            "messages": [
                {"role": turn.role, "content": [{"text": turn.content}]} for turn in messages
            ],
            "system": [{"text": system}] if system else None,
            "inferenceConfig": inference,
            "additionalModelRequestFields": thinking,
        }
        return Call(f"/model/{quote(model, safe='')}/converse", without(body, quirks))

    def generation(self, data: Mapping[str, Any]) -> Generation:
        """The text blocks as the text, the reasoning blocks as the reasoning.

        Raises:
            Fault: the body holds no message.
        """
        content = ((data.get("output") or {}).get("message") or {}).get("content")
        finish = finish_reason(data.get("stopReason"), self.finish)
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

    def assembled(self, pieces: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Converse has streams of its own, which are never asked for.

        Raises:
            Fault: always.
        """
        raise broken("stream", "a stream was not asked for")


class Gemini(Dialect):
    """Google's generateContent."""

    methods, version = "models(/[^/]*)?", "/v1beta"
    finish: ClassVar[Mapping[str, FinishReason]] = {"STOP": "stop", "MAX_TOKENS": "length"}
    refusable = (
        "temperature", "topP", "seed", "stopSequences", "thinkingBudget", "thinkingLevel",
        "includeThoughts", "thinkingConfig",
    )  # fmt: skip
    most_stops = 5

    def known(self, model: str, url: str) -> Quirks:
        """Models that think count their thoughts among the tokens of the answer."""
        return Quirks(room=BUDGETS["medium"] if (gemini_version(model) or (0, 0)) >= THINKS else 0)

    def call(self, model: str, request: Request, quirks: Quirks) -> Call:
        """The body of a generateContent request.

        Raises:
            ValueError: the request asks for plain text, which this API does not have.
        """
        sampling = request.sampling
        system, messages = system_apart(request, quirks, "generateContent")
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
                "stopSequences": list(sampling.stop[: self.most_stops]),
                "seed": sampling.seed if quirks.seed_field else None,
                "thinkingConfig": _gemini_thinking(model, quirks),
            },
        }
        method = "streamGenerateContent?alt=sse" if quirks.stream else "generateContent"
        return Call(f"/models/{model}:{method}", without(body, quirks))

    def generation(self, data: Mapping[str, Any]) -> Generation:
        """The first candidate, its thoughts apart; a blocked prompt is a refusal.

        Raises:
            Fault: the body holds no candidate.
        """
        usage = _gemini_usage(data.get("usageMetadata"))
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
            finish_reason=finish_reason(candidates[0].get("finishReason"), self.finish),
            usage=usage,
        )

    def assembled(self, events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
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


def _gemini_thinking(model: str, quirks: Quirks) -> dict[str, Any] | None:
    if quirks.reasoning is None:
        return {"includeThoughts": True} if quirks.room else None
    if quirks.reasoning == "off":
        return {"thinkingBudget": 0}
    asked: dict[str, Any] = {"includeThoughts": True}
    if (gemini_version(model) or (0, 0)) >= LEVELS and not quirks.reasoning.isdigit():
        return asked | {"thinkingLevel": quirks.reasoning}
    return asked | {"thinkingBudget": thinking_tokens(quirks.reasoning)}


def _gemini_usage(said: Any) -> Usage | None:
    if not isinstance(said, Mapping):
        return None
    thoughts = count(said.get("thoughtsTokenCount"))
    written = [n for n in (count(said.get("candidatesTokenCount")), thoughts) if n is not None]
    return Usage(
        prompt_tokens=count(said.get("promptTokenCount")),
        completion_tokens=sum(written) if written else None,
        reasoning_tokens=thoughts,
    )
