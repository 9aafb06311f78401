"""A fine-tune: its order of rows, what a kill leaves, several processes, what it tells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.progress import Silent
from starprobe.probes.errors import InputError, MissingError
from starprobe.star.config import StarConfig, make_config
from starprobe.star.records import Job, TrainRow
from starprobe.star.tuning.finetune import curve, finetune, row_order, step_count
from starprobe.star.tuning.weights import Mark, keep, last_whole

LONG = {
    "steps": 6, "step_growth": 1, "train_batch_size": 4, "lora_r": 2, "lora_alpha": 4,
    "device": "cpu", "checkpoint_minutes": 0, "lora_dropout": 0.2, "learning_rate": 1e-2,
}  # fmt: skip


class Notes(Silent):
    """Keeps what it is told, and may end the fine-tune at a step."""

    def __init__(self, die_at: int | None = None) -> None:
        self.started: list[tuple[str, int, int]] = []
        self.steps, self.tokens, self.die_at = 0, 0, die_at
        self.noted: list[str] = []

    def start(self, phase: str, total: int, done: int = 0) -> None:
        self.started.append((phase, total, done))

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        self.steps += count
        self.tokens += tokens
        if self.steps == self.die_at:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.noted.append(text)


def config_of(model: Path, **changed: Any) -> StarConfig:
    return make_config(f"hf:{model}", "numbers:train", "rest", LONG | changed)


@pytest.fixture
def job(tiny_model: Path, tmp_path: Path) -> Callable[..., Job]:
    """Makes jobs over eleven rows of different lengths, each in a folder of its own."""

    def make(name: str, **changed: Any) -> Job:
        folder = tmp_path / name
        folder.mkdir()
        rows = [
            TrainRow(
                id=f"q{i}", question_id=f"q{i}", source="sampled",
                prompt=f"<|user|>\nWhich is largest: {'9 ' * i}</s>\n<|assistant|>\n",
                completion=f" The answer is (A) {i}.", rejected=f" The answer is (B) {i}.",
            )
            for i in range(11)
        ]  # fmt: skip
        (folder / "train.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))
        return Job(
            rows=folder / "train.jsonl", base=str(tiny_model),
            config=config_of(tiny_model, **changed), iteration=1, target=folder / "adapter",
        )  # fmt: skip

    return make


def weights(job: Job) -> dict[str, Any]:
    from safetensors.torch import load_file

    found: dict[str, Any] = load_file(next(job.target.glob("*model.safetensors")))
    return found


def assert_same(one: Job, other: Job) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(bool((first[name] == second[name]).all()) for name in first)


def assert_close(one: Job, other: Job, within: float) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(float((first[name] - second[name]).abs().max()) <= within for name in first)


def test_every_row_comes_once_before_any_comes_again() -> None:
    order = row_order([10 * i for i in range(11)], batch=4, steps=11, seed=3)
    assert len(order) == 44
    assert set(Counter(order).values()) == {4}
    for start in range(0, 44, 11):
        counts = Counter(order[: start + 11])
        assert max(counts.values()) - min(counts.values(), default=0) <= 2
    assert order == row_order([10 * i for i in range(11)], 4, 11, 3)
    assert order != row_order([10 * i for i in range(11)], 4, 11, 4)


def test_batches_hold_rows_of_like_length_and_the_longest_comes_first() -> None:
    lengths = [(37 * i) % 101 for i in range(64)]
    order = row_order(lengths, batch=8, steps=8, seed=0)
    batches = [[lengths[i] for i in order[at : at + 8]] for at in range(0, 64, 8)]
    padded = sum(8 * max(batch) for batch in batches)
    assert padded < 1.2 * sum(lengths)
    assert max(batches[0]) == max(lengths)
    assert sorted(order) == list(range(64))


def test_fewer_rows_than_a_batch_fill_it_by_coming_again() -> None:
    order = row_order([5, 6, 7], batch=8, steps=2, seed=0)
    assert len(order) == 16
    assert set(Counter(order).values()) <= {5, 6}


@pytest.mark.parametrize(
    ("rows", "epochs", "steps"), [(20, 2, 5), (16, 1, 2), (3, 1, 1), (17, 1, 3), (10, 0.1, 1)]
)
def test_epochs_become_whole_batches(rows: int, epochs: float, steps: int) -> None:
    assert step_count(rows, 8, epochs) == steps


def test_the_curve_is_the_mean_since_the_point_before() -> None:
    assert curve([(1, 3.0), (2, 2.0)]) == ((1, 3.0), (2, 2.0))
    many = curve([(step, float(step)) for step in range(1, 101)])
    assert many[:3] == ((1, 1.0), (4, 3.0), (8, 6.5))
    assert many[-1] == (100, 98.5)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_fine_tune_killed_in_the_middle_goes_on_to_the_same_weights(
    job: Callable[..., Job], tuning: str
) -> None:
    whole, cut = job("whole", tuning=tuning), job("cut", tuning=tuning)
    undisturbed = Notes()
    first = finetune(whole, undisturbed)
    for die_at, done in ((2, 0), (3, 1), (1, 3)):
        notes = Notes(die_at)
        with pytest.raises(KeyboardInterrupt):
            finetune(cut, notes)
        assert notes.started == [("training", 6, done)]
    notes = Notes()
    second = finetune(cut, notes)
    assert notes.started == [("training", 6, 3)]
    assert notes.steps == 3
    assert second.losses == first.losses
    assert (second.tokens, second.token_accuracy) == (first.tokens, first.token_accuracy)
    assert first.tokens == undisturbed.tokens > notes.tokens > 0
    assert_same(whole, cut)


@pytest.mark.slow
def test_pairs_killed_in_the_middle_go_on_to_the_same_weights(job: Callable[..., Job]) -> None:
    whole, cut = job("whole", pairs=True), job("cut", pairs=True)
    finetune(whole, Silent())

    class InPairs(Notes):
        def start(self, phase: str, total: int, done: int = 0) -> None:
            super().start(phase, total, done)
            if phase == "pairs":

                def die(*_: Any) -> None:
                    raise KeyboardInterrupt

                patch.setattr("starprobe.star.tuning.weights.keep", die)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        finetune(cut, InPairs())
    notes = Notes()
    finetune(cut, notes)
    assert notes.started == [("training", 6, 6), ("pairs", 3, 0)]
    assert notes.steps == 3 and len(notes.noted) == 3
    assert_same(whole, cut)


def test_trl_counts_tokens_on_after_a_resume(job: Callable[..., Job]) -> None:
    cut = job("cut")
    with pytest.raises(KeyboardInterrupt):
        finetune(cut, Notes(5))
    stats = finetune(cut, Notes())
    snapshot = last_whole(cut.snapshots, cut.fingerprint(_rows(cut)))
    assert snapshot is not None and snapshot.step == 5
    logged = json.loads((snapshot.path / "trainer_state.json").read_text())["log_history"]
    seen = [entry["num_tokens"] for entry in logged]
    assert seen == sorted(seen) and len(seen) == 5
    assert seen[-1] < stats.tokens


def test_the_watcher_is_told_loss_and_token_accuracy_at_every_step(job: Callable[..., Job]) -> None:
    notes = Notes()
    finetune(job("told"), notes)
    assert len(notes.noted) == 6
    assert all(note.startswith("loss ") and " tokens right " in note for note in notes.noted)


def test_a_snapshot_of_other_rows_or_settings_is_not_gone_on_from(job: Callable[..., Job]) -> None:
    cut = job("cut")
    with pytest.raises(KeyboardInterrupt):
        finetune(cut, Notes(4))
    lines = cut.rows.read_text().splitlines(keepends=True)
    cut.rows.write_text("".join(lines[:-1]))
    notes = Notes()
    finetune(cut, notes)
    assert notes.started == [("training", 6, 0)]


def test_a_torn_snapshot_does_not_count_and_the_one_before_stays(tmp_path: Path) -> None:
    for step in (2, 4):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "weights").write_text("w")
    assert last_whole(tmp_path, "a") is None
    keep(tmp_path / "checkpoint-4", Mark(of="a", seconds=1))
    assert not (tmp_path / "checkpoint-2").exists()
    (tmp_path / "checkpoint-6").mkdir()
    found = last_whole(tmp_path, "a")
    assert found is not None and found.step == 4
    assert last_whole(tmp_path, "b") is None
    (tmp_path / "checkpoint-4" / "whole.json").write_text('{"of": "a"')
    assert last_whole(tmp_path, "a") is None


def test_fewer_rows_at_once_give_the_same(job: Callable[..., Job]) -> None:
    one, two = (job(f"r{n}", rows_at_once=n, lora_dropout=0.0, steps=3) for n in (4, 2))
    first, second = finetune(one, Silent()), finetune(two, Silent())
    assert [loss for _, loss in second.losses] == pytest.approx(
        [loss for _, loss in first.losses], abs=2e-5
    )
    assert_close(one, two, 1e-5)


def test_logits_of_trained_tokens_alone_give_the_same_weights_and_log(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    spared, full = job("spared", lora_dropout=0.0), job("full", lora_dropout=0.0)
    mine = finetune(spared, Silent())
    monkeypatch.setattr("starprobe.star.tuning.finetune.spares", lambda model, config: False)
    theirs = finetune(full, Silent())
    assert [loss for _, loss in mine.losses] == pytest.approx(
        [loss for _, loss in theirs.losses], abs=2e-5
    )
    assert mine.token_accuracy == pytest.approx(theirs.token_accuracy, abs=1e-5)
    assert_close(spared, full, 1e-5)


def test_inputs_left_as_they_are_under_autocast_give_the_same_weights(
    job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(model: Any, active: bool) -> AbstractContextManager[None]:
        assert active
        return nullcontext()

    left, cast = (job(name, dtype="bfloat16", lora_dropout=0.0) for name in ("left", "cast"))
    mine = finetune(left, Silent())
    monkeypatch.setattr("peft.helpers.disable_input_dtype_casting", never)
    theirs = finetune(cast, Silent())
    assert mine.losses == theirs.losses
    assert_close(left, cast, 1e-7)


def test_too_little_memory_is_told_in_one_line() -> None:
    import torch

    from starprobe.star.tuning.weights import enough_memory

    with pytest.raises(MissingError, match="rows_at_once=1"), enough_memory():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")


def test_rows_that_do_not_fit_are_counted_and_none_at_all_is_an_error(
    job: Callable[..., Job],
) -> None:
    shorter = job("shorter", max_length=26, steps=1)
    stats = finetune(shorter, Silent())
    assert 0 < stats.rows_too_long < 11
    assert stats.rows + stats.rows_too_long == 11
    with pytest.raises(InputError, match="fits into max_length=16"):
        finetune(job("none", max_length=16), Silent())


def _rows(job: Job) -> list[TrainRow]:
    return [TrainRow.model_validate_json(line) for line in job.rows.read_text().splitlines()]
