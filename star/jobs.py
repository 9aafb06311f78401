"""One fine-tune to be done: what from, what with, and where the weights go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from starprobe.bench.files import dump_line
from starprobe.probes.schema import Record
from starprobe.star.config import StarConfig
from starprobe.star.records import TrainRow


class Job(Record):
    """Everything that decides the weights."""

    rows: Path
    """An iteration's train.jsonl."""
    base: str
    """What `from_pretrained` takes."""
    config: StarConfig
    iteration: int
    """From 1; steps and seed go by it."""
    target: Path
    """The folder of the adapter, or of the model where all weights are trained."""
    previous: Path | None = None
    """Weights of the iteration before, to go on from instead of the base."""

    @property
    def seed(self) -> int:
        """Of this iteration's training."""
        return self.config.seed + self.iteration

    @property
    def snapshots(self) -> Path:
        """Where the state of a fine-tune under way is kept, beside its target."""
        return self.target.parent / "checkpoints"

    def fingerprint(self, rows: Iterable[TrainRow]) -> str:
        """Of what is trained on and how: a snapshot of anything else is not gone on from."""
        how = self.config.model_dump_json(exclude=_FREE)
        digest = hashlib.sha256(f"{how}|{self.base}|{self.iteration}".encode())
        for row in rows:
            digest.update(dump_line(row))
        return digest.hexdigest()[:16]


_FREE = {"iterations", "checkpoint_minutes"}
"""Fields whose change does not make a snapshot another fine-tune's."""
