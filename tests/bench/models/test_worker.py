"""Backends in other processes: the same answers as here, also where a worker dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models import BackendOptions, ScoringBackend, load_backend
from starprobe.bench.models.backend import Request
from starprobe.bench.models.worker import (
    DIED,
    Ended,
    Row,
    ScoringWorkers,
    Worker,
    Workers,
    dealt,
    environments,
)
from starprobe.probes.errors import InputError, MissingError
from tests.bench.models.makers import request


def requests(questions: int) -> list[Request]:
    """Two requests a question."""
    made = []
    for number in range(questions):
        for index in (0, 1):
            one = request(f"word {number}", temperature=1.0, seed=10 * number + index, max_tokens=6)
            prompt = one.prompt.model_copy(update={"question_id": f"q{number}"})
            made.append(one.model_copy(update={"id": f"q{number}#{index}", "prompt": prompt}))
    return made


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

    def close(self) -> None:
        self.closed = True


def pool(*workers: Any) -> Workers:
    return Workers(workers[0].ready(), workers)


def test_requests_of_a_question_go_to_one_worker_and_questions_in_turn() -> None:
    parts = dealt(requests(5), 2)
    assert [len(part) for part in parts] == [6, 4]
    ids = [{one.prompt.question_id for one in part} for part in parts]
    assert not ids[0] & ids[1]


def test_what_a_dead_worker_owed_is_made_by_the_others() -> None:
    weak, strong = Scripted("weak", dies_after=2), Scripted("strong")
    asked = requests(6)
    made = [name for name, _ in pool(weak, strong).generate(asked)]
    assert sorted(made) == sorted(one.id for one in asked)
    assert weak.closed and len(weak.asked) == 2 and len(strong.asked) == 10


def test_with_no_worker_left_what_was_owed_is_errors_worth_another_try() -> None:
    asked = requests(4)
    made = dict(pool(Scripted("a", 2), Scripted("b", 1)).generate(asked))
    failed = [row.error for row in made.values() if row.error]
    assert len(made) == len(asked)
    assert {(error.kind, error.permanent) for error in failed} == {(DIED, False)}
    assert "out of memory" in failed[0].message
    assert len(failed) == len(asked) - 3


def test_workers_given_up_in_the_middle_are_closed() -> None:
    worker = Scripted("a")
    workers = pool(worker)
    given_up = workers.generate(requests(2))
    next(given_up)
    given_up.close()  # type: ignore[attr-defined]
    assert worker.closed
    with pytest.raises(RuntimeError, match="a was closed"):
        next(workers.generate(requests(1)))


SLOW_TO_END = """
import json, sys, time
for line in sys.stdin:
    row = json.loads(line)
    print(json.dumps({"text": row["render"]["id"]}), flush=True)
    time.sleep(0.02)
    print(json.dumps({"done": True}), flush=True)
"""


def test_an_answer_is_never_taken_for_that_of_the_next_question() -> None:
    worker = Worker([sys.executable, "-c", SLOW_TO_END])
    workers = Workers({"ready": {"name": "slow"}}, [worker])
    prompts = [one.prompt.model_copy(update={"id": one.id}) for one in requests(10)]
    with ThreadPoolExecutor(1) as pool:
        try:
            told = pool.submit(lambda: [workers.render(prompt) for prompt in prompts]).result(60)
        finally:
            workers.close()
    assert told == [prompt.id for prompt in prompts]


def test_workers_have_gpus_of_their_own_or_share_the_cores() -> None:
    two = BackendOptions(workers=2)
    cores = environments(two, 0, {})
    assert [int(place["OMP_NUM_THREADS"]) for place in cores] == [
        max(1, (os.cpu_count() or 1) // 2)
    ] * 2
    assert [p["CUDA_VISIBLE_DEVICES"] for p in environments(two, 4, {})] == ["0", "1"]
    shown = environments(
        two.model_copy(update={"tensor_parallel": 2}), 4, {"CUDA_VISIBLE_DEVICES": "4,5,6,7"}
    )
    assert [place["CUDA_VISIBLE_DEVICES"] for place in shown] == ["4,5", "6,7"]
    with pytest.raises(InputError, match="2 workers want 2 GPUs, but this machine shows 1"):
        environments(two, 1, {})


def test_two_processes_answer_as_one_does_and_score_as_it_scores(tiny_model: Path) -> None:
    options = BackendOptions(device="cpu", dtype="float32", batch_size=3)
    asked, pairs = requests(4), [("hello", " you"), ("good", " morning to all")]
    alone = load_backend(f"hf:{tiny_model}", options)
    shared = load_backend(f"hf:{tiny_model}", options.model_copy(update={"workers": 2}))
    try:
        assert isinstance(shared, ScoringWorkers) and isinstance(alone, ScoringBackend)
        texts = [{k: row.text for k, row in one.generate(asked)} for one in (alone, shared)]
        assert texts[0] == texts[1]
        assert shared.loglikelihoods(pairs) == pytest.approx(alone.loglikelihoods(pairs), abs=1e-4)
        assert shared.render(asked[0].prompt) == alone.render(asked[0].prompt)
        assert shared.info().details["sent"] == [
            {"temperature": 1.0, "max_tokens": 6, "top_p": 1.0, "seed": "one a response"}
        ]
        os.kill(shared._workers[0].pid, signal.SIGKILL)
        again = {k: row.text for k, row in shared.generate(asked)}
        assert again == texts[0]
        os.kill(shared._workers[0].pid, signal.SIGKILL)
        with pytest.raises(MissingError, match="run the same command again"):
            shared.loglikelihoods(pairs)
    finally:
        alone.close()
        shared.close()


def test_a_model_that_cannot_be_loaded_there_is_told_as_it_would_be_here() -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_backend("hf:./nothing/here", BackendOptions(workers=2, device="cpu"))
