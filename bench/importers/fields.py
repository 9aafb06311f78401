"""A flat row of any table -> a sample, by the names that its fields usually have or a mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starprobe.bench.importers.options_text import options_in_field, options_in_text
from starprobe.bench.importers.sample import Choice, Sample
from starprobe.bench.records import FinishReason, Usage
from starprobe.probes.errors import InputError

NAMES: dict[str, tuple[str, ...]] = {
    "response": (
        "response", "output", "completion", "generation", "generated_text", "model_output",
        "model_outputs", "model_response", "prediction", "raw_output", "reply", "result", "text",
        "cot", "outputs",
    ),
    "question": ("question", "stem", "question_text", "query", "problem", "input", "question_stem"),
    "prompt": ("prompt", "full_prompt", "formatted_prompt", "messages"),
    "options": ("options", "choices", "candidates", "answer_choices", "answers"),
    "answer": (
        "answer", "answer_key", "answerkey", "correct_answer", "correct", "gold", "target",
        "label", "ground_truth", "reference", "correct_option", "answer_index",
    ),
    "model": ("model", "model_name", "model_id", "provider"),
    "id": ("id", "response_id", "uid"),
    "question_id": ("question_id", "qid", "doc_id", "sample_id", "item_id"),
    "condition": ("condition", "prompt_type", "setting", "variant", "template"),
    "repeat": ("repeat", "epoch", "run", "repetition", "attempt"),
    "reasoning": ("reasoning", "reasoning_content", "thinking", "rationale_hidden"),
    "finish_reason": ("finish_reason", "stop_reason"),
    "error": ("error",),
}  # fmt: skip
"""Field of ours -> names that it goes by elsewhere, the likeliest first; case does not matter."""
_COLUMN = re.compile(r"^(?:(?:option|choice|opt|answer)[ _]?)?([a-j]|[1-9]|10)$", re.IGNORECASE)
_FINISH: dict[str, FinishReason] = {
    "stop": "stop", "end_turn": "stop", "eos": "stop", "length": "length", "max_tokens": "length",
    "refusal": "refusal", "content_filter": "refusal",
}  # fmt: skip


def resolve_fields(names: Sequence[str], mapping: Mapping[str, str], where: str) -> dict[str, str]:
    """Field of ours -> the row's field, for those that there are.

    Args:
        names: the fields of the rows.
        mapping: field of ours -> the row's field, as the user says; it comes first.
        where: the file, for the error.

    Raises:
        InputError: naming the fields found and those missing.
    """
    for ours, theirs in mapping.items():
        if ours not in NAMES:
            raise InputError(f"--map {ours}={theirs}: map one of {', '.join(NAMES)}")
        if theirs not in names:
            raise InputError(f"--map {ours}={theirs}: {where} has only {', '.join(names)}")
    by_low = {name.lower().strip().replace(" ", "_"): name for name in reversed(names)}
    found = dict(mapping)
    taken = set(mapping.values())
    for ours, known in NAMES.items():
        if ours in found:
            continue
        match = next(
            (by_low[name] for name in known if name in by_low and by_low[name] not in taken), None
        )
        if match is not None:
            found[ours] = match
            taken.add(match)
    missing = [ours for ours in ("response",) if ours not in found]
    if "question" not in found and "prompt" not in found:
        missing.append("question")
    if missing:
        raise InputError(
            f"{where}: found the fields {', '.join(names)}; missing: {', '.join(missing)}. Say "
            f"which field it is: --map {missing[0]}=FIELD"
        )
    return found


def sample_of(row: Mapping[str, Any], fields: Mapping[str, str], where: str) -> Sample:
    """The sample in a row.

    Raises:
        InputError: naming the row and what is wrong in it.
    """

    def said(ours: str) -> Any:
        value = row.get(fields[ours]) if ours in fields else None
        return None if value != value or value == "" else value  # NaN is what tables hold for null.

    prompt = _text(said("prompt"))
    question = _text(said("question")) or prompt
    if question is None:
        raise InputError(f"{where}: no question ({fields.get('question', 'prompt')} is empty)")
    options = choices(said("options"), where) or _columns(row)
    if not options and (inside := options_in_text(prompt or question)):
        # A question that is a whole prompt holds its own stem; a question that is one stays.
        options = inside.options
        question = question if prompt and question != prompt else inside.stem
        prompt = prompt or _text(said("question"))
    error, response = _text(said("error")), _text(said("response"))
    if response is None and error is None:
        response = ""
    return Sample(
        id=_text(said("id")),
        question_id=_text(said("question_id")),
        question=question,
        options=options,
        response=response or "",
        answer=label_of(said("answer"), options),
        model=_text(said("model")) or "",
        condition=_text(said("condition")) or "imported",
        repeat=_count(said("repeat")),
        prompt=prompt,
        reasoning=_text(said("reasoning")),
        finish_reason=finish_of(said("finish_reason")),
        usage=_usage(row.get("usage")),
        latency_s=_number(row.get("latency_s")),
        error=error if response is None else None,
    )


def choices(value: Any, where: str) -> tuple[Choice, ...]:
    """Options out of any of their usual shapes; none where there are none.

    Raises:
        InputError: it is in a shape that is not known.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        inside = _json(value)
        if inside is None:
            return options_in_field(value)
        value = inside
    if isinstance(value, Mapping) and isinstance(value.get("text"), list | tuple):
        texts, labels = list(value["text"]), list(value.get("label") or [])
        pairs = [
            (str(labels[index]) if labels else _letter(index), str(text))
            for index, text in enumerate(texts)
        ]
    elif isinstance(value, Mapping):
        pairs = [(str(label), str(text)) for label, text in value.items() if text is not None]
    elif isinstance(value, list | tuple):
        pairs = [_pair(index, one, where) for index, one in enumerate(value)]
    else:
        raise InputError(f"{where}: options of an unknown shape: {value!r:.80}")
    return tuple(Choice(label=label.strip(" ().:"), text=text) for label, text in pairs)


