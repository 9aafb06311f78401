"""Bodies of chat APIs, and rows that hold them -> replies and what was asked; known by their shape.

OpenAI chat completions, completions and Responses; Anthropic messages; Gemini; Ollama; Bedrock's
Converse and the bodies of its Llama, Mistral and Titan models; Cohere. They stand in batch outputs
(OpenAI, Mistral and Azure: `custom_id`, `response.body`; Anthropic: `custom_id`, `result.message`;
Gemini: `key`, `response.candidates`; Bedrock: `recordId`, `modelInput`, `modelOutput`) and in any
log that keeps a request beside its response, as objects or as JSON in text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from starprobe.bench.importers.sample import Sample, all_stated
from starprobe.bench.models.thinking import content_parts, join, message_parts
from starprobe.bench.records import FinishReason, Usage
from starprobe.probes.choices import Described, is_empty, low, parsed
from starprobe.probes.errors import InputError
from starprobe.probes.formats import Row
from starprobe.probes.parsing import describe

_FINISH: dict[str, FinishReason] = {
    "stop": "stop", "end_turn": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop",
    "completed": "stop", "complete": "stop", "finish": "stop", "finished": "stop",
    "length": "length", "max_tokens": "length", "max_output_tokens": "length",
    "model_length": "length", "model_context_window_exceeded": "length",
    "refusal": "refusal", "content_filter": "refusal", "content_filtered": "refusal",
    "guardrail_intervened": "refusal", "safety": "refusal", "prohibited_content": "refusal",
    "blocklist": "refusal", "spii": "refusal", "recitation": "refusal",
}  # fmt: skip
_ROLES = {
    "human": "user", "gpt": "assistant", "model": "assistant", "ai": "assistant",
    "chatgpt": "assistant", "bot": "assistant", "developer": "system",
}  # fmt: skip
NAMES = (
    "custom_id", "customid", "prompt_id", "key", "record_id", "question_id", "doc_id", "id",
    "request_id",
)  # fmt: skip
"""Fields that may name the prompt or the question, the surest first."""
DEEPEST = 4
"""How far inside a row a body may stand."""
_ASKED = (
    "request", "request_body", "model_input", "input", "req", "kwargs", "messages", "params",
    "prompt",
)  # fmt: skip


class Reply(NamedTuple):
    """One response of a model."""

    text: str
    reasoning: str | None = None
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str = ""
    error: str | None = None


class Request(NamedTuple):
    """What was asked."""

    last: str
    """The last turn of the user, which holds the question."""
    whole: str
    """All that was sent."""
    model: str = ""


def finish_of(value: Any) -> FinishReason | None:
    """Our word for why a response ended."""
    if value is None or value == "":
        return None
    first = str(value).rpartition(".")[2].partition(":")[0]  # FinishReason.STOP, as SDKs print it.
    return _FINISH.get(first.strip().lower(), "other")


def replies(body: Any, where: str) -> list[Reply] | None:
    """The replies in the body of a chat API's response; None where it is no such body.

    Raises:
        InputError: it is a piece of a stream.
    """
    if not isinstance(body, Mapping):
        return None
    for read in (_choices, _responses_api, _anthropic, _gemini, _converse, _message, _bare):
        found = read(body, where)
        if found is not None:
            return found
    error = _error_in(body)
    return [Reply("", error=error)] if error else None


def request(body: Any) -> Request | None:
    """What the body of a request asks; None where it is no such body."""
    if not isinstance(body, Mapping):
        return None
    turns: list[tuple[str, str]] = []
    for name in ("system", "instructions", "systemInstruction", "system_instruction"):
        if body.get(name):
            turns.append(("system", _any_text(body[name])))
    asked = next((body[n] for n in ("messages", "input", "contents") if body.get(n)), None)
    if isinstance(asked, str) and isinstance(inside := parsed(asked), list):
        asked = inside  # Turns that a table holds as JSON.
    if isinstance(asked, str):
        turns.append(("user", asked))
    elif isinstance(asked, Sequence) and asked and all(isinstance(one, Mapping) for one in asked):
        turns += turns_of(asked)
    else:
        text = next((body[n] for n in ("prompt", "inputText", "input_text") if body.get(n)), None)
        if not isinstance(text, str):
            return None
        turns.append(("user", text))
    last = next((text for role, text in reversed(turns) if role == "user"), "")
    whole = "\n\n".join(text for _, text in turns if text)
    return Request(last, whole, model_name(body)) if last else None


def turns_of(turns: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(role, text) of the turns of a conversation, whatever its fields are called."""
    found = []
    for turn in turns:
        role = str(turn.get("role", turn.get("from", turn.get("sender", "user")))).lower()
        role = _ROLES.get(role, role)
        content = next(
            (turn[n] for n in ("content", "value", "parts", "text") if turn.get(n)), None
        )
        found.append((role, _any_text(content)))
    return found


