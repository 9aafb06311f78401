"""The training folder: the only module that knows its file names, and how each is read and kept.

config.json  questions.json  best  iteration_NNN/{samples.raw.jsonl, judgements.jsonl,
reasked.raw.jsonl, samples.jsonl, rationalized.raw.jsonl, rationalized.jsonl, train.jsonl,
training.json, adapter/, validation.raw.jsonl, validation.jsonl, metrics.json, DONE, test.raw.jsonl,
test.jsonl, pairs.jsonl, ranker/, best_of.raw.jsonl, best_of.json}  test.json  forgetting/
forgetting.json  merged/

Raw files and judgements are appended to, one row a generation or a vote; all others are replaced
whole; DONE comes last. checkpoints/ is in an iteration only while it is fine-tuned. iteration_000
holds the validation of the model before training.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from starprobe.bench.files import Appender, read_jsonl, write_atomic, write_json, write_jsonl
from starprobe.bench.judges.panel import Judgement, read_judgements
from starprobe.bench.models.local import fingerprint as folder_fingerprint
from starprobe.probes.errors import FolderError
from starprobe.probes.schema import Record
from starprobe.star.config import FREE, StarConfig, values
from starprobe.star.records import (
    BestOf,
    Exam,
    Forgetting,
    Generated,
    IterationMetrics,
    Sample,
    TrainingStats,
    TrainRow,
)

AnyRecord = TypeVar("AnyRecord", bound=Record)


def records(path: Path, kind: type[AnyRecord]) -> list[AnyRecord]:
    """The rows of one of our files; none where it is not there.

    Raises:
        FolderError: a row is not of this kind: the file was changed behind our back.
    """
    found = []
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            found.append(kind.model_validate(row))
        except ValidationError as error:
            raise FolderError(f"{path}, line {number}: {_first(error)}") from None
    return found


def whole_records(path: Path, kind: type[AnyRecord]) -> list[AnyRecord]:
    """The rows of a file that was written whole.

    Raises:
        FolderError: it was cut off, or a row is not of this kind.
    """
    with suppress(OSError), path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            raise FolderError(
                f"{path} is cut off: it was changed or the disk is damaged; remove it to have it "
                f"made again"
            )
    return records(path, kind)


def replace_folder(made: Path, target: Path) -> None:
    """Puts a finished folder in its place, whole; what stood there goes."""
    if target.exists():
        shutil.rmtree(target)
    made.rename(target)


def read_record(path: Path, kind: type[AnyRecord]) -> AnyRecord | None:
    """One of our JSON files; None where it is not there.

    Raises:
        FolderError: it is not of this kind.
    """
    if not path.exists():
        return None
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise FolderError(f"{path}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    detail: Any = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"]) or "the record"
    return f"{field}: {detail['msg']} (got {detail['input']!r:.80})"


SEALED = (
    "samples.jsonl",
    "rationalized.jsonl",
    "train.jsonl",
    "training.json",
    "validation.jsonl",
    "metrics.json",
    "adapter",
)
"""What no later stage writes to."""


class Seal(Record):
    """DONE: file or folder -> a fingerprint of what it holds."""

    files: dict[str, str]


def seal(folder: Path) -> Seal:
    """The seal of an iteration's folder as it is."""
    found = {name: fingerprint(folder / name) for name in SEALED}
    return Seal(files={name: digest for name, digest in found.items() if digest is not None})


def broken(folder: Path, files: Mapping[str, str]) -> str | None:
    """Which file was changed behind our back, and how; None where none was."""
    for name, digest in files.items():
        now = fingerprint(folder / name)
        if now != digest:
            return f"{folder / name} {'is gone' if now is None else 'was changed'}"
    return None


def fingerprint(path: Path) -> str | None:
    """Of a file or a folder of weights; None where it is not there."""
    if path.is_dir():
        return folder_fingerprint(path)
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class Splits(Record):
    """questions.json: which questions are trained on, held out, and removed, by id."""

    hash: str
    """Of the question set."""
    train: tuple[str, ...]
    validation: tuple[str, ...]
    removed: dict[str, str]
    """Left out, and why: a copy of a probe, twice in the file, ..."""
    test_hash: str | None = None
    """Of the test questions; None where there are none."""


