"""A training that is killed, or whose disk is full, loses nothing."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from starprobe.probes.errors import FolderError
from starprobe.star.folder import Training
from starprobe.star.loop import train
from tests.star.forked import Nursery
from tests.star.test_loop import small

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


def timeless(rows):
    """Rows without the time that each took, and the folder that its model lay in."""
    return [row.model_copy(update={"latency_s": None, "model": ""}) for row in rows]


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
        assert timeless(second.samples()) == timeless(first.samples())
        assert timeless(second.rationalized()) == timeless(first.rationalized())
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a file system of so many KiB, and grows it; skips where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def size(kib: int) -> Path:
        option = "remount," if place.is_mount() else ""
        words = ["mount", "-t", "tmpfs", "-o", f"{option}size={kib}k", "tmpfs", str(place)]
        if subprocess.run(words, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        return place

    yield size
    if place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_line_at_any_stage_and_then_it_goes_on(
    tiny_model: Path, numbers_file: Path, tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    with Nursery(tiny_model, numbers_file, SETTINGS) as nursery:
        assert nursery.train(tmp_path / "whole")["code"] == 0
        stages = set()
        for limit in (1_500, 6_000, 10_000, 30_000):
            found = nursery.train(tmp_path / "cut", file_size=limit)
            assert found["code"] == 2, found["said"]
            assert found["said"].startswith("cannot write ") and "\n" not in found["said"]
            assert "run the same command again" in found["said"]
            stages.add(found["said"].split("(")[0])
        assert len(stages) >= 3, stages
        assert nursery.train(tmp_path / "cut")["code"] == 0
        assert_same(tmp_path / "whole", tmp_path / "cut")
        for kib in (48, 120, 200):
            disk = small_disk(kib)
            found = nursery.train(disk / "cut")
            assert found["code"] == 2 and found["said"].startswith("cannot write "), found["said"]
        assert nursery.train(small_disk(8_000) / "cut")["code"] == 0
        assert_same(tmp_path / "whole", disk / "cut")


Change = Callable[[Path], None]


def replaced(name: str, old: str, new: str) -> Change:
    def change(out: Path) -> None:
        path = out / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def cut(name: str) -> Change:
    def change(out: Path) -> None:
        path = out / name
        path.write_bytes(path.read_bytes()[:-20])

    return change


def removed(name: str) -> Change:
    def change(out: Path) -> None:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


CHANGES: dict[str, tuple[Change, str]] = {
    "edited samples": (
        replaced("iteration_001/samples.jsonl", '"kept": true', '"kept": false'),
        r"iteration_001/samples.jsonl was changed since the iteration was finished; put it back",
    ),
    "truncated samples": (cut("iteration_001/samples.jsonl"), r"samples.jsonl was changed since"),
    "deleted adapter": (
        removed("iteration_001/adapter"),
        r"iteration_001/adapter is gone since the iteration was finished; .* are trained again",
    ),
    "other weights": (
        cut("iteration_001/adapter/adapter_model.safetensors"), "adapter was changed"
    ),
    "deleted metrics": (removed("iteration_001/metrics.json"), "metrics.json is gone"),
    "no JSON in the mark": (
        replaced("iteration_001/DONE", "{", "?"), r"iteration_001/DONE: the record: Invalid JSON"
    ),
    "no JSON in the configuration": (
        replaced("config.json", "{", "["), r"config.json: the record: Invalid JSON"
    ),
    "foreign configuration": (
        replaced("config.json", '"lora_r": 2', '"lora_r": 4'),
        r"belongs to another training \(its training.lora_r is 4, yours 2\); name another --out",
    ),
    "a setting of another version": (
        replaced("config.json", '"seed": 0', '"seed": 0, "colour": 1'),
        r"config.json: colour: Extra inputs are not permitted",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Callable[[str, Any], Any]]:
    """A training of one iteration, its questions, and how its tutors are loaded."""
    from starprobe.probes.generated.numbers import NumbersSpec, make_numbers
    from starprobe.probes.sets import load_probe_set, write_questions
    from tests.star.conftest import Tutor

    folder = tmp_path_factory.mktemp("finished")
    write_questions(make_numbers(NumbersSpec(split="train", n=40, seed=3)), folder / "q.jsonl")
    known = load_probe_set(folder / "q.jsonl").questions

    def load(name: str, options: Any) -> Tutor:
        return Tutor(name, options, known)

    train(small(tiny_model, folder / "q.jsonl", iterations=1), folder / "t", load=load)
    return folder / "t", folder / "q.jsonl", load


@pytest.mark.parametrize("name", CHANGES)
def test_a_folder_changed_behind_its_back_is_one_line_and_goes_on_once_cured(
    name: str, finished: tuple[Path, Path, Any], tiny_model: Path, tmp_path: Path
) -> None:
    folder, questions, load = finished
    shutil.copytree(folder, tmp_path / "t")
    config = small(tiny_model, questions, iterations=1)
    change, line = CHANGES[name]
    change(tmp_path / "t")
    before = {path: path.read_bytes() for path in (tmp_path / "t").rglob("*") if path.is_file()}
    with pytest.raises(FolderError, match=line) as told:
        train(config, tmp_path / "t", load=load)
    assert "\n" not in str(told.value)
    after = {path: path.read_bytes() for path in (tmp_path / "t").rglob("*") if path.is_file()}
    assert after == before
    shutil.rmtree(tmp_path / "t")
    shutil.copytree(folder, tmp_path / "t")
    train(config, tmp_path / "t", load=load)


def test_weights_that_are_gone_are_trained_again_where_that_is_wanted(
    finished: tuple[Path, Path, Any], tiny_model: Path, tmp_path: Path
) -> None:
    folder, questions, load = finished
    shutil.copytree(folder, tmp_path / "t")
    weights = "iteration_001/adapter/adapter_model.safetensors"
    removed("iteration_001/adapter")(tmp_path / "t")
    removed("iteration_001/DONE")(tmp_path / "t")
    train(small(tiny_model, questions, iterations=1), tmp_path / "t", load=load)
    assert (tmp_path / "t" / weights).read_bytes() == (folder / weights).read_bytes()
    assert "files" in json.loads((tmp_path / "t" / "iteration_001" / "DONE").read_text())


def test_samples_cut_off_before_the_iteration_was_finished_are_not_taken_for_all(
    finished: tuple[Path, Path, Any], tiny_model: Path, tmp_path: Path
) -> None:
    folder, questions, load = finished
    shutil.copytree(folder, tmp_path / "t")
    removed("iteration_001/DONE")(tmp_path / "t")
    cut("iteration_001/samples.jsonl")(tmp_path / "t")
    config = small(tiny_model, questions, iterations=1)
    with pytest.raises(FolderError, match=r"samples.jsonl is cut off: .* remove it to have it"):
        train(config, tmp_path / "t", load=load)
    removed("iteration_001/samples.jsonl")(tmp_path / "t")
    training = train(config, tmp_path / "t", load=load)
    assert training.samples(1) == Training(folder).samples(1)
