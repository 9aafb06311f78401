"""Results of promptfoo: `promptfoo eval --output results.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from starprobe.bench.importers.fields import choices, label_of
from starprobe.bench.importers.options_text import options_in_text
from starprobe.bench.importers.sample import Sample
from starprobe.bench.records import Usage
from starprobe.probes.errors import InputError

QUESTION = ("question", "stem", "query", "problem", "input")
OPTIONS = ("options", "choices", "answers")
LONGEST = 40
"""Characters of a label that is a name."""
ANSWER = ("answer", "correct", "target", "expected", "label", "answer_key")


def fits(value: Any) -> bool:
    """Whether a JSON value is a result of promptfoo."""
    results = value.get("results") if isinstance(value, Mapping) else None
    rows = results.get("results") if isinstance(results, Mapping) else results
    return isinstance(rows, list) and bool(rows) and _is_row(rows[0])


def samples(value: Mapping[str, Any], path: Path) -> Iterator[Sample]:
    """One sample a row of the results.

    Raises:
        InputError: a row that holds no question.
    """
    results = value["results"]
    rows = results["results"] if isinstance(results, Mapping) else results
    for number, row in enumerate(rows, start=1):
        where = f"{path}, result {number}"
        said = row.get("vars") or (row.get("testCase") or {}).get("vars") or {}
        prompt = _prompt(row.get("prompt"))
        options = next((choices(said[name], where) for name in OPTIONS if said.get(name)), ())
        stem = next((said[name] for name in QUESTION if isinstance(said.get(name), str)), None)
        inside = options_in_text(prompt or stem or "") if not options else None
        if inside is not None:
            stem, options = stem or inside.stem, inside.options
        stem = stem or prompt
        if not stem:
            raise InputError(f"{where}: found {', '.join(row)}; missing: a prompt")
        response = row.get("response") or {}
        output = response.get("output") if isinstance(response, Mapping) else response
        error = row.get("error") or (response.get("error") if isinstance(response, Mapping) else "")
        answer = next((said[name] for name in ANSWER if said.get(name) is not None), None)
        label = (
            (row.get("prompt") or {}).get("label") if isinstance(row.get("prompt"), Mapping) else ""
        )
        yield Sample(
            question=stem,
            options=options,
            response="" if output is None else _text(output),
            answer=label_of(answer, options),
            model=_provider(row.get("provider")),
            condition=_condition(label, prompt),
            prompt=prompt,
            usage=_usage(row, response),
            latency_s=row["latencyMs"] / 1000 if row.get("latencyMs") is not None else None,
            # A failed assertion is noted under `error` too; a row with an output has none of ours.
            error=str(error) if error and output is None else None,
        )


def _condition(label: Any, prompt: str | None) -> str:
    """The prompt's label where someone gave it one; otherwise it is the prompt's own template."""
    given = isinstance(label, str) and label and label != prompt and "{{" not in label
    return label if given and len(label) < LONGEST else "imported"


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping) and "prompt" in row and ("response" in row or "error" in row)


def _prompt(said: Any) -> str | None:
    raw = said.get("raw") if isinstance(said, Mapping) else said
    if not isinstance(raw, str):
        return None
    if raw.lstrip().startswith("["):
        try:
            turns = json.loads(raw)
        except ValueError:
            return raw
        return "\n\n".join(str(turn.get("content", "")) for turn in turns if isinstance(turn, dict))
    return raw


def _provider(said: Any) -> str:
    if isinstance(said, Mapping):
        return str(said.get("label") or said.get("id") or "")
    return str(said or "")


def _text(output: Any) -> str:
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)


def _usage(row: Mapping[str, Any], response: Any) -> Usage | None:
    tokens = response.get("tokenUsage") if isinstance(response, Mapping) else None
    tokens = tokens if isinstance(tokens, Mapping) else {}
    cost = row.get("cost")
    if not tokens and cost is None:
        return None
    return Usage(
        prompt_tokens=tokens.get("prompt"), completion_tokens=tokens.get("completion"), cost=cost
    )
