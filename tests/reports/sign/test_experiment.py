"""Experiments as configured: one budget for all arms, ready ones that fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.files import write_json
from starprobe.probes.errors import InputError
from starprobe.reports.sign.run import (
    SHARED,
    arm_config,
    find,
    load_experiment,
    ready,
    star_arms,
    units,
    what_is_done,
)
from starprobe.star.config import values

ARMS = '[arms.star]\npreset = "rest"\n[arms.direct]\npreset = "direct"\n'
TOP = 'model = "smollm2"\nquestions = "numbers:train:n=50"\nseeds = [0, 1]\n'
TRAINING = "[training]\nsteps = 10\nlimit = 20\nvalidation = 0\nmax_tokens = 50\n"


LEARNT = {"presets", "presets-commonsense", "learning", "learning-harder"}
"""Experiments on what is learnt, not on the sign."""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", sorted(ready()))
def test_a_ready_experiment_gives_every_arm_one_budget_and_says_what_it_trains(name: str) -> None:
    experiment = load_experiment(name)
    first, *others = [arm_config(experiment, arm, 7) for arm in experiment.arms]
    for other in others:
        assert {key: values(other)[key] for key in SHARED} == {
            key: values(first)[key] for key in SHARED
        }
    signs = {"star_paper", "star_option_by_option"}
    assert star_arms(experiment) and (name in LEARNT or signs <= set(star_arms(experiment)))
    trainings = len(experiment.arms) * len(experiment.seeds)
    assert f"= {trainings} trainings of " in what_is_done(experiment)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TOP + TRAINING.replace("steps = 10\n", "") + ARMS, "needs steps"),
        (
            TOP + TRAINING + ARMS + "learning_rate = 1e-3\n",
            "star and direct differ in training.learning_ra",
        ),
        (TOP + TRAINING + "step_growth = 1.2\n" + ARMS, "step_growth=1"),
        (TOP + TRAINING + '[arms.base]\npreset = "direct"\n', "made by itself"),
        (TOP + TRAINING + ARMS + '[arms.none]\npreset = "base"\n', "trains nothing"),
        (TOP + TRAINING + '[arms.direct]\npreset = "direct"\n', "no arm with method=star"),
        (TOP + TRAINING + '[arms."a/b"]\npreset = "rest"\n', "letters, digits and _"),
        (TOP + TRAINING + ARMS + "sampels = 3\n", "did you mean"),
        (TOP + TRAINING + 'model = "x"\n' + ARMS, "stands at the top"),
        (TOP.replace("[0, 1]", "[1, 1]") + TRAINING + ARMS, "a seed is there twice"),
        (TOP.replace("seeds", "seed") + TRAINING + ARMS, "field 'seed'"),
        (TOP + "x = [", "not valid TOML"),
    ],
)
def test_what_does_not_fit_is_one_line_before_anything_starts(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(InputError, match=says.replace("[", r"\[")) as error:
        load_experiment(written(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named_with_the_ready_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read .*ready ones are gemma-2-2b"):
        load_experiment("nowhere.toml")
    with pytest.raises(InputError, match=r"gone.toml cannot be read"):
        load_experiment(written(tmp_path, 'extends = "gone.toml"\n'))


def test_a_file_extends_a_ready_one_table_by_table(tmp_path: Path) -> None:
    text = 'extends = "smollm2"\nseeds = [5]\n[training]\nlimit = 9\n'
    experiment = load_experiment(written(tmp_path, text), {"questions": "numbers:train:n=40"})
    assert experiment.seeds == (5,) and experiment.questions == "numbers:train:n=40"
    config: Any = arm_config(experiment, "star_paper", 5)
    whole = arm_config(load_experiment("smollm2"), "star_paper", 5)
    assert (
        config.limit == 9
        and config.training.steps == whole.training.steps
        and config.style == "paper"
    )


def test_seeds_come_one_after_another_so_that_early_parts_compare() -> None:
    names = [unit.name for unit in units(load_experiment("smollm2"))]
    assert names[:2] == ["base", "prompted"]
    seeds = [name.rpartition("_")[2] for name in names[2:]]
    assert len(set(seeds)) > 1 and seeds == sorted(seeds, key=int)


def test_a_part_that_is_not_of_the_experiment_is_an_error(tmp_path: Path) -> None:
    write_json(tmp_path / "experiment.json", load_experiment("smollm2"))
    assert find(tmp_path, "star_paper/seed_1").star is not None
    (model,) = find(tmp_path, "base").asked.models
    assert model.endswith("smollm2")
    with pytest.raises(InputError, match="no part 'star_paper/seed_9'"):
        find(tmp_path, "star_paper/seed_9")