def model_name(body: Mapping[str, Any]) -> str:
    """The model that a body names."""
    names = ("model", "modelVersion", "model_version", "model_name", "modelId", "model_id")
    said = next((body[name] for name in names if body.get(name)), "")
    return said if isinstance(said, str) else ""


def usage_of(said: Any) -> Usage | None:
    """Tokens, in any of the services' words."""
    if not isinstance(said, Mapping):
        return None

    def first(*names: str) -> int | None:
        found = (said.get(name) for name in names)
        return next((int(one) for one in found if isinstance(one, int | float)), None)

    details: Any = next(
        (said[n] for n in ("completion_tokens_details", "output_tokens_details") if said.get(n)), {}
    )
    thought = details.get("reasoning_tokens") if isinstance(details, Mapping) else None
    cost = next(
        (said[n] for n in ("cost", "total_cost") if isinstance(said.get(n), int | float)), None
    )
    usage = Usage(
        prompt_tokens=first(
            "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count",
            "inputTokens", "prompt", "prompt_eval_count",
        ),
        completion_tokens=first(
            "completion_tokens", "output_tokens", "candidatesTokenCount", "candidates_token_count",
            "outputTokens", "completion", "eval_count", "generation_token_count",
        ),
        reasoning_tokens=thought
        or first("reasoning_tokens", "thoughtsTokenCount", "thoughts_token_count"),
        cost=cost,
    )  # fmt: skip
    return usage if usage != Usage() else None


def _any_text(content: Any) -> str:
    if isinstance(content, Mapping):
        content = content.get("parts", content.get("content", content.get("text", "")))
    return content_parts(content).text


def _choices(body: Mapping[str, Any], where: str) -> list[Reply] | None:
    """Chat completions and completions."""
    said = body.get("choices")
    if not isinstance(said, list) or not said or not all(isinstance(one, Mapping) for one in said):
        return None
    if any("delta" in one and "message" not in one for one in said):
        raise InputError(f"{where}: holds pieces of a stream; save whole responses")
    if not all("message" in one or isinstance(one.get("text"), str) for one in said):
        return None
    found = []
    for one in said:
        message = one.get("message")
        parts = message_parts(
            message if isinstance(message, Mapping) else {"content": one.get("text")}
        )
        refusal = message.get("refusal") if isinstance(message, Mapping) else None
        finish = "refusal" if refusal else finish_of(one.get("finish_reason"))
        text = parts.text or (refusal if isinstance(refusal, str) else "")
        usage = usage_of(body.get("usage"))
        found.append(Reply(text, parts.reasoning, finish, usage, model_name(body)))
    return found


def _responses_api(body: Mapping[str, Any], where: str) -> list[Reply] | None:
    """OpenAI's Responses."""
    items = body.get("output")
    if not isinstance(items, list) or not all(isinstance(one, Mapping) for one in items):
        return None
    if body.get("object") != "response" and not any("type" in one for one in items):
        return None
    texts, thoughts = [], []
    for item in items:
        if item.get("type") == "message":
            texts.append(content_parts(item.get("content")).text)
        elif item.get("type") == "reasoning":
            thoughts += [_any_text(item.get("summary")), _any_text(item.get("content"))]
    refused = any(
        isinstance(part, Mapping) and part.get("type") == "refusal"
        for item in items
        if isinstance(item.get("content"), list)
        for part in item["content"]
    )
    cut = body.get("incomplete_details") or {}
    finish = finish_of(cut.get("reason") or body.get("status"))
    error = _error_in(body) if not texts else None
    reply = Reply(
        "\n\n".join(texts),
        join(*thoughts),
        "refusal" if refused else finish,
        usage_of(body.get("usage")),
        model_name(body),
        error,
    )
    return [reply]


def _anthropic(body: Mapping[str, Any], where: str) -> list[Reply] | None:
    """Anthropic messages."""
    content = body.get("content")
    if not isinstance(content, list) or (
        body.get("type") != "message" and "stop_reason" not in body
    ):
        return None
    parts = content_parts(content)
    finish = finish_of(body.get("stop_reason"))
    return [
        Reply(parts.text, parts.reasoning, finish, usage_of(body.get("usage")), model_name(body))
    ]


