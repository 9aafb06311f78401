"""What the arms of an experiment learnt, from answers whose truth is known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from starprobe.bench.files import write_atomic
from starprobe.probes.errors import InputError
from starprobe.reports.sign.learnt import cells_of, gains, rates
from starprobe.reports.sign.run import done, load_experiment, units


def answers(arms: dict[str, list[list[float]]]) -> pd.DataFrame:
    """Rows of checkpoints by questions: 1 right, 0 wrong, -1 not answered."""
    rows = [
        (name, f"seed_{seed}", f"q{place}", float(value == 1), float(value >= 0))
        for name, seeds in arms.items()
        for seed, values in enumerate(seeds)
        for place, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["arm", "checkpoint", "question_id", "right", "answered"])


def test_no_answer_is_not_right_and_rates_keep_the_seeds_apart() -> None:
    rows = answers({"base": [[1, -1, -1, 0]], "star": [[1, 1, 0, 0], [1, 1, 1, 0]]})
    base, star = rates(cells_of(rows, "right"), cells_of(rows, "answered"))
    assert (base.right, base.answered, base.right_of_answered) == (0.25, 0.5, 0.5)
    assert star.by_checkpoint == (0.5, 0.75) and star.right == 0.625
    assert (star.checkpoints, star.questions, star.answered) == (2, 4, 1.0)
    assert star.low is not None and star.high is not None and star.low < 0.625 < star.high


def test_an_arm_that_never_answers_has_no_share_right_among_answers() -> None:
    rows = answers({"mute": [[-1, -1, -1]]})
    (mute,) = rates(cells_of(rows, "right"), cells_of(rows, "answered"))
    assert mute.right_of_answered is None and mute.right == 0


def test_gains_are_adjusted_over_the_arms_held_against_the_same_one() -> None:
    rng = np.random.default_rng(0)
    right = {
        name: (rng.random((3, 80)) < share).astype(float)
        for name, share in {"base": 0.1, "one": 0.5, "two": 0.6, "same": 0.1}.items()
    }
    found = {gain.arm: gain for gain in gains(right, ["base"])}
    assert set(found) == {"one", "two", "same"}
    assert found["one"].value == pytest.approx(right["one"].mean() - right["base"].mean())
    assert found["two"].p_adjusted < 0.05 < found["same"].p_adjusted
    assert all(gain.p_adjusted >= gain.p for gain in found.values())
    with pytest.raises(InputError, match="no such arm; there are base, one, two, same"):
        gains(right, ["none"])


def test_a_part_done_before_a_setting_existed_is_done_with_its_default(tmp_path: Path) -> None:
    unit = next(unit for unit in units(load_experiment("smollm2")) if unit.star)
    assert unit.star is not None and not done(unit, tmp_path)
    path = tmp_path / unit.name / "DONE"
    path.parent.mkdir(parents=True)
    older = unit.model_dump(mode="json")
    older["star"]["machine"].pop("sampling_workers")
    write_atomic(path, unit.model_validate(older).model_dump_json(exclude_unset=True))
    assert "sampling_workers" not in path.read_text() and done(unit, tmp_path)
    write_atomic(path, unit.model_copy(update={"arm": "other"}).model_dump_json())
    assert not done(unit, tmp_path)
    write_atomic(path, "{}")
    assert not done(unit, tmp_path)


def test_a_folder_that_is_no_experiment_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "starprobe.reports.sign.learnt", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2 and found.stderr.count("\n") == 1
    assert "is no experiment: it has no experiment.json" in found.stderr
