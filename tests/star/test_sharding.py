"""Sampling shared out: the same samples as one process gives, also where a worker dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models import BackendOptions, Request, ScoringBackend, load_backend
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.numbers import NumbersSpec, make_numbers
from starprobe.star.config import StarConfig, make_config
from starprobe.star.models import Models
from starprobe.star.prompts import ask
from starprobe.star.sharding import (
    Ended,
    Row,
    ScoringShards,
    Shards,
    dealt,
    environments,
    load_shards,
)

OPTIONS = BackendOptions(device="cpu", dtype="float32", batch_size=3)
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


def config(**changed: Any) -> StarConfig:
    return make_config("smollm2", "numbers:train", "rest", {"max_tokens": 12} | changed)


def requests(count: int = 5) -> list[Request]:
    """Two samples of each question, few-shot, with seeds of their own."""
    questions = make_numbers(NumbersSpec(split="train", n=count, seed=4))
    settings = config()
    return [ask(one, settings, 1, index, "sampled")[1] for one in questions for index in (0, 1)]


class Scripted:
    """A worker that answers a number of requests and then dies, or never does."""

    def __init__(self, name: str, dies_after: int | None = None) -> None:
        self.name, self.left, self.closed = name, dies_after, False
        self.asked: list[str] = []

    def ready(self) -> Row:
        return {"ready": {"name": self.name}, "scores": False}

    def call(self, row: Row) -> Iterator[Row]:
        for one in row.get("requests", ()):
            if self.left == 0:
                raise Ended("ended (-9): out of memory")
            self.left = None if self.left is None else self.left - 1
            self.asked.append(one["id"])
            yield {"id": one["id"], "generation": {"text": one["id"]}}
        if "render" in row:
            yield {"text": row["render"]["text"]}

    def close(self) -> None:
        self.closed = True


def test_samples_of_a_question_go_to_one_worker_and_questions_in_turn() -> None:
    parts = dealt(requests(5), 2)
    assert [len(part) for part in parts] == [6, 4]
    ids = [{one.prompt.question_id for one in part} for part in parts]
    assert not ids[0] & ids[1]


def test_what_a_dead_worker_owed_is_made_by_the_others() -> None:
    weak, strong = Scripted("weak", dies_after=2), Scripted("strong")
    shards = Shards(weak.ready(), [weak, strong])
    asked = requests(6)
    made = [name for name, _ in shards.generate(asked)]
    assert sorted(made) == sorted(one.id for one in asked)
    assert weak.closed and len(weak.asked) == 2 and len(strong.asked) == 10


def test_no_worker_left_is_told_and_what_was_made_is_kept() -> None:
    workers = [Scripted("a", 2), Scripted("b", 1)]
    shards = Shards(workers[0].ready(), workers)
    made = []
    with pytest.raises(MissingError, match=r"no worker .* out of memory.*what was made is kept"):
        for name, _ in shards.generate(requests(4)):
            made.append(name)
    assert len(made) == 3


def test_workers_given_up_in_the_middle_are_ended() -> None:
    workers = [Scripted("a"), Scripted("b")]
    given_up = Shards(workers[0].ready(), workers).generate(requests(4))
    next(given_up)
    given_up.close()  # type: ignore[attr-defined]
    assert all(worker.closed for worker in workers)


def test_each_worker_has_a_gpu_or_its_share_of_the_cores() -> None:
    shown = environments(2, 3, {"CUDA_VISIBLE_DEVICES": "4,6,7", "HOME": "/h"})
    assert [one["CUDA_VISIBLE_DEVICES"] for one in shown] == ["4", "6"]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in environments(2, 2, {})] == ["0", "1"]
    with pytest.raises(InputError, match="sampling_workers=4, but this machine shows 2 GPUs"):
        environments(4, 2, {})
    cores = os.cpu_count() or 1
    assert environments(2, 0, {})[0]["OMP_NUM_THREADS"] == str(max(1, cores // 2))
    assert environments(2, 0, {"OMP_NUM_THREADS": "5"})[0]["OMP_NUM_THREADS"] == "5"


def test_a_model_that_no_worker_can_load_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file or folder"):
        load_shards(f"hf:{tmp_path / 'none'}", OPTIONS, config(sampling_workers=2))


def test_the_loop_samples_with_the_workers_that_the_configuration_wants(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}")
    asked: list[tuple[str, int]] = []

    def loaded(model: str, options: BackendOptions, settings: StarConfig) -> Shards:
        asked.append((model, settings.sampling_workers))
        return Shards(Scripted("a").ready(), [Scripted("a")])

    monkeypatch.setattr("starprobe.star.models.load_shards", loaded)
    models = Models(config(sampling_workers=3), load=lambda *_: pytest.fail("one process"))
    assert models.get(None) is models.get(None)
    assert models.get(tmp_path) is not None
    assert asked == [("smollm2", 3), (f"hf:{tmp_path}", 3)]


def texts(backend: Any, asked: Sequence[Request]) -> dict[str, str]:
    return {name: made.text for name, made in backend.generate(asked)}


@pytest.mark.slow
def test_two_processes_sample_score_and_render_as_one_and_one_of_them_may_die(
    tiny_model: Path,
) -> None:
    asked = requests(8)
    alone = load_backend(f"hf:{tiny_model}", OPTIONS)
    expected = texts(alone, asked)
    assert len(set(expected.values())) > 8
    shards = load_shards(f"hf:{tiny_model}", OPTIONS, config(sampling_workers=2))
    try:
        assert texts(shards, asked) == expected
        assert isinstance(shards, ScoringShards) and isinstance(alone, ScoringBackend)
        pairs = [("The answer is", f" ({letter}) {i}") for i, letter in enumerate("ABCDE")]
        assert shards.loglikelihoods(pairs) == pytest.approx(alone.loglikelihoods(pairs), abs=1e-4)
        assert shards.render(asked[0].prompt) == alone.render(asked[0].prompt)
        victim: Any = shards._workers[0]
        made: dict[str, str] = {}
        for name, generation in shards.generate(asked):
            if not made:
                os.kill(victim._process._process.pid, signal.SIGKILL)
            made[name] = generation.text
        assert made == expected
    finally:
        shards.close()
        alone.close()


@pytest.mark.slow
@needs_ray
@pytest.mark.filterwarnings("default")
def test_two_ray_workers_sample_as_one_process(tiny_model: Path) -> None:
    import ray

    asked = requests(8)
    alone = load_backend(f"hf:{tiny_model}", OPTIONS)
    expected = texts(alone, asked)
    alone.close()
    settings = config(sampling_workers=2, sampling_on="ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="WARNING")
    try:
        shards = load_shards(f"hf:{tiny_model}", OPTIONS, settings)
        assert texts(shards, asked) == expected
        assert isinstance(shards, ScoringShards)
        shards.close()
        with pytest.raises(InputError, match="sampling_workers=3, but Ray's cluster has 2 CPUs"):
            load_shards("smollm2", OPTIONS, config(sampling_workers=3, sampling_on="ray"))
    finally:
        ray.shutdown()
