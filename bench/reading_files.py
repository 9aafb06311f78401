"""Lines of `id`, `question`, `options`, `response` in, lines of verdicts out, in the same order.

Streams in constant memory; the same call after a kill goes on behind the last whole line.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starprobe.bench.files import Appender, read_jsonl
from starprobe.bench.readers import DEFAULT_CLASSIFIER, load_classifier
from starprobe.bench.readers.base import Reading
from starprobe.bench.reading_pool import CHUNK, chunks, read_chunks
from starprobe.bench.records import FinishReason
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.loading import parse_question
from starprobe.probes.schema import ShownOption

_FINISHED: dict[str, FinishReason] = {
    "stop": "stop", "length": "length", "max_tokens": "length", "refusal": "refusal",
}  # fmt: skip


def classify_file(
    source: Path,
    out: Path,
    classifier: str = DEFAULT_CLASSIFIER,
    workers: int = 1,
    tick: Callable[[int], None] | None = None,
) -> int:
    """Reads every line of a file; gives the number of verdicts in `out`.

    A line whose response is null has no verdict. Where `out` holds verdicts of the same reader for
    the first lines of the same file, it goes on behind them.

    Args:
        source: JSONL: `id`, `question`, `options`, `response`.
        out: JSONL of verdicts, in labels.
        classifier: the reader's name.
        workers: processes; a judge always reads in one.
        tick: is told how many verdicts have been written.

    Raises:
        InputError: a line that cannot be read, or no reader of this name.
        FolderError: `out` holds something else, or cannot be written.
    """
    reader = load_classifier(classifier)
    if source.resolve() == out.resolve():
        raise InputError(f"{out} is the input itself; name another file with -o")
    done, last = _done(out, reader.name)
    readings = _rest(read_lines(source), done, last, out)
    alone = workers <= 1 or hasattr(reader, "read_all")
    found = read_chunks(chunks(readings, CHUNK), reader if alone else classifier, workers)
    with Appender(out) as appender:
        for batch in chunks((verdict for verdict in found if verdict is not None), CHUNK):
            appender.append(batch)
            done += len(batch)
            if tick is not None:
                tick(done)
    return done


def read_lines(source: Path) -> Iterator[Reading]:
    """The readings of a file, one by one.

    Raises:
        InputError: naming the line and the field.
    """
    try:
        file = source.open(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None
    with file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    reading = reading_of_row(line, f"{source}, line {number}")
                    if reading is not None:
                        yield reading
        except UnicodeDecodeError as error:
            raise InputError(f"{source}: is not UTF-8 text (byte {error.start})") from None


def reading_of_row(line: str, where: str) -> Reading | None:
    """The reading of one line; None where its response is null.

    Raises:
        InputError: naming `where` and the field.
    """
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: is {type(row).__name__}, not an object with fields")
    if "response" not in row:
        raise InputError(f"{where}: field 'response' is missing")
    text = row["response"]
    if text is None:
        return None
    if not isinstance(text, str):
        raise InputError(f"{where}: field 'response' must be text, not {text!r:.60}")
    asked = {"id": row.get("id"), "question": row.get("question"), "options": row.get("options")}
    question = parse_question(asked, where)
    shown = tuple(
        ShownOption(label=option.label or option.id, option_id=option.id, text=option.text)
        for option in question.options
    )
    finish = _FINISHED.get(str(row.get("finish_reason")))
    return Reading(question.id, text, question.stem, shown, finish)


def _done(out: Path, name: str) -> tuple[int, str | None]:
    """How many verdicts `out` holds, and the id of the last."""
    count, last = 0, None
    for row in read_jsonl(out):
        if row.get("classifier") != name:
            raise FolderError(
                f"{out} holds verdicts of {row.get('classifier')!r}, not of {name!r}; name another "
                f"file with -o, or remove it"
            )
        count, last = count + 1, str(row.get("id"))
    return count, last


def _rest(readings: Iterator[Reading], done: int, last: str | None, out: Path) -> Iterator[Reading]:
    """The readings behind the first `done`, the last of which must be `last`."""
    skipped = deque((reading for _, reading in zip(range(done), readings, strict=False)), maxlen=1)
    if done and (not skipped or skipped[0].id != last):
        raise FolderError(
            f"{out} holds {done} verdicts of another file (the last of {last!r}); name another "
            f"file with -o, or remove it"
        )
    return readings


def default_workers() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
