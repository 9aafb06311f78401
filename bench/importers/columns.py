"""Tables: a row a response (long), or a row a question with a column a model (wide).

Fields are known by the names that they usually have, or by `--map OURS=THEIRS`, where THEIRS may
be a path with dots into objects and lists, and several columns parted by commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from starprobe.bench.importers.bodies import finish_of, request, usage_of
from starprobe.bench.importers.sample import Sample, check_json, completed, name_of, stated, text_of
from starprobe.probes.choices import Described, is_empty, low, parsed
from starprobe.probes.errors import InputError
from starprobe.probes.formats import Row
from starprobe.probes.parsing import ANSWERS, STEMS, describe, key_labels

NAMES: dict[str, tuple[str, ...]] = {
    "response": (
        "response", "output", "completion", "generation", "generated_text", "model_output",
        "model_outputs", "model_response", "llm_response", "response_text", "full_response",
        "model_answer", "raw_response", "raw_output", "reply", "responses", "outputs",
        "completions", "generations", "cot", "result", "prediction", "text",
    ),
    "question": STEMS,
    "prompt": (
        "prompt", "full_prompt", "formatted_prompt", "prompt_text", "request", "messages", "inputs",
    ),
    "options": ("options",),
    "answer": ANSWERS,
    "model": (
        "model", "model_name", "model_id", "model_slug", "generator", "provider", "llm", "engine",
        "deployment", "system_name",
    ),
    "id": ("id", "response_id", "uid", "custom_id", "key"),
    "question_id": (
        "question_id", "qid", "doc_id", "sample_id", "item_id", "custom_id", "prompt_id", "key",
        "example_id", "task_id", "id",
    ),
    "condition": ("condition", "prompt_type", "setting", "variant", "template"),
    "repeat": ("repeat", "epoch", "run", "repetition", "attempt", "trial", "sample_index"),
    "reasoning": ("reasoning", "reasoning_content", "thinking", "reasoning_trace"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "error": ("error", "error_message"),
}  # fmt: skip
"""Field of ours -> names that it goes by elsewhere, the likeliest first; case does not matter."""
MODELS = re.compile(
    r"(?:^|[^a-z])(?:claude|gpt|chatgpt|gemini|gemma|llama|mistral|mixtral|ministral|falcon|qwen|phi|"
    r"olmo|deepseek|command|grok|o[134]|smollm|yi|vicuna|mpt|bloom|opus|sonnet|haiku|kimi|glm|"
    r"nemotron|granite|palm|bard|copilot|nova|jamba|dbrx|solar|zephyr|alpaca|tulu|starling|"
    r"internlm|baichuan|codestral|magistral|pixtral|wizardlm|orca|pythia|opt|t5)(?![a-z])|"
    r"(?:claude|gpt|gemini|gemma|llama|mistral|mixtral|falcon|qwen|deepseek|smollm)[\w.\-]*\d",
    re.IGNORECASE,
)
"""A column's name that is a model's."""
_AROUND = re.compile(
    r"^(?:response|output|answer|completion|reply|generation)s?(?:\s+of|\s+from)?[\s_:\-(\[/]+(?P<a>.+?)[)\]]?$|"
    r"^(?P<b>.+?)[\s_:\-(\[/]+(?:response|output|answer|completion|reply|generation)s?[)\]]?$",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"^\[(?P<model>[^\]]+)\]")
"""What promptfoo puts before its columns of outputs in a CSV."""
_MARKED = re.compile(r"^\[(?:PASS|FAIL)\][^\n]*\n---\n|^\[(?:PASS|FAIL)\](?: \([\d.]+\))?\s*")
"""What it puts before each output."""
_ABOUT = re.compile(
    r"(?:correct|score|latency|tokens?|cost|rating|time|seconds|grade|label|style|accuracy|choice|"
    r"letter|parsed|extracted|verdict|finish|finish_reason|stop_reason|length|error|"
    r"prediction|pred|logprob|pass|passed|right|is_right)s?$",
    re.IGNORECASE,
)
"""What columns that say something of a response, and are none, end with."""
_APART = (
    "model", "response", "prompt", "condition", "repeat", "reasoning", "finish_reason", "error",
)  # fmt: skip
"""Those that are no part of the question, the surest first."""
LONG = 25
"""Characters from which a text is more than a label."""


class Columns(dict[str, Any]):
    """The columns that the user has named together: a response of a model in each."""


def with_mapping(rows: Sequence[Row], mapping: Mapping[str, str]) -> list[Row]:
    """The rows with the mapped fields under our names.

    Raises:
        InputError: a name of ours that there is none of, or a path that leads to nothing.
    """
    for ours, theirs in mapping.items():
        if ours not in NAMES:
            raise InputError(f"--map {ours}={theirs}: map one of {', '.join(NAMES)}")
    result: list[Row] = []
    found: set[str] = set()
    for where, row in rows:
        new = dict(row)
        taken: dict[str, Any] = {}
        for ours, theirs in mapping.items():
            value, there = _mapped(row, theirs)
            if there:
                found.add(ours)
                taken[ours] = value
        for theirs in mapping.values():
            for part in _columns(row, theirs):
                new.pop(part, None)
        for ours in taken:
            for name in [name for name in new if low(name) == ours]:
                del new[name]
        if "answer" in taken:
            for name in [name for name in new if low(name) in ANSWERS]:
                del new[name]
        result.append((where, new | taken))
    lost = next((ours for ours in mapping if ours not in found), None)
    if lost is not None and rows:
        names = ", ".join(dict.fromkeys(name for _, row in rows for name in row))
        raise InputError(f"--map {lost}={mapping[lost]}: {rows[0][0]} has only {names:.300}")
    return result


def _columns(row: Mapping[str, Any], theirs: str) -> list[str]:
    if theirs in row:
        return [theirs]
    parts = [part.strip() for part in theirs.split(",")]
    return parts if len(parts) > 1 and all(part in row for part in parts) else []


def _mapped(row: Mapping[str, Any], theirs: str) -> tuple[Any, bool]:
    """(value, whether it is there) of a field, of several columns, or at the end of a path."""
    columns = _columns(row, theirs)
    if len(columns) > 1:
        return Columns({name: row[name] for name in columns}), True
    if columns:
        return row[theirs], True
    value: Any = row
    left = theirs
    while left:
        if isinstance(value, str):
            value = parsed(value)
        if isinstance(value, Mapping):
            # A field's own name may have dots in it: the longest that fits is taken.
            names = [n for n in value if left == n or left.startswith(f"{n}.")]
            if not names:
                return None, False
            name = max(names, key=len)
            value, left = value[name], left[len(name) + 1 :]
        elif isinstance(value, list):
            index, _, left = left.partition(".")
            if not index.lstrip("-").isdigit() or not -len(value) <= int(index) < len(value):
                return None, False
            value = value[int(index)]
        else:
            return None, False
    return value, True


def samples(rows: Sequence[Row], name: str, as_json: bool = False) -> Iterator[Sample]:
    """The samples of a table, long or wide.

    Raises:
        InputError: naming the fields found and those missing, or what is not understood.
    """
    names = list(dict.fromkeys(one for _, row in rows for one in row))
    fields = _fields(names, rows)
    prompts = [_prompt(row, fields) for _, row in rows]
    said = [
        completed(_described(row, where, fields), last)
        for (where, row), (_, last) in zip(rows, prompts, strict=True)
    ]
    labels = key_labels(rows, said)
    used = {*fields.values(), *(one for about in said for one in about.used)}
    used |= {field for _, field in labels if field}
    columns = _models(rows, [one for one in names if one not in used], fields, name)
    if columns is None and "response" not in fields:
        raise InputError(
            f"{name}: found the fields {', '.join(names):.300}; missing: response"
            + ("" if any(one.stem for one in said) or any(map(any, prompts)) else ", question")
            + ". Say which field it is: --map response=FIELD (for a column a model: "
            "--map response=COLUMN,COLUMN)"
        )
    if columns is None:
        _check_letters(rows, fields["response"], [one for one in names if one not in used], name)
    found: list[Sample] = []
    for (where, row), about, prompt, (label, _) in zip(rows, said, prompts, labels, strict=True):
        whole, last = prompt
        shown = stated(about, label, last)
        base = Sample(
            where=where,
            names=_ids(row, names),
            **shown._asdict(),
            prompt=whole if last and last != about.stem else None,
            condition=str(_get(row, fields, "condition") or "imported"),
        )
        if columns is not None:
            found += _wide(row, columns, base, as_json)
        else:
            found += _long(row, fields, base, as_json)
    if not as_json:
        check_json([one.response for one in found], name)
    yield from found


def _fields(names: Sequence[str], rows: Sequence[Row]) -> dict[str, str]:
    """Field of ours -> the column, for those that are no part of the question."""
    by_low = {low(name): name for name in reversed(names)}

    def values(name: str) -> Iterator[Any]:
        found = (row.get(by_low[name]) for _, row in rows)
        return (one for one in found if not isinstance(one, str))

    found: dict[str, str] = {}
    taken: set[str | None] = {None}
    for ours in _APART:
        known = next((by_low[n] for n in NAMES[ours] if by_low.get(n) not in taken), None)
        if known is not None:
            found[ours] = known
            taken.add(known)
    if "id" in by_low:
        found["id"] = by_low["id"]
    if "prompt" not in found and "input" in by_low and any(_request(v) for v in values("input")):
        found["prompt"] = by_low["input"]
    return found


def _described(row: Mapping[str, Any], where: str, fields: Mapping[str, str]) -> Described:
    taken = {fields[one] for one in ("response", "prompt", "model", "error") if one in fields}
    return describe({name: value for name, value in row.items() if name not in taken}, where)


def _get(row: Mapping[str, Any], fields: Mapping[str, str], ours: str) -> Any:
    value = row.get(fields[ours]) if ours in fields else None
    return None if is_empty(value) else value


def _prompt(row: Mapping[str, Any], fields: Mapping[str, str]) -> tuple[str | None, str | None]:
    """What was sent, where the row has it, and its last turn."""
    value = _get(row, fields, "prompt")
    asked = _request(value)
    text = value if isinstance(value, str) else None
    return (asked.whole, asked.last) if asked else (text, text)


def _request(value: Any) -> Any:
    value = (parsed(value) or value) if isinstance(value, str) else value
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        return request({"messages": value})
    return request(value)


def _ids(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    by_low = {low(name): name for name in reversed(names)}
    found = (row.get(by_low[one]) for one in NAMES["question_id"] if one in by_low)
    return tuple(str(one) for one in found if isinstance(one, str | int) and str(one).strip())


def _long(
    row: Mapping[str, Any], fields: Mapping[str, str], base: Sample, as_json: bool
) -> Iterator[Sample]:
    failure = _get(row, fields, "error")
    if fields["response"] not in row and failure is None:
        raise InputError(f"{base.where}: has no field {fields['response']!r}, as other rows have")
    value = row.get(fields["response"])
    plural = {"responses", "outputs", "completions", "generations"}
    if isinstance(value, str) and fields["response"].lower() in plural:
        value = parsed(value) or value
    several = isinstance(value, list) and len(value) > 1
    model = name_of(_get(row, fields, "model"), base.where)
    if isinstance(value, Mapping) and not several:
        # A response for each of several columns, or of several models.
        columns = {str(name): str(name) for name in value}
        if isinstance(value, Columns) or (
            all(isinstance(one, str) or one is None for one in value.values())
            and all(MODELS.search(name) for name in columns)
        ):
            yield from _wide(value, columns, base, as_json)
            return
    own_id = row.get(fields["id"]) if "id" in fields else None
    for index, one in enumerate(value if several and isinstance(value, list) else [value]):
        text = text_of(one, base.where, fields["response"], as_json)
        reasoning = _get(row, fields, "reasoning")
        yield base.model_copy(
            update={
                "id": str(own_id) if isinstance(own_id, str | int) and not several else None,
                "response": text or "",
                "model": model,
                "repeat": index if several else _count(_get(row, fields, "repeat")),
                "reasoning": reasoning if isinstance(reasoning, str) else None,
                "finish_reason": finish_of(_get(row, fields, "finish_reason")),
                "usage": usage_of(row.get("usage")),
                "latency_s": _number(row.get("latency_s")),
                "error": str(failure) if failure is not None and text is None else None,
            }
        )


def _wide(
    row: Mapping[str, Any], columns: Mapping[str, str], base: Sample, as_json: bool
) -> Iterator[Sample]:
    """A sample for each column of a model that holds a response."""
    for column, model in columns.items():
        value = row.get(column)
        if not is_empty(value):
            text = text_of(value, base.where, column, as_json) or ""
            text = _MARKED.sub("", text) if _BRACKETED.match(column) else text
            yield base.model_copy(update={"response": text, "model": model})


def _models(
    rows: Sequence[Row], left: Sequence[str], fields: Mapping[str, str], name: str
) -> dict[str, str] | None:
    """Column -> model of a wide table; None for a long one.

    Raises:
        InputError: it could be either, or a column could be a response or something else.
    """
    found, texts = {}, []
    for column in left:
        values = [row.get(column) for _, row in rows if not is_empty(row.get(column))]
        written = bool(values) and all(isinstance(one, str) for one in values)
        around = _AROUND.match(column.strip())
        model = (around["a"] or around["b"]).strip() if around else column.strip()
        bracketed = _BRACKETED.match(model)
        model = bracketed["model"] if bracketed else model
        about = bool(_ABOUT.search(model))
        named = bool(MODELS.search(model) or bracketed) and not about
        alias = around is not None and len(model) > 2 and not about
        if written and (named or (alias and _long_texts(values))):
            found[column] = model
        elif written and _long_texts(values):
            texts.append(column)
    if "model" in fields and "response" in fields:
        return None
    if found and "response" in fields:
        raise InputError(
            f"{name}: {fields['response']!r} looks like a response, and so do {', '.join(found)}; "
            f"say which it is: --map response={fields['response']}, or "
            f"--map 'response={','.join(found)}' for a column a model"
        )
    if "response" in fields:
        return None
    if not found or texts:
        if found or len(texts) > 1:
            raise InputError(
                f"{name}: the columns {', '.join([*found, *texts])} hold texts; say which are "
                f"models' responses: --map 'response={','.join([*found, *texts])}'"
            )
        return None
    return found


def _long_texts(values: Sequence[Any]) -> bool:
    return median(len(str(one)) for one in values) >= LONG


def _check_letters(rows: Sequence[Row], field: str, left: Sequence[str], name: str) -> None:
    """Refuses letters as responses where another column holds the texts."""
    values = [str(row.get(field)) for _, row in rows if not is_empty(row.get(field))]
    if not values or median(map(len, values)) > 3:
        return
    for column in left:
        others = [row.get(column) for _, row in rows if not is_empty(row.get(column))]
        if others and all(isinstance(one, str) for one in others) and _long_texts(others):
            raise InputError(
                f"{name}: {field!r} holds letters alone and {column!r} texts; say which is the "
                f"response: --map response={column}, or --map response={field}"
            )


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None
