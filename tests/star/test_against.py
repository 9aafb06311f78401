"""A training beside its controls: one test for all, the same steps, and a table that resumes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from starprobe.probes.errors import InputError
from starprobe.star.config import StarConfig
from starprobe.star.experiments.against import (
    Against,
    against_table,
    control,
    standings,
    train_against,
)
from starprobe.star.folder import Training
from starprobe.star.loop import train
from tests.star.test_loop import small
from tests.star.test_measure import sample


@pytest.mark.slow
def test_a_training_is_held_against_its_controls_on_one_test_with_as_many_steps(
    tiny_model: Path,
    numbers_file: Path,
    exam: Path,
    learner: Any,
    tmp_path: Path,
) -> None:
    config = small(tiny_model, numbers_file, test=str(exam), iterations=1)
    out, trained = tmp_path / "t", []

    def run(one: StarConfig, folder: Path) -> Training:
        trained.append((one.method, one.seed, folder.relative_to(out).as_posix()))
        return train(one, folder, load=learner)

    found = train_against(config, out, ["few_shot", "direct"], 2, run)
    assert trained == [
        ("star", 0, "."), ("base", 0, "against/few_shot/seed_0"),
        ("direct", 0, "against/direct/seed_0"), ("star", 1, "against/trained/seed_1"),
        ("base", 1, "against/few_shot/seed_1"), ("direct", 1, "against/direct/seed_1"),
    ]  # fmt: skip
    assert found.steps["direct/0"] == found.steps["trained/0"] > 0 == found.steps["few_shot/0"]
    right = {row.name: row for row in found.rows if row.metric == "accuracy"}
    assert list(right) == ["trained", "base", "few_shot", "direct"]
    assert right["trained"].seeds == {"0": 1.0, "1": 1.0} and right["trained"].questions == 30
    base = right["base"]
    assert list(base.seeds) == ["0"] and 0 < base.value < 1
    assert base.gain == pytest.approx(1 - base.value) and base.p is not None and base.p < 0.01
    assert right["direct"].gain == 0 and right["direct"].p == 1
    stored = Against.model_validate_json((out / "against" / "controls.json").read_bytes())
    assert stored == found
    asked = len(learner.prompts)
    assert train_against(config, out, ["few_shot", "direct"], 2, run) == found
    assert len(learner.prompts) == asked
    console = Console(width=200)
    with console.capture() as shown:
        console.print(against_table(found))
    assert "trained models are ahead by" in shown.get() and "few_shot" in shown.get()


def test_the_base_of_the_control_few_shot_is_shown_the_worked_examples(
    tiny_model: Path,
    numbers_file: Path,
    exam: Path,
    learner: Any,
    tmp_path: Path,
) -> None:
    config = small(tiny_model, numbers_file, test=str(exam))
    made = train(control(config, "few_shot", 0, 7), tmp_path / "t", load=learner)
    assert made.config.method == "base" and made.config.training.few_shot_in_training
    assert {one.prompt_id.rpartition("|")[2] for one in made.iteration(0).test()} == {
        f"{config.sampling.shots}-shot"
    }


def test_what_cannot_be_held_against_anything_is_refused_before_it_begins(tmp_path: Path) -> None:
    from starprobe.star.config import make_config

    def never(config: StarConfig, folder: Path) -> Training:
        raise AssertionError(folder)

    plain = make_config("smollm2", "numbers:train")
    tested = make_config("smollm2", "numbers:train", overrides={"test": "numbers:test"})
    direct = make_config("smollm2", "numbers:train", "direct", {"test": "numbers:test"})
    for config, names, says in (
        (plain, ["direct"], "--set test="),
        (tested, ["dirct"], "no such control"),
        (direct, ["few_shot"], "method=star"),
    ):
        with pytest.raises(InputError, match=says):
            train_against(config, tmp_path / "t", names, 1, never)


def test_gains_are_of_the_same_questions_whatever_their_order() -> None:
    def answers(right: str, order: int) -> list[Any]:
        rows = [sample(f"q{name}#t", correct=name in right) for name in "abcdef"]
        return rows[order:] + rows[:order]

    found = {"trained": {"0": answers("abcd", 2)}, "base": {"0": answers("ab", 0)}}
    row = next(one for one in standings(found) if one.name == "base" and one.metric == "accuracy")
    changes = np.array([0, 0, 1, 1, 0, 0])
    assert row.gain == pytest.approx(changes.mean())
    turned = {"trained": {"0": answers("abcd", 0)}, "base": {"0": answers("ab", 3)}}
    assert standings(turned) == standings(found)
