"""Rows in which the body of a chat API stands: batch outputs, and logs of requests and responses.

OpenAI, Mistral and Azure batches (`custom_id`, `response.body`), Anthropic's (`custom_id`,
`result.message`), Gemini's (`key`, `response.candidates`), Bedrock's (`recordId`, `modelInput`,
`modelOutput`), and any log that keeps a request beside its response, as objects or as JSON in text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starprobe.bench.importers.chat import Reply, Request, replies, request
from starprobe.bench.importers.sample import Sample, all_stated
from starprobe.probes.choices import is_empty, low
from starprobe.probes.errors import InputError
from starprobe.probes.formats import Row
from starprobe.probes.parsing import Described, describe

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
