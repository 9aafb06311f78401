"""Chats of turns of text: OpenAI's APIs, which most servers speak, and Ollama's own.

OpenAI itself, `vllm serve`, Ollama's /v1, llama.cpp, Mistral, NVIDIA NIM, OpenRouter, Azure: one
shape, with quirks. The Responses API is the one that gives summaries of what OpenAI's own models
thought. Ollama's native API is there because its /v1 cannot be told how much context to hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

from starprobe.bench.models.backend import Request
from starprobe.bench.models.dialects import (
    BUDGETS,
    Call,
    Dialect,
    Quirks,
    chat_messages,
    count,
    drop,
    finish_reason,
    system_apart,
    thinking_tokens,
    without,
)
from starprobe.bench.models.thinking import content_parts, join, message_parts
from starprobe.bench.models.transport import broken
from starprobe.bench.records import FinishReason, Generation, Usage

_REASONERS = re.compile(r"^(o\d|gpt-5)")
STEP = 2048
"""Ollama's context grows in steps, since it loads a model anew for another one."""
TEMPLATE_TOKENS = 256
"""Room for the chat template's own tokens."""


class OpenAI(Dialect):
    """Chat and text completions, and the Responses API."""

    methods, version = "(chat/)?completions|responses", "/v1"
    finish: ClassVar[Mapping[str, FinishReason]] = {
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
    }
    refusable = (
        "temperature", "top_p", "stop", "seed", "random_seed", "reasoning_effort", "summary",
        "effort", "reasoning", "stream_options", "include",
    )  # fmt: skip
    most_stops = 4

    def known(self, model: str, url: str) -> Quirks:
        """What is known of a model and a host without asking."""
        host = urlsplit(url).hostname or ""
        if host == "api.mistral.ai":
            return Quirks(seed_field="random_seed")
        if host == "generativelanguage.googleapis.com":
            return Quirks(seed_field="")
        if host == "api.openai.com" or host.endswith(".azure.com"):
            reasons = bool(_REASONERS.match(model))
            return Quirks(
                max_tokens_field="max_completion_tokens",
                unsent=("temperature", "top_p", "stop") if reasons else (),
                room=BUDGETS["medium"] if reasons else 0,
            )
        return Quirks()

    def call(self, model: str, request: Request, quirks: Quirks) -> Call:
        """Chat for messages; the old text completion where the request asks for plain text."""
        if quirks.api == "responses":
            return self._responses_call(model, request, quirks)
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p if sampling.top_p != 1.0 else None,
            "stop": list(sampling.stop[: self.most_stops]),
        }
        if quirks.seed_field:
            body[quirks.seed_field] = sampling.seed
        if quirks.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if request.chat is False:
            body |= {"prompt": request.prompt.text, "max_tokens": sampling.max_tokens}
            return Call("/completions", without(body, quirks))
        body["messages"] = [turn.model_dump() for turn in chat_messages(request, quirks)]
        room = thinking_tokens(quirks.reasoning, quirks.room) if quirks.room else 0
        body[quirks.max_tokens_field] = sampling.max_tokens + room
        if quirks.reasoning is not None:
            effort = "none" if quirks.reasoning == "off" else quirks.reasoning
            if quirks.reasoning_field == "reasoning":
                number = effort.isdigit()
                body["reasoning"] = {"max_tokens": int(effort)} if number else {"effort": effort}
            else:
                body["reasoning_effort"] = effort
        return Call("/chat/completions", without(body, quirks))

    def _responses_call(self, model: str, request: Request, quirks: Quirks) -> Call:
        """The Responses API: no seed and no stop strings, but summaries of the thinking.

        Raises:
            ValueError: the request asks for plain text, which this API does not have.
        """
        system, messages = system_apart(request, quirks, "the Responses API")
        sampling, reasons = request.sampling, bool(_REASONERS.match(model.rpartition("/")[2]))
        effort = quirks.reasoning if quirks.reasoning not in {None, "off"} else None
        room = thinking_tokens(quirks.reasoning, BUDGETS["medium"]) if reasons else 0
        body: dict[str, Any] = {
            "model": model,
            "input": [turn.model_dump() for turn in messages],
            "instructions": system or None,
            "max_output_tokens": sampling.max_tokens + room,
            "temperature": None if reasons else sampling.temperature,
            "top_p": sampling.top_p if sampling.top_p != 1.0 and not reasons else None,
            "reasoning": {"effort": effort, "summary": "auto"} if reasons or effort else None,
            "store": False,
            "stream": True if quirks.stream else None,
        }
        return Call("/responses", without(body, quirks))

    def generation(self, data: Mapping[str, Any]) -> Generation:
        """The first choice; of the Responses API, its messages.

        Raises:
            Fault: the body holds no choice.
        """
        if isinstance(data.get("output"), list):
            return self._responses_generation(data)
        choices = data.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            raise broken("empty_choices", "the server's answer holds no choices")
        choice = choices[0]
        message = choice.get("message")
        if isinstance(message, list):  # NVIDIA's reward endpoint wraps its one message in a list.
            message = message[0] if message else None
        finish = finish_reason(choice.get("finish_reason"), self.finish)
        usage = _usage(data.get("usage"))
        if not isinstance(message, Mapping):
            if not isinstance(choice.get("text"), str):
                raise broken("empty_choices", "the server's choice holds neither message nor text")
            return Generation(text=choice["text"], finish_reason=finish, usage=usage)
        parts, refusal = message_parts(message), message.get("refusal")
        return Generation(
            text=parts.text or str(refusal or ""),
            reasoning=parts.reasoning,
            finish_reason="refusal" if refusal else finish,
            usage=usage,
        )

    def _responses_generation(self, data: Mapping[str, Any]) -> Generation:
        """Items of type `reasoning` and `message`."""
        items = [item for item in data["output"] if isinstance(item, Mapping)]
        said = [
            content_parts(item.get("content")) for item in items if item.get("type") == "message"
        ]
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
        refused = any(
            part.get("type") == "refusal"
            for item in items
            for part in item.get("content") or ()
            if isinstance(part, Mapping)
        )
        finish = finish_reason(incomplete.get("reason") or data.get("status"), self.finish)
        return Generation(
            text="".join(part.text for part in said),
            reasoning=join(*(part.reasoning for part in (*thought, *said))),
            finish_reason="refusal" if refused else finish,
            usage=_usage(data.get("usage")),
        )

    def assembled(self, events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The chunks of a stream as one body; of the Responses API, the one that ends it.

        Raises:
            Fault: the stream broke off.
        """
        for event in reversed(events):
            kind = str(event.get("type")).rpartition(".")[2]
            whole = event.get("response")
            if isinstance(whole, Mapping) and kind in {"completed", "incomplete", "failed"}:
                return whole
        message: dict[str, str] = {}
        text, finish, usage = "", None, None
        for event in events:
            usage = event.get("usage") or usage
            for choice in event.get("choices") or ():
                finish = choice.get("finish_reason") or finish
                text += choice.get("text") or ""
                for key, piece in (choice.get("delta") or {}).items():
                    if isinstance(piece, str) and key != "role":
                        message[key] = message.get(key, "") + piece
        if finish is None:
            raise broken("unfinished", "the stream broke off before the answer was whole")
        choice = {"finish_reason": finish} | ({"text": text} if text else {"message": message})
        return {"choices": [choice], "usage": usage}

    def adapt(self, quirks: Quirks, sent: Mapping[str, Any], refusal: str) -> Quirks | None:
        """Quirks for the other API, the other field, or without the parameter that is refused."""
        low = refusal.lower()
        if quirks.api == "chat" and ("v1/responses" in low or "responses api" in low):
            return quirks.model_copy(update={"api": "responses"})
        if "max_completion_tokens" in refusal and quirks.max_tokens_field == "max_tokens":
            return quirks.model_copy(update={"max_tokens_field": "max_completion_tokens"})
        if "system" in low and ("role" in low or "not support" in low) and not quirks.merge_system:
            return quirks.model_copy(update={"merge_system": True})
        learnt = super().adapt(quirks, sent, refusal)
        if learnt and learnt.unsent[-1:] == ("seed",) and "mistral" in low:
            return quirks.model_copy(update={"seed_field": "random_seed"})
        return learnt


def _usage(said: Any) -> Usage | None:
    if not isinstance(said, Mapping):
        return None
    details = said.get("completion_tokens_details") or said.get("output_tokens_details") or {}
    return Usage(
        prompt_tokens=count(said.get("prompt_tokens", said.get("input_tokens"))),
        completion_tokens=count(said.get("completion_tokens", said.get("output_tokens"))),
        reasoning_tokens=count(
            details.get("reasoning_tokens") if isinstance(details, Mapping) else None
        ),
        cost=said["cost"] if isinstance(said.get("cost"), int | float) else None,
    )


class Ollama(Dialect):
    """Ollama's native API.

    By default Ollama cuts a prompt that is longer than its context, and says nothing. Here the
    context is sized for the longest request of the batch, and cutting is forbidden in the body,
    which servers since late 2025 answer with an error instead.
    """

    methods = "v1|api|api/chat"
    finish: ClassVar[Mapping[str, FinishReason]] = {"stop": "stop", "length": "length"}
    refusable = ("truncate", "shift")
    listing = "/api/tags"

    def call(self, model: str, request: Request, quirks: Quirks) -> Call:
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

    def generation(self, data: Mapping[str, Any]) -> Generation:
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
            finish_reason=finish_reason(data.get("done_reason"), self.finish),
            usage=Usage(
                prompt_tokens=data.get("prompt_eval_count"),
                completion_tokens=data.get("eval_count"),
            ),
        )

    def assembled(self, events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
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
                key: "".join(part.get(key) or "" for part in parts)
                for key in ("content", "thinking")
            }
        else:
            whole["response"] = "".join(event.get("response") or "" for event in events)
        return whole

    def adapt(self, quirks: Quirks, sent: Mapping[str, Any], refusal: str) -> Quirks | None:
        """Quirks without `think` where the model cannot, and without what an old server refuses."""
        if "think" in sent and "does not support thinking" in refusal:
            return drop(quirks, "think")
        return super().adapt(quirks, sent, refusal)

    def prepare(self, quirks: Quirks, requests: Sequence[Request]) -> Quirks:
        """A context that holds the longest of these requests.

        Never more than the registry's context of the model.
        """
        most = max(
            (_tokens(request) + request.sampling.max_tokens for request in requests), default=0
        )
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
