"""Instance rows of Every Eval Ever (schema instance_level_eval 0.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starprobe.bench.importers.fields import choices, label_of
from starprobe.bench.importers.options_text import options_in_text
from starprobe.bench.importers.sample import Sample
from starprobe.bench.records import Usage


def fits(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of its instances."""
    return {"evaluation_id", "sample_id", "input"} <= set(row) and isinstance(row["input"], Mapping)


def samples(rows: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[Sample]:
    """One sample a response: single turns have a list of them, conversations a last message."""
    for where, row in rows:
        given = row["input"]
        options = choices(given.get("choices"), where)
        stem = str(given.get("raw") or "")
        if not options and (inside := options_in_text(stem)):
            stem, options = inside.stem, inside.options
        latency = (row.get("performance") or {}).get("latency_ms")
        for repeat, (text, reasoning) in enumerate(_responses(row)):
            yield Sample(
                question_id=str(row["sample_id"]),
                question=stem,
                options=options,
                response=text or "",
                answer=label_of(given.get("reference"), options),
                model=str(row.get("model_id") or ""),
                condition=str(row.get("evaluation_name") or "imported"),
                repeat=repeat,
                prompt=given.get("formatted") or None,
                reasoning=reasoning,
                usage=_usage(row.get("token_usage")),
                latency_s=latency / 1000 if latency is not None else None,
                error=row.get("error") if text is None else None,
            )


def _responses(row: Mapping[str, Any]) -> Iterator[tuple[str | None, str | None]]:
    """(text, thinking) of each response; (None, None) where there is none."""
    output = row.get("output")
    if isinstance(output, Mapping):
        texts, thoughts = _list(output.get("raw")), _list(output.get("reasoning_trace"))
        for index, text in enumerate(texts):
            yield text, thoughts[index] if index < len(thoughts) else None
        if texts:
            return
    turns = [turn for turn in row.get("messages") or [] if turn.get("role") == "assistant"]
    yield (turns[-1].get("content"), turns[-1].get("reasoning_trace")) if turns else (None, None)


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _usage(said: Any) -> Usage | None:
    if not isinstance(said, Mapping):
        return None
    return Usage(
        prompt_tokens=said.get("input_tokens"),
        completion_tokens=said.get("output_tokens"),
        reasoning_tokens=said.get("reasoning_tokens"),
    )
