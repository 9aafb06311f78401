"""Outputs made elsewhere -> a run folder, as if we had asked the models ourselves."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from starprobe.bench.importers import (
    every_eval_ever,
    inspect_logs,
    lm_eval_samples,
    promptfoo,
    text_folder,
)
from starprobe.bench.importers.fields import resolve_fields, sample_of
from starprobe.bench.importers.run_folder import Made, write_run
from starprobe.bench.importers.sample import Choice, Sample
from starprobe.bench.importers.tables import (
    TABLES,
    load_json,
    read_json_lines,
    read_rows,
    rows_of_json,
)
from starprobe.probes.errors import InputError

__all__ = ["Choice", "Made", "Sample", "import_outputs", "read_outputs"]
Rows = Iterable[tuple[str, dict[str, Any]]]


def import_outputs(
    path: Path | str,
    out: Path | str,
    *,
    mapping: Mapping[str, str] | None = None,
    model: str | None = None,
    condition: str | None = None,
) -> Made:
    """A run folder made of the responses in a file or a folder, whatever tool has written it.

    Args:
        path: CSV, TSV, JSONL, JSON or Parquet; lm-eval's samples_*.jsonl; an inspect_ai log;
            promptfoo's results; instances of Every Eval Ever; a folder of text files named by
            model.
        out: the run folder.
        mapping: our field -> the file's field, for tables whose fields go by unusual names.
        model: the model's name, where the file has none.
        condition: the condition's name, for all of them.

    Raises:
        InputError: naming the fields that were found and those that are missing.
        FolderError: `out` holds something else.
    """
    path, out = Path(path), Path(out)
    samples = []
    for sample in read_outputs(path, mapping or {}):
        named = {"model": sample.model or model or path.stem}
        if condition is not None:
            named["condition"] = condition
        samples.append(sample.model_copy(update=named))
    parts = ["starprobe", "import", str(path), "--out", "DIR"]
    for name, value in (mapping or {}).items():
        parts += ["--map", f"{name}={value}"]
    return write_run(samples, out, path, shlex.join(parts))


def read_outputs(path: Path, mapping: Mapping[str, str] | None = None) -> Iterator[Sample]:
    """The samples of a file or a folder; its shape is told by what stands in it."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        return _folder(path, mapping or {})
    if path.suffix == ".eval":
        return inspect_logs.samples_of_zip(path)
    if path.suffix == ".json":
        value = load_json(path)
        if inspect_logs.fits(value):
            return inspect_logs.samples_of_json(value, path)
        if promptfoo.fits(value):
            return promptfoo.samples(value, path)
        return _rows(rows_of_json(value, path), path, mapping or {})
    if path.suffix in {".jsonl", ".ndjson"}:
        return _rows(read_json_lines(path), path, mapping or {})
    if path.suffix not in TABLES:
        raise InputError(
            f"{path}: an unknown kind of file; import a folder, .eval or one of {', '.join(TABLES)}"
        )
    return _rows(read_rows(path), path, mapping or {})


def _rows(rows: Rows, path: Path, mapping: Mapping[str, str]) -> Iterator[Sample]:
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{path}: holds no responses")
    together = chain([first], rows)
    if lm_eval_samples.fits(first[1]):
        return lm_eval_samples.samples(together, path)
    if every_eval_ever.fits(first[1]):
        return every_eval_ever.samples(together)
    return _flat(together, path, mapping)


def _flat(rows: Rows, path: Path, mapping: Mapping[str, str]) -> Iterator[Sample]:
    """Tables of rows that each hold one response; a row may lack fields that others have."""
    everything = list(rows)
    names = list(dict.fromkeys(name for _, row in everything for name in row))
    fields = resolve_fields(names, mapping, str(path))
    for where, row in everything:
        yield sample_of(row, fields, where)


def _folder(path: Path, mapping: Mapping[str, str]) -> Iterator[Sample]:
    """A folder of text files, or of logs of any kind that we read."""
    kinds = {".eval", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"}
    files = sorted(file for file in path.rglob("*") if file.suffix in kinds)
    if not files:
        yield from text_folder.samples(path)
        return
    for file in files:
        for sample in read_outputs(file, mapping):
            yield sample if sample.model else sample.model_copy(update={"model": file.stem})
