"""The run folder: the only module that knows its file names.

run.json  prompts.jsonl  responses.jsonl  verdicts.NAME.jsonl  judgements.jsonl
faithfulness.jsonl  metrics.json
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from starprobe.bench.files import Appender, read_jsonl, write_json, write_jsonl
from starprobe.bench.records import RUN_FORMAT, Response, RunInfo, Verdict
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.schema import Prompt, Record

AnyRecord = TypeVar("AnyRecord", bound=Record)
KNOWN = (
    "run.json",
    "prompts.jsonl",
    "responses.jsonl",
    "judgements.jsonl",
    "faithfulness.jsonl",
    "metrics.json",
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
        write_jsonl(path / "prompts.jsonl", prompts)
        write_json(path / "run.json", info)
        return cls(path)

    def extend(self, info: RunInfo, prompts: Iterable[Prompt]) -> None:
        """Takes new models, conditions, orders or repeats into the run of the same questions.

        Raises:
            FolderError: the run was made from other questions or with another sampling.
        """
        old = self.info
        for name, before, now in (
            ("questions", (old.probe_set, old.probe_hash), (info.probe_set, info.probe_hash)),
            ("sampling", old.sampling, info.sampling),
        ):
            if before != now:
                raise FolderError(
                    f"{self.path} belongs to another run (its {name}: {before}; yours: {now}); "
                    f"name another --out folder, or repeat its command: {old.command}"
                )
        merged = dict(self.prompts())
        for prompt in prompts:
            if merged.setdefault(prompt.id, prompt) != prompt:
                raise FolderError(
                    f"{self.path} holds another prompt under the id {prompt.id!r}: the condition "
                    f"or the question was changed since; name another --out folder"
                )
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
        if len(merged) != len(self.prompts()):
            write_jsonl(self.path / "prompts.jsonl", merged.values())
            self._prompts = merged
        if self.info != old:
            write_json(self.path / "run.json", self.info)

    def prompts(self) -> dict[str, Prompt]:
        """Prompt id -> prompt."""
        if self._prompts is None:
            rows = self._records("prompts.jsonl", Prompt)
            self._prompts = {prompt.id: prompt for prompt in rows}
        return self._prompts

    def responses(self) -> dict[str, Response]:
        """Response id -> its last row: a failure is replaced by the success that followed it."""
        found: dict[str, Response] = {}
        for row in self._records("responses.jsonl", Response):
            if row.id not in found or found[row.id].error is not None:
                found[row.id] = row
        return found

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
        from starprobe.bench.notebook import run_html

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
        path = self.path / name
        for number, row in enumerate(read_jsonl(path), start=1):
            try:
                yield kind.model_validate(row)
            except ValidationError as error:
                raise FolderError(f"{path}, line {number}: {first_error(error)}") from None


def chosen_reader(run: Run, asked: str | None = None) -> str:
    """The name of the reader whose verdicts count: the one rule for all stages.

    The one that is asked for; else the default reader; else the only one that has read the run.

    Raises:
        InputError: it has not read the run, nobody has, or several others have and none is asked
            for.
    """
    from starprobe.bench.readers import DEFAULT_CLASSIFIER

    there = run.verdict_names()
    if asked is None:
        asked = there[0] if len(there) == 1 else DEFAULT_CLASSIFIER
    if asked in there:
        return asked
    if there:
        raise InputError(
            f"{run.path} has no verdicts of {asked!r}; name one of its readers with --reader: "
            f"{', '.join(there)}"
        )
    raise InputError(f"{run.path} has no verdicts yet; run: starprobe classify {run.path}")


def first_error(error: ValidationError) -> str:
    """The first of pydantic's complaints in one line: field, what, and the value."""
    detail = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"]) or "the record"
    return f"{field}: {detail['msg']} (got {detail['input']!r:.80})"
