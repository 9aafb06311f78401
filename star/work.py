"""What every stage of a training shares: its folder, its questions, and the model that samples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from starprobe.bench.models.base import Backend, Request
from starprobe.bench.readers import DEFAULT_CLASSIFIER, load_classifier
from starprobe.probes.errors import FolderError
from starprobe.probes.loading import load_probe_set
from starprobe.probes.schema import ProbeSet, Question
from starprobe.star.folder import Iteration, Splits, Training
from starprobe.star.measure import solved_questions
from starprobe.star.models import Models
from starprobe.star.questions import held_back, split
from starprobe.star.read import Read, read
from starprobe.star.records import Generated
from starprobe.star.sampling import Watcher, generate_missing


class Work:
    """One training folder being worked on."""

    def __init__(self, training: Training, models: Models, watcher: Watcher) -> None:
        self.training = training
        self.config = training.config
        self.models = models
        self.watcher = watcher
        self.classifier = load_classifier(DEFAULT_CLASSIFIER)

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
        stored, test = self.training.splits(), self.test
        if stored is None:
            barred = [load_probe_set(name) for name in self.config.evaluation.decontaminate]
            barred += [test] if test else []
            stored = split(self._probe_set, barred, self.config, test)
            self.training.write_splits(stored)
            if stored.removed:
                self.watcher.say(f"{len(stored.removed)} questions left out: see questions.json")
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
        return load_probe_set(self.config.questions)

    def sampler(self, number: int) -> Backend:
        """The model that samples in this iteration: that of the one before."""
        weights = self.training.iteration(number - 1).adapter if number > 1 else None
        return self.models.get(weights)

    def generate(
        self, iteration: Iteration, kind: str, asked: Sequence[tuple[Generated, Request]]
    ) -> list[Generated]:
        """The generations of this iteration's sampling model."""
        backend = self.sampler(iteration.number)
        return generate_missing(iteration, kind, asked, backend, self.watcher)

    def reads(self, rows: Sequence[Generated]) -> list[Read]:
        """Each generation as bench's reader reads it."""
        return [read(row, self.questions[row.question_id], self.classifier) for row in rows]

    def solved_in(self, number: int) -> frozenset[str]:
        """The questions that an iteration solved without a hint."""
        return solved_questions(self.training.samples(number))
