"""What other evaluation tools write: lm-eval, promptfoo, Every Eval Ever, inspect_ai.

Samples of lm-eval, results of promptfoo, instances of Every Eval Ever, logs of inspect_ai: `.eval`
(a zip, its members deflated or zstd) and `.json`.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from starprobe.bench.importers.bodies import finish_of, replies, request, usage_of
from starprobe.bench.importers.sample import Sample, all_stated, completed, name_of, stated, text_of
from starprobe.bench.models.thinking import content_parts
from starprobe.probes.choices import Described, choices, label_of, options_in_text, parsed
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.formats import Row
from starprobe.probes.parsing import describe
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


ZSTD = 93
"""Number of zstd in a zip (APPNOTE 4.4.5), which Python reads from 3.14 on."""
ATTACHED = "attachment://"


def is_inspect_log(value: Any) -> bool:
    """Whether a JSON value is a log of inspect_ai."""
    return isinstance(value, Mapping) and {"eval", "samples"} <= set(value)


def samples_of_json(value: Mapping[str, Any], name: str) -> Iterator[Sample]:
    """The samples of a `.json` log."""
    yield from _inspect(value["eval"], value["samples"] or [], name)


def samples_of_zip(data: bytes, path: str) -> Iterator[Sample]:
    """The samples of an `.eval` log.

    Raises:
        InputError: it is none.
        MissingError: its members are zstd, and neither Python nor pyarrow can read them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            header = "header.json" if "header.json" in names else "_journal/start.json"
            if header not in names:
                raise InputError(f"{path}: found {', '.join(names[:5])}; missing: header.json")
            head = json.loads(_member(archive, header, path))
            inside = (
                json.loads(_member(archive, name, path))
                for name in names
                if name.startswith("samples/") and name.endswith(".json")
            )
            yield from _inspect(head.get("eval", {}), inside, path)
    except zipfile.BadZipFile:
        raise InputError(f"{path}: is no .eval log: not a zip file") from None


def _inspect(
    head: Mapping[str, Any], samples: Iterable[Mapping[str, Any]], name: str
) -> Iterator[Sample]:
    task = str(head.get("task") or "inspect").rpartition("/")[2]
    for sample in samples:
        output = sample.get("output") or {}
        choice = (output.get("choices") or [{}])[0]
        attached = sample.get("attachments") or {}
        message = choice.get("message") or {}
        parts = content_parts(_resolve(message.get("content"), attached))
        prompt = _inspect_prompt(_resolve(sample.get("messages") or sample.get("input"), attached))
        said = sample.get("choices")
        options = choices(said, name) if said else ()
        about = Described(None, options)
        # The solver writes the options into the user's turn, in the order that the model saw.
        stem = _inspect_prompt(_resolve(sample.get("input"), attached))
        inside = options_in_text(prompt) and not options_in_text(stem)
        said_by = about._replace(stem=stem) if options else about
        sent = prompt if options or inside else stem
        said_by = completed(said_by, sent)
        target = sample.get("target")
        label = label_of(target, said_by.choices) if said_by.choices else _inspect_target(sample)
        shown = stated(said_by, label, sent)
        error = sample.get("error")
        yield Sample(
            where=f"{name}, sample {sample.get('id')}",
            names=(str(sample.get("id")),),
            **shown._asdict(),
            response=parts.text,
            model=str(output.get("model") or head.get("model") or ""),
            condition=task,
            repeat=int(sample.get("epoch") or 1) - 1,
            prompt=prompt,
            reasoning=parts.reasoning,
            finish_reason=finish_of(choice.get("stop_reason")) if choice else None,
            usage=usage_of(output.get("usage")),
            latency_s=output.get("time"),
            error=str(error.get("message", error)) if isinstance(error, Mapping) else None,
        )


def _inspect_target(sample: Mapping[str, Any]) -> str | None:
    target = sample.get("target")
    target = target[0] if isinstance(target, list) and len(target) == 1 else target
    return target if isinstance(target, str) and target.strip() else None


def _inspect_prompt(said: Any) -> str:
    """The turns up to the model's own last one, as text."""
    if isinstance(said, str):
        return said
    turns = [turn for turn in said or [] if isinstance(turn, Mapping)]
    while turns and turns[-1].get("role") == "assistant":
        turns.pop()
    return "\n\n".join(content_parts(turn.get("content")).text for turn in turns)


def _resolve(value: Any, attached: Mapping[str, str]) -> Any:
    """The value with long texts, which the log keeps beside the sample, put back."""
    if isinstance(value, str):
        return attached.get(value.removeprefix(ATTACHED), value) if ATTACHED in value else value
    if isinstance(value, list):
        return [_resolve(one, attached) for one in value]
    if isinstance(value, Mapping):
        return {name: _resolve(one, attached) for name, one in value.items()}
    return value


def _member(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    try:
        return archive.read(name)
    except NotImplementedError:
        pass
    info = archive.getinfo(name)
    if info.compress_type != ZSTD:
        raise InputError(f"{where}: {name} is compressed in an unknown way") from None
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise MissingError(
            f"{where}: is compressed with zstd: pip install 'starprobe[parquet]', or "
            f"convert it with: inspect log convert --to json"
        ) from None
    file: Any = archive.fp
    # The local header is 30 bytes, then the name and the extra field, then the data.
    file.seek(info.header_offset + 26)
    lengths = file.read(4)
    skip = int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    file.seek(info.header_offset + 30 + skip)
    packed = pyarrow.py_buffer(file.read(info.compress_size))
    with pyarrow.input_stream(packed, compression="zstd") as stream:
        return bytes(stream.read())
