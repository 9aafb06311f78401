"""The loop on a model of two layers: what it writes, what it learns from, how it resumes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from starprobe.probes.errors import FolderError, InputError
from starprobe.star.config import StarConfig, make_config
from starprobe.star.folder import Training
from starprobe.star.loop import train, with_earlier

SMALL = {
    "iterations": 2, "samples": 2, "limit": 10, "validation": 4, "shots": 1, "steps": 2, "cap": 1,
    "train_batch_size": 2, "lora_r": 2, "lora_alpha": 4, "min_rows": 2, "device": "cpu",
    "arrives": False, "max_length": 2048, "filters": ("label_text", "duplicate"),
}  # fmt: skip


def small(model: Path, questions: Path, **changed: Any) -> StarConfig:
    return make_config(f"hf:{model}", str(questions), "rest", SMALL | changed)


def test_two_iterations_write_a_whole_training_folder(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    out = tmp_path / "training"
    training = train(small(tiny_model, numbers_file), out, load=tutor)
    done = training.iterations()
    assert [metrics.iteration for metrics in done] == [0, 1, 2]
    assert training.best in (1, 2)
    for number in (1, 2):
        folder = out / f"iteration_{number:03d}"
        assert (folder / "DONE").exists()
        assert (folder / "adapter" / "adapter_model.safetensors").exists()
        samples = training.samples(number)
        assert len(samples) == 20
        assert sum(done[number].reasons.values()) == done[number].sampled == 20
        kept = [one for one in samples if one.kept]
        hinted = [one for one in training.iteration(number).rationalized() if one.kept]
        rows = training.iteration(number).train_rows()
        assert sorted(row.id for row in rows) == sorted(one.id for one in [*kept, *hinted])
        assert hinted and all("(CORRECT)" not in row.prompt for row in rows)
        assert all(one.correct for one in kept)
    stats = done[1].training
    assert (
        stats is not None
        and stats.steps == 2
        and stats.rows == len(training.iteration(1).train_rows())
    )


def test_rows_of_earlier_rounds_are_trained_on_behind_the_newest_up_to_the_cap(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, earlier=True, cap=3)
    training = train(config, tmp_path / "training", load=tutor)
    first, second = (training.iteration(number).train_rows() for number in (1, 2))
    here = training.iteration(2)
    own = [one.id for one in (*here.samples(), *here.rationalized()) if one.kept]
    assert [row.id for row in second[: len(own)]] == own
    old = second[len(own) :]
    assert old and {row.id for row in old} <= {f"{row.id}@round1" for row in first}
    assert len({(row.question_id, row.completion) for row in second}) == len(second)
    rounds = Counter(row.question_id for row in second)
    assert max(rounds.values()) == 2  # One of each round.
    least = with_earlier([], training, 3, small(tiny_model, numbers_file, earlier=True, cap=1))
    assert {one.question_id for one in least} == set(rounds) and len(least) == len(rounds)
    assert {one.id.rpartition("@")[2] for one in least} == {"round2"}


def test_the_second_iteration_samples_from_the_trained_model_and_only_one_is_open(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    training = train(small(tiny_model, numbers_file), tmp_path / "training", load=tutor)
    names = [one.name for one in tutor.made]
    assert names[0] == f"hf:{tiny_model}"
    assert names[1] == f"hf:{training.iteration(1).adapter}"
    assert all(one.closed >= 1 for one in tutor.made)


def test_running_again_asks_nothing_anew_and_changes_nothing(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    out = tmp_path / "training"
    config = small(tiny_model, numbers_file, iterations=1)
    train(config, out, load=tutor)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    made = len(tutor.made)
    train(config, out, load=tutor)
    assert len(tutor.made) == made
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


class Killed(Exception):
    pass


def mortal(tutor: Any, after: int, named: str = "") -> Any:
    """A loader whose backends, of all models with `named` in their name, die at an answer."""
    left = [after]

    def load(name: str, options: Any) -> Any:
        backend = tutor(name, options)
        answer = backend.answer

        def answer_or_die(prompt: Any) -> str:
            left[0] -= named in name
            if left[0] == 0:
                raise Killed
            return str(answer(prompt))

        backend.answer = answer_or_die
        return backend

    return load


@pytest.mark.parametrize("after", [1, 7, 23, 29])
def test_a_loop_stopped_while_it_samples_goes_on_to_the_same_rows(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path, after: int
) -> None:
    config = small(tiny_model, numbers_file, iterations=1)
    whole = train(config, tmp_path / "whole", load=tutor)
    with pytest.raises(Killed):
        train(config, tmp_path / "cut", load=mortal(tutor, after))
    resumed = train(config, tmp_path / "cut", load=tutor)
    assert resumed.samples(1) == whole.samples(1)
    assert resumed.iteration(1).train_rows() == whole.iteration(1).train_rows()
    first, second = resumed.iterations()[1], whole.iterations()[1]
    same = {"seconds", "training"}
    assert first.model_dump(exclude=same) == second.model_dump(exclude=same)
    assert first.training is not None and second.training is not None
    assert first.training.losses == second.training.losses


def test_a_training_stopped_in_its_second_round_goes_on_under_another_path(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file)
    whole = train(config, tmp_path / "whole", load=tutor)
    with pytest.raises(Killed):
        # Of the first round's weights, four validation questions come first.
        train(config, tmp_path / "cut", load=mortal(tutor, 10, "adapter"))
    assert 0 < len(Training(tmp_path / "cut").iteration(2).raw("samples")) < 20
    (tmp_path / "cut").rename(tmp_path / "elsewhere")
    resumed = train(config, tmp_path / "elsewhere", load=tutor)
    assert resumed.iteration(2).train_rows() == whole.iteration(2).train_rows()
    first, second = (one.iterations()[2].training for one in (resumed, whole))
    assert first is not None and second is not None and first.losses == second.losses


def test_no_more_samples_of_a_question_are_drawn_once_enough_are_right(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    changes = {"samples": 3, "enough": 1, "iterations": 1}
    training = train(small(tiny_model, numbers_file, **changes), tmp_path / "t", load=tutor)
    drawn = Counter(one.question_id for one in training.samples(1))
    right = {one.question_id for one in training.samples(1) if one.correct}
    assert {drawn[name] for name in right} == {1}
    assert {drawn[name] for name in drawn if name not in right} == {3}
    assert 0 < len(right) < len(drawn) == 10


def test_a_folder_of_another_configuration_is_refused_in_one_line(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    train(small(tiny_model, numbers_file, iterations=1), tmp_path / "t", load=tutor)
    with pytest.raises(FolderError, match="its seed is 0, yours 1"):
        train(small(tiny_model, numbers_file, seed=1), tmp_path / "t", load=tutor)


def test_changed_questions_are_refused(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, iterations=1)
    train(config, tmp_path / "t", load=tutor)
    (tmp_path / "t" / "iteration_001" / "DONE").unlink()
    (tmp_path / "t" / "iteration_001" / "validation.jsonl").unlink()
    lines = numbers_file.read_text().splitlines(keepends=True)
    numbers_file.write_text("".join(lines[:-1]))
    with pytest.raises(FolderError, match="is not what"):
        train(config, tmp_path / "t", load=tutor)


def test_too_few_rows_are_not_trained_on(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"kept \d+ rows, fewer than min_rows=99"):
        train(small(tiny_model, numbers_file, min_rows=99), tmp_path / "t", load=tutor)
    assert not (tmp_path / "t" / "iteration_001" / "adapter").exists()


def test_the_direct_control_trains_on_the_answer_alone(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, method="direct", iterations=1, validation=0)
    training = train(config, tmp_path / "t", load=tutor)
    rows = training.iteration(1).train_rows()
    assert len(rows) == 10
    assert all(row.completion.startswith("The answer is (") for row in rows)


def test_the_base_control_trains_nothing(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    training = train(small(tiny_model, numbers_file, method="base"), tmp_path / "t", load=tutor)
    assert training.best == 0 and training.model == f"hf:{tiny_model}"
    assert [metrics.iteration for metrics in training.iterations()] == [0]


def test_a_model_behind_a_server_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be trained"):
        train(make_config("openai:gpt-4o", "numbers:train"), tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_training_opens_by_its_path(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, iterations=1)
    train(config, tmp_path / "t", load=tutor)
    training = Training(tmp_path / "t")
    assert training.config == config
    assert training.best_adapter == training.iteration(1).adapter


@pytest.mark.slow
def test_pairs_are_trained_on_after_the_kept_rows(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    def wavering(name: str, options: Any) -> Any:
        backend = tutor(name, options)
        answer, turn = backend.answer, [0]

        def now_right_now_wrong(prompt: Any) -> str:
            turn[0] += 1
            if turn[0] % 2:
                return str(answer(prompt.model_copy(update={"hinted_id": prompt.answer_id})))
            wrong = next(one for one in prompt.shown if one.option_id != prompt.answer_id)
            return f"The answer is ({wrong.label}) {wrong.text}."

        backend.answer = now_right_now_wrong
        return backend

    config = small(tiny_model, numbers_file, iterations=1, pairs=True, validation=0, merge=True)
    training = train(config, tmp_path / "t", load=wavering)
    rows = training.iteration(1).train_rows()
    assert rows and all(row.rejected for row in rows)
    weights = training.iteration(1).adapter / "adapter_model.safetensors"
    from safetensors.torch import load_file

    assert not any(".ref." in name for name in load_file(weights))
    from starprobe.bench.models import BackendOptions, load_backend

    merged = load_backend(f"hf:{tmp_path / 't' / 'merged'}", BackendOptions(device="cpu"))
    apart = load_backend(training.model, BackendOptions(device="cpu"))
    pair = [("The answer is", " (A) 5.")]
    assert merged.loglikelihoods(pair) == pytest.approx(apart.loglikelihoods(pair), abs=1e-3)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "stage",
    [
        "starprobe.star.tuning.finetune.save",
        "starprobe.star.tuning.finetune._stats",
        "starprobe.star.evaluate.ask_validation",
    ],
)
def test_a_loop_stopped_while_it_trains_goes_on_to_the_same_weights(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, stage: str,
) -> None:  # fmt: skip
    from safetensors.torch import load_file

    config = small(tiny_model, numbers_file, iterations=1)
    whole = train(config, tmp_path / "whole", load=tutor)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if stage == "starprobe.star.evaluate.ask_validation":
            train(config.model_copy(update={"method": "base"}), tmp_path / "base", load=tutor)
            (tmp_path / "cut").mkdir()
            (tmp_path / "base" / "iteration_000").rename(tmp_path / "cut" / "iteration_000")
            (tmp_path / "cut" / "config.json").write_text(config.model_dump_json())
        patch.setattr(stage, die)
        with pytest.raises(Killed):
            train(config, tmp_path / "cut", load=tutor)
    resumed = train(config, tmp_path / "cut", load=tutor)
    first, second = (
        load_file(one.iteration(1).adapter / "adapter_model.safetensors")
        for one in (whole, resumed)
    )
    assert first.keys() == second.keys()
    assert all(bool((first[name] == second[name]).all()) for name in first)
