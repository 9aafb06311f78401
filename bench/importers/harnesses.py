"""What other evaluation tools write: lm-eval's samples, promptfoo's results, Every Eval Ever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from starprobe.bench.importers.chat import replies, request, usage_of
from starprobe.bench.importers.sample import Sample, all_stated, name_of, text_of
from starprobe.probes.errors import InputError
from starprobe.probes.intake.files import Row
from starprobe.probes.intake.options import parsed
from starprobe.probes.intake.questions import describe
from starprobe.probes.schema import Prompt

LONGEST = 40
"""Characters of a label that is a name."""


def reader_of(row: Mapping[str, Any]) -> Callable[[Sequence[Row], str], Iterator[Sample]] | None:
    """What reads rows like this one; None where it is of none of these tools."""
    if {"doc", "resps", "arguments"} <= set(row):
        return _lm_eval
    if {"evaluation_id", "sample_id", "input"} <= set(row) and isinstance(row["input"], Mapping):
        return _every_eval_ever
    if is_promptfoo_row(row):
        return _promptfoo
    return None


def _lm_eval(rows: Sequence[Row], name: str) -> Iterator[Sample]:
    """`samples_TASK_DATE.jsonl`: a row a document and filter, all filters with the same responses.

    The model's name stands in the folder's name only.
    """
    path = Path(name.removesuffix(".gz"))
    model = path.parent.name.replace("__", "/")
    task = re.sub(r"_\d{4}-\d\d-\d\dT[\d\-.:]+$", "", path.stem.removeprefix("samples_"))
    kept: dict[Any, Row] = {}
    for where, row in rows:
        kept.setdefault((row.get("doc_id"), row.get("doc_hash")), (where, row))
    said, asked = [], []
    for where, row in kept.values():
        doc = row["doc"] if isinstance(row["doc"], Mapping) else {}
        asked.append(_first_text(row["arguments"]))
        said.append(describe({n: v for n, v in doc.items() if n != "prompt"}, where))
    keyed = [(where, _with_target(row)) for where, row in kept.values()]
    questions = all_stated(keyed, said, asked)
    for (where, row), prompt, shown in zip(kept.values(), asked, questions, strict=True):
        if not shown.question:
            raise InputError(f"{where}: found doc ({', '.join(row['doc'])}); missing: a question")
        ours = _own_prompt(row["doc"])
        for repeat, text in enumerate(_generated(row["resps"], where)):
            yield Sample(
                where=where,
                names=(f"{task}-{row.get('doc_id')}",),
                asked=ours,
                **shown._asdict(),
                response=text,
                model=model,
                condition=ours.condition if ours else task,
                repeat=repeat,
                prompt=prompt,
            )


def _with_target(row: Mapping[str, Any]) -> dict[str, Any]:
    """The document's fields, and the row's target where the document names no key."""
    doc = dict(row["doc"]) if isinstance(row["doc"], Mapping) else {}
    target = row.get("target")
    # An index is written as text here, whatever it was in the document.
    whole = isinstance(target, str) and target.isdigit()
    return doc | {"solution": int(target) if whole else target} if target is not None else doc


def _own_prompt(doc: Any) -> Prompt | None:
    """The prompt in a document of a task that `starprobe tasks export` has written."""
    if not isinstance(doc, Mapping) or not isinstance(doc.get("prompt"), str):
        return None
    try:
        return Prompt.model_validate_json(doc["prompt"])
    except ValidationError:
        return None


def _first_text(arguments: Any) -> str | None:
    """The text sent: the first string in `arguments`, whichever way the harness has nested it."""
    if isinstance(arguments, str):
        turns = parsed(arguments)
        asked = request({"messages": turns}) if isinstance(turns, list) else None
        return asked.whole if asked else arguments
    if isinstance(arguments, Mapping):
        arguments = list(arguments.values())
    if isinstance(arguments, list) and arguments:
        return _first_text(arguments[0])
    return None


def _generated(resps: Any, where: str) -> list[str]:
    flat = list(_flat(resps))
    texts = [one for one in flat if isinstance(one, str)]
    flags = {"true", "false"}
    likelihoods = len(texts) < len(flat) or (
        len(flat) > 1
        and any(one.lower() in flags for one in texts)
        and all(one.lower() in flags or _is_number(one) for one in texts)
    )
    if likelihoods or not texts:
        raise InputError(
            f"{where}: found log-likelihoods in 'resps'; missing: generated text. Run the task "
            f"with output_type generate_until"
        )
    return texts


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    else:
        yield value


def promptfoo_rows(value: Mapping[str, Any], name: str) -> list[Row] | None:
    """The rows of `promptfoo eval --output results.json`; None where it is none."""
    results = value.get("results")
    rows = results.get("results") if isinstance(results, Mapping) else results
    if not isinstance(rows, list) or not rows or not is_promptfoo_row(rows[0]):
        return None
    return [(f"{name}, result {number}", row) for number, row in enumerate(rows, start=1)]


def is_promptfoo_row(row: Any) -> bool:
    """Whether a row is one of promptfoo's results, as JSON or JSON lines hold them."""
    if not isinstance(row, Mapping) or "prompt" not in row or "provider" not in row:
        return False
    marks = {"vars", "testCase", "promptIdx", "testIdx", "gradingResult"}
    return bool(marks & set(row)) and ("response" in row or "error" in row)