def _gemini(body: Mapping[str, Any], where: str) -> list[Reply] | None:
    """Gemini's generateContent; a prompt that was blocked has no candidates."""
    said = body.get("candidates")
    feedback = body.get("promptFeedback", body.get("prompt_feedback"))
    usage = usage_of(body.get("usageMetadata", body.get("usage_metadata")))
    if isinstance(feedback, Mapping) and not said:
        return [Reply("", None, "refusal", usage, model_name(body))]
    if not isinstance(said, list) or not said or not all(isinstance(one, Mapping) for one in said):
        return None
    found = []
    for one in said:
        content = one.get("content") or {}
        parts = content.get("parts") if isinstance(content, Mapping) else None
        if parts is None and "finishReason" not in one and "finish_reason" not in one:
            return None
        shown = [part for part in parts or [] if isinstance(part, Mapping)]
        text = "".join(str(part.get("text") or "") for part in shown if not part.get("thought"))
        thoughts = [str(part.get("text") or "") for part in shown if part.get("thought")]
        finish = finish_of(one.get("finishReason", one.get("finish_reason")))
        found.append(Reply(text, join(*thoughts), finish, usage, model_name(body)))
    return found


def _converse(body: Mapping[str, Any], where: str) -> list[Reply] | None:
    """Bedrock's Converse."""
    output = body.get("output")
    message = output.get("message") if isinstance(output, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), list):
        return None
    texts, thoughts = [], []
    for part in message["content"]:
        thought = part.get("reasoningContent") if isinstance(part, Mapping) else None
        if isinstance(thought, Mapping):
            thoughts.append(_any_text(thought.get("reasoningText")))
        else:
            texts.append(_any_text([part]))
    finish = finish_of(body.get("stopReason"))
    usage = usage_of(body.get("usage"))
    return [Reply("".join(texts), join(*thoughts), finish, usage, model_name(body))]


def _message(body: Mapping[str, Any], where: str) -> list[Reply] | None:
    """Ollama's chat and Cohere's: one message of the assistant."""
    message = body.get("message")
    if not isinstance(message, Mapping) or message.get("role") != "assistant":
        return None
    if message.get("type") == "message":  # One of Anthropic's in what a batch wraps it in.
        return None
    if body.get("done") is False:
        raise InputError(f"{where}: holds pieces of a stream; save whole responses")
    parts = message_parts(message)
    finish = finish_of(body.get("done_reason", body.get("finish_reason")))
    usage = usage_of(body.get("usage")) or usage_of(body)
    return [Reply(parts.text, parts.reasoning, finish, usage, model_name(body))]


def _bare(body: Mapping[str, Any], where: str) -> list[Reply] | None:
    """Ollama's generate, and what Bedrock's Llama, Mistral and Titan send."""
    for name, marks in (
        ("response", ("done",)),
        ("generation", ("stop_reason", "prompt_token_count", "generation_token_count")),
        ("completion", ("stop_reason",)),
    ):
        text = body.get(name)
        if isinstance(text, str) and any(one in body for one in marks) and "prompt" not in body:
            finish = finish_of(body.get("stop_reason", body.get("done_reason")))
            parts = message_parts({"content": text, "thinking": body.get("thinking")})
            return [Reply(parts.text, parts.reasoning, finish, usage_of(body), model_name(body))]
    for name, field, ended in (
        ("outputs", "text", "stop_reason"),
        ("results", "outputText", "completionReason"),
    ):
        said = body.get(name)
        if isinstance(said, list) and said:
            texts = [one.get(field) if isinstance(one, Mapping) else None for one in said]
            if all(isinstance(text, str) for text in texts):
                return [
                    Reply(
                        *content_parts(one[field]),
                        finish_of(one.get(ended)),
                        None,
                        model_name(body),
                    )
                    for one in said
                ]
    return None


def _error_in(body: Mapping[str, Any]) -> str | None:
    """The message of a body that says what went wrong instead of answering."""
    said = body.get("error")
    if isinstance(said, Mapping):
        nested = said.get("error")
        said = nested if isinstance(nested, Mapping) else said
        text = next(
            (said[n] for n in ("message", "errorMessage", "type", "code") if said.get(n)), "failed"
        )
        return str(text)
    return said if isinstance(said, str) and said and "response" not in body else None


def fits(row: Mapping[str, Any]) -> bool:
    """Whether a row holds the body of a chat API's response, or says why there is none."""
    return bool(_bodies(row, "row")) or _failed(row) is not None


