"""Logs of inspect_ai: `.eval` (a zip, its members deflated or zstd) and `.json`."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starprobe.bench.importers.chat import finish_of, usage_of
from starprobe.bench.importers.sample import Sample, completed, stated
from starprobe.bench.models.thinking import content_parts
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.intake.options import choices, label_of
from starprobe.probes.intake.options_text import options_in_text
from starprobe.probes.intake.questions import Described

ZSTD = 93
"""Number of zstd in a zip (APPNOTE 4.4.5), which Python reads from 3.14 on."""
ATTACHED = "attachment://"


def fits(value: Any) -> bool:
    """Whether a JSON value is a log of inspect_ai."""
    return isinstance(value, Mapping) and {"eval", "samples"} <= set(value)


def samples_of_json(value: Mapping[str, Any], name: str) -> Iterator[Sample]:
    """The samples of a `.json` log."""
    yield from _samples(value["eval"], value["samples"] or [], name)


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
            yield from _samples(head.get("eval", {}), inside, path)
    except zipfile.BadZipFile:
        raise InputError(f"{path}: is no .eval log: not a zip file") from None


def _samples(
    head: Mapping[str, Any], samples: Iterable[Mapping[str, Any]], name: str
) -> Iterator[Sample]:
    task = str(head.get("task") or "inspect").rpartition("/")[2]
    for sample in samples:
        output = sample.get("output") or {}
        choice = (output.get("choices") or [{}])[0]
        attached = sample.get("attachments") or {}
        message = choice.get("message") or {}
        parts = content_parts(_resolve(message.get("content"), attached))
        prompt = _prompt(_resolve(sample.get("messages") or sample.get("input"), attached))
        said = sample.get("choices")
        options = choices(said, name) if said else ()
        about = Described(None, options)
        # The solver writes the options into the user's turn, in the order that the model saw.
        stem = _prompt(_resolve(sample.get("input"), attached))
        inside = options_in_text(prompt) and not options_in_text(stem)
        said_by = about._replace(stem=stem) if options else about
        sent = prompt if options or inside else stem
        said_by = completed(said_by, sent)
        target = sample.get("target")
        label = label_of(target, said_by.choices) if said_by.choices else _target(sample)
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


def _target(sample: Mapping[str, Any]) -> str | None:
    target = sample.get("target")
    target = target[0] if isinstance(target, list) and len(target) == 1 else target
    return target if isinstance(target, str) and target.strip() else None


def _prompt(said: Any) -> str:
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
