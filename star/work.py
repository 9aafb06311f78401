"""What every stage of a training shares: its folder, its questions, and the model that samples.

One model is in memory at a time; only generations that are missing are made, and each is appended
to its file as it comes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from starprobe.bench.ask import ask_missing
from starprobe.bench.models import BackendOptions, load_backend, parse_model, vllm
from starprobe.bench.models.backend import Backend, Request, generate
from starprobe.bench.models.local import EMBEDDED, embedded_folder, gguf_folder
from starprobe.bench.models.worker import DIED
from starprobe.bench.progress import Counting
from starprobe.bench.readers import DEFAULT_READER, Reader, load_reader
from starprobe.probes.errors import FolderError, InputError, MissingError
from starprobe.probes.schema import ProbeSet, Question
from starprobe.star.config import StarConfig
from starprobe.star.filters import Read, read_all
from starprobe.star.folder import Iteration, Splits, Training
from starprobe.star.measure import solved_questions
from starprobe.star.questions import held_back, load_questions, splits_of
from starprobe.star.records import Generated
from starprobe.star.verify import load_verifier

BackendLoader = Callable[[str, BackendOptions], Backend]
TRAINABLE = ("hf", "vllm")
"""Backends whose names are weights that can be trained."""


def base_weights(model: str) -> str:
    """What `from_pretrained` takes for a model's name: a folder, or a hub name.

    Raises:
        InputError: a model behind a server, whose weights are not ours to train.
    """
    parsed = parse_model(model)
    if parsed.backend not in TRAINABLE or parsed.url is not None:
        raise InputError(
            f"{model!r} cannot be trained: only weights on this machine can; name it "
            f"hf:NAME, hf:FOLDER or smollm2"
        )
    if parsed.name in EMBEDDED:
        return str(embedded_folder(parsed.name))
    path = Path(parsed.name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return str(gguf_folder(path))
    if (path / "adapter_config.json").is_file():
        raise InputError(f"{model!r} is an adapter; merge it into its base first, then train that")
    return str(path) if path.is_dir() else parsed.name


def sampling_backend(config: StarConfig) -> str:
    """What samples: as the configuration says, else vLLM where it can run here."""
    named = config.machine.backend or parse_model(config.model).backend
    if not config.machine.backend and named == "hf" and vllm.usable(config.machine.device):
        return "vllm"
    return named


def sampling_name(config: StarConfig, weights: Path | None) -> str:
    """The backend's name for the model that samples: the base, or trained weights.

    Raises:
        InputError: the configuration's backend cannot serve weights of this machine.
    """
    parsed = parse_model(config.model)
    backend = sampling_backend(config)
    if backend not in TRAINABLE:
        raise InputError(f"backend={backend} cannot serve trained weights; take hf or vllm")
    if weights is not None:
        return f"{backend}:{weights}"
    if backend == parsed.backend:
        return config.model
    return f"{backend}:{parsed.name}"


class Models:
    """Keeps the backend that was asked for last; the one before is closed first."""

    def __init__(self, config: StarConfig, load: BackendLoader = load_backend) -> None:
        self._config = config
        self._load = load
        self._name: str | None = None
        self._backend: Backend | None = None

    def get(self, weights: Path | None) -> Backend:
        """The backend that serves these weights; the base model for None."""
        name = sampling_name(self._config, weights)
        if self._config.engine and sampling_backend(self._config) != "vllm":
            raise InputError("engine.* are options of vLLM, which does not sample here")
        if self._backend is None or name != self._name:
            self.close()
            self._backend = self._load(name, self._options(weights))
            self._name = name
        return self._backend

    def close(self) -> None:
        """Frees the memory of whatever is loaded."""
        if self._backend is not None:
            self._backend.close()
            self._backend, self._name = None, None
            gc.collect()

    def _options(self, weights: Path | None) -> BackendOptions:
        config = self._config
        is_adapter = weights is not None and (weights / "adapter_config.json").exists()
        return BackendOptions(
            batch_size=config.machine.batch_size,
            dtype=config.machine.dtype,
            device=config.machine.device,
            workers=config.machine.sampling_workers,
            base_model=parse_model(config.model).name if is_adapter else None,
            engine=config.engine,
        )


MAX_ERRORS = 0.5
"""A larger share of failed requests is no accident: the loop stops instead of going on."""


class Work:
    """One training folder being worked on."""

    def __init__(self, training: Training, models: Models, watcher: Counting) -> None:
        self.training = training
        self.config = training.config
        self.models = models
        self.watcher = watcher
        self.verifiers = [load_verifier(name) for name in training.config.selection.verify]

    @cached_property
    def classifier(self) -> Reader:
        """What reads the responses."""
        return load_reader(DEFAULT_READER)

    @cached_property
    def questions(self) -> dict[str, Question]:
        """Id -> question, of all questions of the set."""
        return {one.id: one for one in self._probe_set.questions}

    @cached_property
    def splits(self) -> Splits:
        """Which are trained on and which are held out; decided once.

        Raises:
            FolderError: the questions changed since.
        """
        stored, _ = self.training.splits(), self.test
        if stored is None:
            stored = splits_of(self.config)
            self.training.write_splits(stored)
        elif stored.hash != self._probe_set.hash:
            raise FolderError(
                f"{self.config.questions} is not what {self.training.path} was begun with (hash "
                f"{self._probe_set.hash}, then {stored.hash}); name another --out folder"
            )
        return stored

    @cached_property
    def test(self) -> ProbeSet | None:
        """The questions that are asked after the choice; None where there are none.

        Raises:
            FolderError: they changed since training began: it was not held against these.
        """
        found, stored = held_back(self.config), self.training.splits()
        now = found.hash if found else None
        if stored is not None and stored.test_hash != now:
            raise FolderError(
                f"test={self.config.evaluation.test} is not what {self.training.path} was begun "
                f"with (hash {now}, then {stored.test_hash}); name another --out folder"
            )
        return found

    @cached_property
    def _probe_set(self) -> ProbeSet:
        return load_questions(self.config)

    def backend(self, weights: Path | None) -> Backend:
        """The backend that serves these weights; the base model for None.

        An engine starts in a process of its own, mostly on one core: the reader loads meanwhile.
        """
        if sampling_backend(self.config) != "vllm":
            return self.models.get(weights)
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(self.models.get, weights)
            _ = self.classifier
            return loading.result()

    def sampler(self, number: int) -> Backend:
        """The model that samples in this iteration: that of the one before."""
        return self.backend(self.training.iteration(number - 1).adapter if number > 1 else None)

    def generate(
        self, iteration: Iteration, kind: str, asked: Sequence[tuple[Generated, Request]]
    ) -> list[Generated]:
        """The generations of this iteration's sampling model."""
        backend = self.sampler(iteration.number)
        return generate_missing(iteration, kind, asked, backend, self.watcher)

    def reads(
        self, rows: Sequence[Generated], questions: Mapping[str, Question] | None = None
    ) -> list[Read]:
        """Each generation as bench's reader reads it.

        Args:
            rows: generations.
            questions: theirs, by id; those of the training where none are given. Which side the
                reasons take is found out for these alone, where a filter asks.
        """
        sides = questions is None and "contradiction" in self.config.selection.filters
        own = self.questions if questions is None else questions
        return read_all(rows, own, self.classifier, self.verifiers, sides)

    def solved_in(self, number: int) -> frozenset[str]:
        """The questions that an iteration solved without a hint."""
        return solved_questions(self.training.samples(number))