def label_of(value: Any, options: Sequence[Choice]) -> str | None:
    """The label that an answer key means: a label, the text of an option, or an index from 0."""
    if isinstance(value, list | tuple):
        value = value[0] if len(value) == 1 else None
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    said = str(value).strip()
    if not options or not said:
        return said or None
    bare = said.strip(" ().:*").lower()
    for option in options:
        if bare == option.label.lower():
            return option.label
    for option in options:
        if said.lower() == option.text.strip().lower():
            return option.label
    if bare.isdigit() and int(bare) < len(options):
        return options[int(bare)].label
    return None


def finish_of(value: Any) -> FinishReason | None:
    """Our word for why a response ended."""
    return None if value is None else _FINISH.get(str(value), "other")


def _pair(index: int, one: Any, where: str) -> tuple[str, str]:
    if isinstance(one, Mapping):
        text = one.get("text", one.get("content", one.get("value")))
        if text is None:
            raise InputError(f"{where}: option {index + 1} has no text: {one!r:.80}")
        return str(one.get("label", one.get("key", one.get("id", _letter(index))))), str(text)
    text = str(one)
    found = re.match(r"^\(?([A-Za-z])[.):]\s+(\S.*)$", text)
    if found and found[1].lower() == _letter(index).lower():
        return found[1], found[2]
    return _letter(index), text


def _columns(row: Mapping[str, Any]) -> tuple[Choice, ...]:
    """Options that stand in columns of their own: A, B, ... or option_a, choice1, ..."""
    found = {}
    for name, value in row.items():
        match = _COLUMN.match(name.strip())
        if match and isinstance(value, str | int | float) and value == value and value != "":
            found[match[1].upper()] = str(value)
    labels = list(found)
    expected = [_letter(index) for index in range(len(labels))]
    if len(labels) < 2 or labels not in (expected, [str(n + 1) for n in range(len(labels))]):
        return ()
    return tuple(Choice(label=label, text=text) for label, text in found.items())


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _json(text: str) -> Any:
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        pass
    import ast

    try:  # A Python list written by str(), as pandas leaves it in a CSV.
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        return "\n\n".join(str(turn.get("content", "")) for turn in value) or None
    if isinstance(value, list) and len(value) == 1:
        return _text(value[0])
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, Mapping):
        return None
    known = {name: value[name] for name in Usage.model_fields if value.get(name) is not None}
    return Usage.model_validate(known) if known else None