def samples(rows: Sequence[Row]) -> Iterator[Sample]:
    """One sample a reply.

    Raises:
        InputError: a row that is not like the others.
    """
    requests = [_request(row) for _, row in rows]
    questions = all_stated(
        [(where, _outside(row)) for where, row in rows],
        [_described(row, where) for where, row in rows],
        [asked.last if asked else None for asked in requests],
    )
    for (where, row), asked, shown in zip(rows, requests, questions, strict=True):
        found = _bodies(row, where)
        failed = _failed(row) if not found else None
        if not found and failed is None:
            raise InputError(f"{where}: holds no response, as the rows before it do")
        answers = [reply for body in found for reply in body] or [Reply("", error=failed)]
        for index, reply in enumerate(answers):
            yield Sample(
                where=where,
                names=_names(row),
                **shown._asdict(),
                response=reply.text,
                model=reply.model or (asked.model if asked else "") or _said_model(row),
                repeat=index if len(answers) > 1 else None,
                prompt=asked.whole if asked else None,
                reasoning=reply.reasoning,
                finish_reason=reply.finish_reason,
                usage=reply.usage,
                error=reply.error if not reply.text else None,
            )


def _described(row: Mapping[str, Any], where: str) -> Described:
    """What the row itself says of its question, beside request and response."""
    rest = _outside(row)
    about = describe(rest, where)
    if about.stem is None:
        for name in ("metadata", "meta", "vars", "question", "item"):
            if isinstance(row.get(name), Mapping):
                inner = describe(row[name], where)
                if inner.stem is not None:
                    return inner
    return about


def _outside(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's own fields, without the bodies in it."""
    kept = {}
    for name, value in row.items():
        value = _object(value)
        if low(name) in _ASKED or _bodies({name: value}, "row") or request(value) is not None:
            continue
        kept[name] = value
    if replies(row, "row") is not None:  # The row is a body itself, with fields beside.
        for name in ("choices", "candidates", "output", "content", "message", "results", "outputs"):
            kept.pop(name, None)
    return kept


def _bodies(value: Any, where: str, depth: int = 0) -> list[list[Reply]]:
    """The replies of every body in a value, outermost first."""
    value = _object(value)
    if isinstance(value, Mapping):
        found = replies(value, where)
        if found is not None and any(one.error is None for one in found):
            return [found]
        if depth < DEEPEST:
            return [
                one
                for name, inner in value.items()
                if low(str(name)) not in _ASKED
                for one in _bodies(inner, where, depth + 1)
            ]
    if isinstance(value, list) and depth < DEEPEST and len(value) < 50:
        return [one for inner in value for one in _bodies(inner, where, depth + 1)]
    return []


def _request(row: Mapping[str, Any], depth: int = 0) -> Request | None:
    """The request in a row: the row itself, or an object in it."""
    asks = row if replies(row, "row") is None else {n: row[n] for n in ("prompt",) if n in row}
    if (found := request(asks)) is not None:
        return found
    if depth >= DEEPEST:
        return None
    for inner in map(_object, row.values()):
        if isinstance(inner, Mapping) and replies(inner, "row") is None:
            found = _request(inner, depth + 1)
            if found is not None:
                return found
        elif isinstance(inner, list) and (turns := request({"messages": inner})) is not None:
            return turns
    return None


def _failed(row: Mapping[str, Any]) -> str | None:
    """Why a row of a batch has no response; None where it is no such row."""
    names = {low(name) for name in row}
    result = row.get("result")
    if isinstance(result, Mapping) and result.get("type") in {"errored", "canceled", "expired"}:
        found = replies(result, "row")
        said = found[0].error if found else None
        return said or str(result["type"])
    if not names & {"custom_id", "record_id", "key", "request", "model_input"}:
        return None
    for inner in (
        row,
        row.get("response"),
        (row.get("response") or {}) if isinstance(row.get("response"), Mapping) else {},
    ):
        inner = inner.get("body", inner) if isinstance(inner, Mapping) else inner
        found = replies(inner, "row")
        if found and found[0].error:
            return found[0].error
    status = row.get("status")
    return (
        status if isinstance(status, str) and status and is_empty(row.get("response", 0)) else None
    )


def _names(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids in a row, and in its `metadata`, the surest first."""
    fields: dict[str, Any] = {}
    for part in (row.get("metadata"), row):
        if isinstance(part, Mapping):
            fields |= {low(name): value for name, value in part.items()}
    return tuple(
        str(fields[n]) for n in NAMES if isinstance(fields.get(n), str | int) and fields[n] != ""
    )


def _said_model(row: Mapping[str, Any]) -> str:
    return next(
        (row[n] for n in ("model", "model_name", "model_id") if isinstance(row.get(n), str)), ""
    )


def _object(value: Any) -> Any:
    """An object that a text writes as JSON, as the object it is."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)  # A list or an object, by how it begins.
        except (ValueError, RecursionError):
            return value
    return value
