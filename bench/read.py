"""The stage that reads: responses of a run folder, lines of a file, or one text, into verdicts.

A reader speaks in labels; here labels become option ids where a run folder is read. Streams in
constant memory; the same call after a kill goes on behind the last whole line.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar

from starprobe.bench.files import Appender, Rows, read_jsonl
from starprobe.bench.readers import DEFAULT_READER, Reader, Reading, load_reader, read_one
from starprobe.bench.records import MULTI, FinishReason, Response, Treatment, Verdict
from starprobe.bench.run_folder import Run, file_name
from starprobe.bench.shards import Shard, finish
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.parsing import parse_question
from starprobe.probes.schema import Prompt, Question, ShownOption

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 48
"""Characters of an option and of its evidence that are shown."""


class ReadResponse(NamedTuple):
    """A response with its verdict; `repr` shows the table of options."""

    text: str
    shown: tuple[ShownOption, ...]
    verdict: Verdict

    @property
    def style(self) -> str:
        """The style of the response."""
        return self.verdict.style

    @property
    def answer(self) -> str | None:
        """The label answered, `multi`, or None."""
        return self.verdict.answer

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """(label, option, treatment and side, evidence) for each option."""
        found = []
        for shown in self.shown:
            treatment = self.verdict.options[shown.label]
            found.append((shown.label, shown.text, in_words(treatment), self.evidence(treatment)))
        return found

    def evidence(self, treatment: Treatment) -> str:
        """The text that the spans point to, in one line."""
        parts = (" ".join(self.text[start:end].split()) for start, end in treatment.spans)
        return " ... ".join(parts)

    def to_frame(self) -> pd.DataFrame:
        """A row for each option: label, option, treatment, evidence."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=["label", "option", "treatment", "evidence"])

    def _repr_html_(self) -> str:
        """The headline and the table, where a notebook shows it."""
        return f"<p>{self.headline()}</p>{self.to_frame().to_html(index=False)}"

    def headline(self) -> str:
        """Answer, style and coverage in one line."""
        verdict = self.verdict
        answer = "none" if verdict.answer is None else verdict.answer
        parts = [f"answer {answer} ({verdict.outcome})", f"style {verdict.style}"]
        if verdict.coverage is not None:
            reasoned = sum(t.treatment == "reasoned" for t in verdict.options.values())
            parts.append(f"reasons on {reasoned} of {len(self.shown)} options")
        if verdict.p_option_by_option is not None:
            parts.append(f"p(option by option) {verdict.p_option_by_option:.2f}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        """The headline and a table of the options."""
        lines = [self.headline()]
        rows = [[_short(cell) for cell in row] for row in self.rows]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
            lines.append("  ".join([*cells, row[3]]).rstrip())
        return "\n".join(lines)


def in_words(treatment: Treatment) -> str:
    """`reasoned against`, `named` or `-`."""
    if treatment.treatment == "none":
        return "-"
    if treatment.side is None:
        return treatment.treatment
    return f"{treatment.treatment} {treatment.side}"


def _short(cell: str) -> str:
    cell = " ".join(cell.split())
    return cell if len(cell) <= WIDTH else cell[: WIDTH - 3] + "..."


CHUNK = 256
"""Readings that are handed over in one go."""
BACKLOG = 4
"""Chunks in flight for each process: memory stays the same however long the input is."""

Item = TypeVar("Item")
_reader: Reader | None = None


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of up to `size`, lazily."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def read_in_order(
    readings: Iterable[Reading], reader: Reader | str, workers: int = 1
) -> Iterator[Verdict | None]:
    """The verdicts in order; None where the reader gave none.

    Args:
        readings: consumed as they are needed.
        reader: a reader, or its name: where it may, each of several processes then loads its own.
        workers: processes; with one, or a reader that was handed over, the reading is done here.
    """
    loaded = load_reader(reader)
    if workers <= 1 or not isinstance(reader, str) or not loaded.parallel:
        yield from loaded.read(readings)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _load, (reader,)) as pool:
        waiting: deque[Future[list[Verdict | None]]] = deque()
        for batch in chunks(readings, CHUNK):
            waiting.append(pool.submit(_work, batch))
            if len(waiting) >= workers * BACKLOG:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _load(name: str) -> None:
    global _reader
    _reader = load_reader(name)


def _work(batch: list[Reading]) -> list[Verdict | None]:
    if _reader is None:
        raise RuntimeError("a process of the pool has loaded no reader")
    return list(_reader.read(batch))


def classify(
    text: str,
    question: Question | Mapping[str, Any],
    reader: Reader | str = DEFAULT_READER,
) -> ReadResponse:
    """What one response says of each option, with a table as its `repr`.

    Args:
        text: the response.
        question: a Question, or a row of a question file: `question` and `options`.
        reader: a reader or its name.

    Raises:
        InputError: a row that is no question, or no reader of this name.
    """
    if not isinstance(question, Question):
        question = parse_question({"id": "question", **question}, "the question")
    reading = _reading(question, text)
    return ReadResponse(text, reading.shown, read_one(load_reader(reader), reading))


def _reading(question: Question, text: str, finish: FinishReason | None = None) -> Reading:
    shown = tuple(
        ShownOption(label=option.label or option.id, option_id=option.id, text=option.text)
        for option in question.options
    )
    return Reading(question.id, text, question.stem, shown, finish)


def classify_responses(
    prompt_of: Callable[[str], Prompt | None],
    responses: Iterable[Response],
    reader: Reader | str,
    workers: int = 1,
) -> Iterator[Verdict]:
    """One verdict a response, in option ids; none for a failed response or an unknown prompt.

    Args:
        prompt_of: prompt id -> prompt.
        responses: any order.
        reader: from `bench.readers.load_reader`, or its name, as in `read_in_order`.
        workers: processes.
    """
    asked: deque[Prompt] = deque()

    def readings() -> Iterator[Reading]:
        for reading, prompt in _readings(prompt_of, responses):
            asked.append(prompt)
            yield reading

    for verdict in read_in_order(readings(), reader, workers):
        prompt = asked.popleft()
        if verdict is not None:
            yield by_option_id(verdict, prompt)


def _readings(
    prompt_of: Callable[[str], Prompt | None], responses: Iterable[Response]
) -> Iterator[tuple[Reading, Prompt]]:
    for response in responses:
        prompt = prompt_of(response.prompt_id)
        if response.error is None and prompt is not None:
            yield reading_of(response, prompt), prompt


def reading_of(response: Response, prompt: Prompt) -> Reading:
    """What a reader is given of a response in a run folder."""
    return Reading(
        response.id, response.readable, prompt.stem, prompt.shown, response.finish_reason
    )


def by_option_id(verdict: Verdict, prompt: Prompt) -> Verdict:
    """The same verdict with the prompt's labels replaced by the ids of the options they show."""
    ids = prompt.labels
    answer = verdict.answer
    return verdict.model_copy(
        update={
            "options": {ids[label]: treatment for label, treatment in verdict.options.items()},
            "answer": answer if answer is None or answer == MULTI else ids[answer],
        }
    )


def classify_run(
    run: Run | Path | str,
    reader: Reader | str = DEFAULT_READER,
    workers: int = 1,
) -> Path:
    """Reads what this reader has not read yet; gives the file of its verdicts in the folder.

    Resumes: verdicts of the same reader and version stay; of another version, all are made anew.

    Args:
        run: the folder.
        reader: a reader or its name.
        workers: processes that read; a reader that was handed over, or a judge, reads in this one.

    Raises:
        FolderError: no run folder, or it cannot be written.
        InputError: there is no reader of this name.
    """
    run = run if isinstance(run, Run) else Run(run)
    name = reader if isinstance(reader, str) else reader.name.rpartition("-")[0]
    loaded = load_reader(reader)
    path = run.path / f"verdicts.{file_name(name)}.jsonl"
    if any(row.get("classifier") != loaded.name for row in read_jsonl(path)):
        path.unlink()
    there = Rows(path)
    missing = (row for row in run.each_response() if row.id not in there)
    parallel = isinstance(reader, str) and loaded.parallel
    found = classify_responses(run.prompt_of(), missing, reader if parallel else loaded, workers)
    with Appender(path) as appender:
        for batch in chunks(found, CHUNK):
            appender.append(batch)
    return path


_FINISHED: dict[str, FinishReason] = {
    "stop": "stop", "length": "length", "max_tokens": "length", "refusal": "refusal",
}  # fmt: skip


def classify_file(
    source: Path,
    out: Path,
    reader: Reader | str = DEFAULT_READER,
    workers: int = 1,
    tick: Callable[[int], None] | None = None,
    shard: Shard | None = None,
) -> int:
    """Reads every line of a file; gives the number of verdicts in `out`.

    A line whose response is null has no verdict. Where `out` holds verdicts of the same reader for
    the first lines of the same file, it goes on behind them.

    Args:
        source: JSONL: `id`, `question`, `options`, `response`; or any file that `starprobe import`
            reads, whose responses are named by their own ids.
        out: JSONL of verdicts, in labels.
        reader: a reader or its name.
        workers: processes; a judge always reads in one.
        tick: is told how many verdicts have been written.
        shard: only this part of the file is read.

    Raises:
        InputError: a line that cannot be read, or no reader of this name.
        FolderError: `out` holds something else, or cannot be written.
    """
    loaded = load_reader(reader)
    if source.resolve() == out.resolve():
        raise InputError(f"{out} is the input itself; name another file with -o")
    done, last = _done(out, loaded.name)
    readings = _rest(read_lines(source, shard), done, last, out)
    found = read_in_order(readings, reader if loaded.parallel else loaded, workers)
    with Appender(out) as appender:
        for batch in chunks((verdict for verdict in found if verdict is not None), CHUNK):
            appender.append(batch)
            done += len(batch)
            if tick is not None:
                tick(done)
    return done


def classify_part(
    source: Path | str,
    folder: Path | str,
    shard: Shard,
    reader: Reader | str = DEFAULT_READER,
    workers: int = 1,
) -> int:
    """Reads one part of a file into a folder, with a manifest when it is whole; gives its verdicts.

    A part that was killed goes on where it stopped. `bench.shards.merge` joins all of them.

    Args:
        source: as `classify_file` takes it.
        folder: where the parts are.
        shard: which part.
        reader: a reader or its name.
        workers: processes.

    Raises:
        InputError: a line that cannot be read, or no reader of this name.
        FolderError: the part holds something else, or cannot be written.
    """
    source = Path(source)
    part = Path(folder) / f"{shard.name}.jsonl"
    loaded = load_reader(reader)
    done = classify_file(source, part, reader, workers, shard=shard)
    finish(part, shard, f"{source.name}, {source.stat().st_size} bytes, read by {loaded.name}")
    return done


def readings_of(path: Path, shard: Shard | None = None) -> Iterator[Reading]:
    """The readings of a run folder, or of a file of responses.

    Raises:
        FolderError: no run folder.
        InputError: a line that cannot be read.
    """
    if path.is_dir():
        run = Run(path)
        yield from (reading for reading, _ in _readings(run.prompt_of(), run.each_response()))
    else:
        yield from read_lines(path, shard)


def read_lines(source: Path, shard: Shard | None = None) -> Iterator[Reading]:
    """The readings of a file, or of one part of it: our own lines, or what `import` reads.

    Raises:
        InputError: naming the line and the field.
    """
    if not _is_own(source):
        from starprobe.bench.importers import readings

        yield from (shard or Shard(1, 1)).share(readings(source))
        return
    try:
        start, end = (shard or Shard(1, 1)).span(source.stat().st_size)
        file = source.open("rb")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None
    with file:
        number = _seek_line(file, start)
        while file.tell() < end and (line := file.readline()):
            number += 1
            at = f"line {number}" if start == 0 else f"the line before byte {file.tell()}"
            where = f"{source}, {at}"
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                place = file.tell() - len(line) + error.start
                raise InputError(f"{source}: is not UTF-8 text (byte {place})") from None
            if text.strip():
                reading = reading_of_row(text, where)
                if reading is not None:
                    yield reading


def _seek_line(file: BinaryIO, start: int) -> int:
    """Goes to the first line that begins at or behind `start`; 0."""
    if start:
        file.seek(start - 1)
        file.readline()
    return 0


def _is_own(source: Path) -> bool:
    """Whether a file holds our own lines, which are read as they come, however many there are."""
    if source.suffix not in {".jsonl", ".ndjson"} or not source.is_file():
        return False
    with source.open("rb") as file:
        first = next((line for line in file if line.strip()), b"{}")
    try:
        row = json.loads(first.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return True  # It is told what is wrong with the line.
    return not isinstance(row, dict) or {"id", "question", "options"} <= set(row)


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
    return _reading(question, text, _FINISHED.get(str(row.get("finish_reason"))))


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