def _promptfoo(rows: Sequence[Row], name: str) -> Iterator[Sample]:
    """One sample a row of the results."""
    variables = [
        _object(row.get("vars")) or _object(_object(row.get("testCase")).get("vars"))
        for _, row in rows
    ]
    keyed = [(where, given) for given, (where, _) in zip(variables, rows, strict=True)]
    prompts = [_promptfoo_prompt(row.get("prompt")) for _, row in rows]
    questions = all_stated(
        keyed, [describe(given, where) for where, given in keyed], [last for _, last in prompts]
    )
    for (where, row), (whole, _), shown in zip(rows, prompts, questions, strict=True):
        if not shown.question:
            raise InputError(f"{where}: found {', '.join(row)}; missing: a prompt")
        response = row.get("response")
        response = response if isinstance(response, Mapping) else {"output": response}
        output = response.get("output")
        bodies = replies(output, where)
        text = bodies[0].text if bodies else text_of(output, where, "response.output")
        error = row.get("error") or response.get("error")
        named = _object(row.get("prompt")).get("label")
        usage = usage_of(response.get("tokenUsage"))
        if row.get("cost") and usage is not None:
            usage = usage.model_copy(update={"cost": row["cost"]})
        yield Sample(
            where=where,
            names=tuple(str(given) for given in (row.get("testIdx"),) if given is not None),
            **shown._asdict(),
            response=text or "",
            model=name_of(row.get("provider"), where),
            condition=_condition(named, whole),
            prompt=whole,
            usage=usage,
            latency_s=row["latencyMs"] / 1000 if row.get("latencyMs") is not None else None,
            # A failed assertion is noted under `error` too; a row with an output has none of ours.
            error=str(error) if error and text is None else None,
        )


def _condition(label: Any, prompt: str | None) -> str:
    """The prompt's label where someone gave it one; otherwise it is the prompt's own template."""
    given = isinstance(label, str) and label and label != prompt and "{{" not in label
    return label if given and len(label) < LONGEST and "\n" not in label else "imported"


def _promptfoo_prompt(said: Any) -> tuple[str | None, str | None]:
    """(all that was sent, its last turn)."""
    raw = said.get("raw") if isinstance(said, Mapping) else said
    if not isinstance(raw, str):
        return None, None
    turns = parsed(raw)
    asked = request({"messages": turns}) if isinstance(turns, list) else request(turns)
    return (asked.whole, asked.last) if asked else (raw, raw)


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _every_eval_ever(rows: Iterable[Row], name: str) -> Iterator[Sample]:
    """Instances (schema instance_level_eval 0.2): single turns have a list of responses."""
    for where, row in rows:
        given = row["input"]
        about = describe({"question": given.get("raw"), "options": given.get("choices")}, where)
        keyed = [(where, {"answer": given.get("reference")})]
        (shown,) = all_stated(keyed, [about], [given.get("formatted")])
        latency = (row.get("performance") or {}).get("latency_ms")
        for repeat, (text, reasoning) in enumerate(_eee_responses(row)):
            yield Sample(
                where=where,
                names=(str(row["sample_id"]),),
                **shown._asdict(),
                response=text or "",
                model=str(row.get("model_id") or ""),
                condition=str(row.get("evaluation_name") or "imported"),
                repeat=repeat,
                prompt=given.get("formatted") or None,
                reasoning=reasoning,
                usage=usage_of(row.get("token_usage")),
                latency_s=latency / 1000 if latency is not None else None,
                error=row.get("error") if text is None else None,
            )


def _eee_responses(row: Mapping[str, Any]) -> Iterator[tuple[str | None, str | None]]:
    """(text, thinking) of each response; (None, None) where there is none."""
    output = row.get("output")
    if isinstance(output, Mapping):
        texts, thoughts = _texts(output.get("raw")), _texts(output.get("reasoning_trace"))
        for index, text in enumerate(texts):
            yield text, thoughts[index] if index < len(thoughts) else None
        if texts:
            return
    turns = [turn for turn in row.get("messages") or [] if turn.get("role") == "assistant"]
    yield (turns[-1].get("content"), turns[-1].get("reasoning_trace")) if turns else (None, None)


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
