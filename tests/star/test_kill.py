"""kill -9 at random moments of whole trainings, each time resumed: nothing lost or doubled."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from starprobe.star.folder import Training
from tests.star.forked import Nursery

KILLS = 20
SETTINGS = {"checkpoint_minutes": 0, "steps": 4}


@pytest.mark.slow
def test_trainings_killed_twenty_times_end_as_an_undisturbed_one(
    tiny_model: Path, numbers_file: Path, tmp_path: Path
) -> None:
    rng = random.Random(5)
    with Nursery(tiny_model, numbers_file, SETTINGS, pause=0.02) as nursery:
        whole = nursery.train(tmp_path / "whole")
        assert (whole["code"], whole["said"]) == (0, "")
        kills, ended = 0, 0
        while kills < KILLS or ended == 0:
            limit = rng.uniform(0.02, 0.6) * whole["seconds"] if kills < KILLS else None
            found = nursery.train(tmp_path / f"cut{ended}", kill=limit)
            assert found["killed"] or found["code"] == 0, found["said"]
            kills += found["killed"]
            if not found["killed"]:
                assert_same(tmp_path / "whole", tmp_path / f"cut{ended}")
                ended += 1
        # The one that the last kill left.
        found = nursery.train(tmp_path / f"cut{ended}")
        assert found["code"] == 0, found["said"]
        assert_same(tmp_path / "whole", tmp_path / f"cut{ended}")


def assert_same(one: Path, other: Path) -> None:
    """Two folders of the same training hold the same, however often one was killed."""
    whole, cut = Training(one), Training(other)
    assert [metrics.iteration for metrics in cut.iterations()] == [0, 1, 2]
    assert cut.best == whole.best
    times = {"seconds", "training"}
    for before, after in zip(whole.iterations(), cut.iterations(), strict=True):
        assert after.model_dump(exclude=times) == before.model_dump(exclude=times)
    for number in (1, 2):
        first, second = whole.iteration(number), cut.iteration(number)
        assert second.samples() == first.samples()
        assert second.rationalized() == first.rationalized()
        assert second.train_rows() == first.train_rows()
        for kind in ("samples", "rationalized", "validation"):
            ids = [row.id for row in second.raw(kind)]
            lines = (second.path / f"{kind}.raw.jsonl").read_text().splitlines()
            assert len(ids) == len(set(ids)) == len(lines)
        trained, again = first.training(), second.training()
        assert trained is not None and again is not None
        assert (again.losses, again.tokens, again.steps) == (
            trained.losses, trained.tokens, trained.steps,
        )  # fmt: skip
        weights = [one.adapter / "adapter_model.safetensors" for one in (first, second)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
        assert not (second.path / "checkpoints").exists()
        assert not (second.path / ".adapter.new").exists()