def generate_missing(
    iteration: Iteration,
    kind: str,
    asked: Sequence[tuple[Generated, Request]],
    backend: Backend,
    watcher: Counting,
) -> list[Generated]:
    """All responses asked for, in the order asked; only those not yet in their file are made.

    Raises:
        MissingError: most requests failed, so that the model is not there or not well; or its
            process died, and what it owed was not made.
    """
    there = {row.id: row for row in iteration.raw(kind)}

    def make(
        missing: dict[str, tuple[Generated, Request]],
    ) -> Iterator[tuple[str, list[Generated]]]:
        model = backend.info().name
        for name, made in generate(backend, [request for _, request in missing.values()]):
            if made.error is not None and made.error.kind == DIED:
                raise MissingError(
                    f"{made.error.message}; run the same command again when that is cured: "
                    f"what was made is kept"
                )
            yield name, [missing[name][0].model_copy(update={**dict(made), "model": model})]

    wanted = {row.id: (row, request) for row, request in asked}
    with iteration.raw_writer(kind) as writer:

        def keep(rows: Sequence[Generated]) -> None:
            writer.append(rows)
            there.update({row.id: row for row in rows})

        ask_missing(wanted, dict(there), make, keep, watcher, kind, MAX_ERRORS)
    return [there[name] for name in wanted if name in there]