class Iteration:
    """A handle on one iteration's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = int(path.name.rpartition("_")[2])

    @property
    def done(self) -> bool:
        """Whether all of it is there."""
        return (self.path / "DONE").exists()

    @property
    def adapter(self) -> Path:
        """The folder of the trained weights, loadable as `hf:FOLDER`; made whole or not at all."""
        return self.path / "adapter"

    def raw(self, kind: str) -> list[Generated]:
        """The generations so far, in the order they came, each id once."""
        rows = records(self.path / f"{kind}.raw.jsonl", Generated)
        return list({row.id: row for row in rows if row.error is None}.values())

    def raw_writer(self, kind: str) -> Appender:
        """Appends to the generations."""
        return Appender(self.path / f"{kind}.raw.jsonl")

    def has(self, name: str) -> bool:
        """Whether a file or folder of this iteration is there."""
        return (self.path / name).exists()

    def samples(self) -> list[Sample]:
        """Every sample with its fate."""
        return whole_records(self.path / "samples.jsonl", Sample)

    def rationalized(self) -> list[Sample]:
        """Every rationalization with its fate."""
        return whole_records(self.path / "rationalized.jsonl", Sample)

    def validation(self) -> list[Sample]:
        """The validation responses, read."""
        return whole_records(self.path / "validation.jsonl", Sample)

    def test(self) -> list[Sample]:
        """The responses to the test questions, read."""
        return whole_records(self.path / "test.jsonl", Sample)

    def pairs(self) -> list[TrainRow]:
        """What the ranker was trained on."""
        return whole_records(self.path / "pairs.jsonl", TrainRow)

    def best_of(self) -> BestOf | None:
        """What choosing among several samples comes to; None where it was not tried."""
        return read_record(self.path / "best_of.json", BestOf)

    def judgement_rows(self) -> Iterator[dict[str, Any]]:
        """The rows of judgements.jsonl, as `bench.judges` writes them."""
        return read_jsonl(self.path / "judgements.jsonl")

    def judgements(self) -> dict[str, Judgement]:
        """Judgement id -> its last row."""
        return read_judgements(self.judgement_rows())

    def judgement_writer(self) -> Appender:
        """Appends to the judgements."""
        return Appender(self.path / "judgements.jsonl")

    def train_rows(self) -> list[TrainRow]:
        """What was trained on."""
        return whole_records(self.path / "train.jsonl", TrainRow)

    def training(self) -> TrainingStats | None:
        """What fine-tuning saw; None before it ended."""
        return read_record(self.path / "training.json", TrainingStats)

    def metrics(self) -> IterationMetrics | None:
        """The numbers; None before they are there."""
        return read_record(self.path / "metrics.json", IterationMetrics)

    def write(self, name: str, value: BaseModel | Iterable[BaseModel]) -> None:
        """Replaces a JSON or JSON-lines file of this iteration."""
        if isinstance(value, BaseModel):
            write_json(self.path / name, value)
        else:
            write_jsonl(self.path / name, value)

    def finish(self) -> None:
        """Marks the iteration as whole, and takes down what its files hold."""
        write_json(self.path / "DONE", seal(self.path))

    def check(self) -> None:
        """Holds the files of a finished iteration against what they were.

        Raises:
            FolderError: one was changed or is gone.
        """
        done = self.path / "DONE"
        if not self.done or not done.stat().st_size:
            return
        sealed = read_record(done, Seal)
        reason = broken(self.path, sealed.files) if sealed else None
        if reason:
            raise FolderError(
                f"{reason} since the iteration was finished; put it back, or remove {done} to go "
                f"on with what is there (weights that are gone are trained again)"
            )


class Training:
    """A handle on a training folder."""

    def __init__(self, path: Path | str) -> None:
        """Opens a training that is there.

        Raises:
            FolderError: no training folder.
        """
        self.path = Path(path)
        config = read_record(self.path / "config.json", StarConfig)
        if config is None:
            raise FolderError(f"{self.path} is no training folder: it has no config.json")
        self.config = config

    @classmethod
    def create(cls, path: Path | str, config: StarConfig) -> Training:
        """A new training folder, or the one that is there if it is of the same configuration.

        Raises:
            FolderError: the folder holds something else.
        """
        path = Path(path)
        if (path / "config.json").exists():
            training = cls(path)
            training._check_same(config)
            return training
        if path.exists() and (not path.is_dir() or any(_visible(path))):
            raise FolderError(f"{path} is there and holds no training; name another --out folder")
        write_json(path / "config.json", config)
        return cls(path)

    def splits(self) -> Splits | None:
        """Which questions are trained on and held out; None before that was decided."""
        return read_record(self.path / "questions.json", Splits)

    def write_splits(self, splits: Splits) -> None:
        """Fixes them."""
        write_json(self.path / "questions.json", splits)

    def iteration(self, number: int) -> Iteration:
        """A handle on one iteration, there or not."""
        return Iteration(self.path / f"iteration_{number:03d}")

    def started(self) -> list[Iteration]:
        """The iterations that have a folder, in order."""
        return [Iteration(path) for path in sorted(self.path.glob("iteration_[0-9][0-9][0-9]"))]

    def iterations(self) -> list[IterationMetrics]:
        """The numbers of every finished iteration, the model before training (0) first."""
        found = [one.metrics() for one in self.started() if one.done]
        return [metrics for metrics in found if metrics is not None]

    def tested(self) -> Exam | None:
        """The numbers of the test; None before it was taken, or where there is none."""
        return read_record(self.path / "test.json", Exam)

    def write_tested(self, tested: Exam) -> None:
        """Keeps them."""
        write_json(self.path / "test.json", tested)

    @property
    def forgetting_folder(self) -> Path:
        """Where the runs and scores of the forgetting check are."""
        return self.path / "forgetting"

    def forgetting(self) -> Forgetting | None:
        """What was unlearnt; None before that was looked at."""
        return read_record(self.path / "forgetting.json", Forgetting)

    def write_forgetting(self, found: Forgetting) -> None:
        """Keeps it."""
        write_json(self.path / "forgetting.json", found)

    def samples(self, number: int) -> list[Sample]:
        """Every sample of an iteration with its fate."""
        return self.iteration(number).samples()

    @property
    def best(self) -> int | None:
        """The chosen iteration; None before one is finished, 0 where no training helped."""
        path = self.path / "best"
        if not path.exists():
            return None
        name = path.read_text(encoding="utf-8").strip()
        digits = name.removeprefix("iteration_")
        if not digits.isdigit():
            raise FolderError(f"{path} names no iteration: {name!r:.60}")
        return int(digits)

    def write_best(self, number: int) -> None:
        """Names the chosen iteration."""
        write_atomic(self.path / "best", f"iteration_{number:03d}\n")

    @property
    def best_adapter(self) -> Path | None:
        """The folder of the chosen weights; None where nothing was trained."""
        return self.iteration(self.best).adapter if self.best else None

    @property
    def model(self) -> str:
        """The chosen model as a name for `load_backend`; the base where nothing was trained."""
        best = self.best
        if not best:
            return self.config.model
        return f"hf:{self.iteration(best).adapter}"

    def __repr__(self) -> str:
        """One line: where, what, how far."""
        done = len([one for one in self.started() if one.done and one.number])
        return (
            f"Training({str(self.path)!r}: {self.config.model} on {self.config.questions}, preset "
            f"{self.config.preset}, {done} of {self.config.iterations} iterations, best "
            f"{self.best})"
        )

    def _check_same(self, config: StarConfig) -> None:
        # More iterations than before is how a finished training is gone on with; more of them
        # tested changes nothing that was done.
        old = values(self.config)
        for key, now in values(config).items():
            before = old[key]
            more = ("iterations", "evaluation.test_every", "evaluation.best_of")
            if key in FREE or (key in more and now >= before):
                continue
            if before != now:
                raise FolderError(
                    f"{self.path} belongs to another training (its {key} is {before!r}, yours "
                    f"{now!r}); name another --out folder"
                )
        if config != self.config:
            write_json(self.path / "config.json", config)
            self.config = config


def _visible(path: Path) -> Iterable[Path]:
    return (entry for entry in path.iterdir() if not entry.name.startswith("."))


Counter = Callable[[Sequence[Generated]], None]


class Spent(Record):
    """phases.json."""

    seconds: dict[str, float]
    tokens: dict[str, int]


class Phases:
    """What an iteration has cost so far."""

    def __init__(self, iteration: Iteration) -> None:
        self._path = iteration.path / "phases.json"
        stored = read_record(self._path, Spent) or Spent(seconds={}, tokens={})
        self.seconds = dict(stored.seconds)
        self.tokens = dict(stored.tokens)

    @contextmanager
    def timed(self, phase: str) -> Iterator[Counter]:
        """Adds the block's seconds, also where it is interrupted; yields a counter of tokens."""
        start = time.perf_counter()

        def count(rows: Sequence[Generated]) -> None:
            self.tokens[phase] = sum(row.tokens or 0 for row in rows)

        try:
            yield count
        finally:
            spent = time.perf_counter() - start
            self.seconds[phase] = round(self.seconds.get(phase, 0.0) + spent, 2)
            self._store()

    def count(self, phase: str, tokens: int) -> None:
        """Takes down the tokens of a phase."""
        self.tokens[phase] = tokens
        self._store()

    def _store(self) -> None:
        write_json(self._path, Spent(seconds=self.seconds, tokens=self.tokens))
