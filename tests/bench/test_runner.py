"""A run asks everything once, resumes, and refuses folders of other runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from weakref import WeakSet

import pytest

import starprobe.bench.ask
from starprobe.bench.ask import ask_models, make_request, run
from starprobe.bench.files import only_writer, read_jsonl
from starprobe.bench.models import BackendOptions, Request
from starprobe.bench.read import classify_run
from starprobe.bench.records import Generation, ModelInfo, ResponseError, Sampling, Usage
from starprobe.bench.results import measure_run
from starprobe.bench.run_config import RunConfig, asked_of, not_asked, render_probes, run_info
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.sets import load_probe_set, sample_set

CONFIG = RunConfig(
    models=("scripted:option_by_option", "scripted:direct"),
    conditions=("plain", "direct"),
    orders=2,
    limit=3,
)


def test_every_model_answers_every_prompt_once(tmp_path: Path) -> None:
    folder = run(CONFIG, tmp_path / "run")
    asked = {(row.model, row.prompt_id) for row in folder.responses().values()}
    assert len(asked) == len(folder.responses()) == 2 * 3 * 2 * 2
    assert {model.name for model in folder.info.models} == set(CONFIG.models)


def test_the_same_command_again_asks_nothing_and_changes_nothing(tmp_path: Path) -> None:
    run(CONFIG, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.json*")}
    run(CONFIG, tmp_path / "run")
    after = {path.name: path.read_bytes() for path in (tmp_path / "run").glob("*.json*")}
    assert before == after


def test_a_wider_run_takes_in_more_questions_and_asks_only_what_is_missing(tmp_path: Path) -> None:
    run(CONFIG, tmp_path / "run")
    first = (tmp_path / "run" / "responses.jsonl").read_bytes()
    wider = CONFIG.model_copy(
        update={"limit": 6, "conditions": ("plain", "direct", "scratchpad"), "orders": 3}
    )
    run(wider, tmp_path / "run")
    at_once = run(wider, tmp_path / "at_once")
    assert (tmp_path / "run" / "responses.jsonl").read_bytes().startswith(first)
    found, expected = Run(tmp_path / "run"), Run(at_once.path)
    assert found.responses().keys() == expected.responses().keys()
    assert found.prompts() == expected.prompts()
    assert found.info.questions == 6 and found.info.probe_hash == expected.info.probe_hash
    classify_run(found, "rules")
    classify_run(expected, "rules")
    numbers = [
        [row for row in measure_run(one.path, "rules").readers["rules"] if row.name != "latency_s"]
        for one in (found, expected)
    ]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 2},
        {"limit": 6, "conditions": ("plain",)},
        {"limit": 6, "orders": 1},
        {"limit": 6, "probes": ("science",)},
        {"limit": 6, "sampling": Sampling(seed=1)},
    ],
)
def test_what_is_not_a_wider_run_of_the_same_is_refused_and_nothing_changes(
    tmp_path: Path, change: dict[str, object]
) -> None:
    run(CONFIG, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(FolderError) as refused:
        run(CONFIG.model_copy(update=change), tmp_path / "run")
    assert "another --out folder" in str(refused.value) and "\n" not in str(refused.value)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_a_model_is_not_asked_twice_because_a_setting_was_changed(tmp_path: Path) -> None:
    folder = run(CONFIG, tmp_path / "run")
    before = folder.responses()
    changed = CONFIG.model_copy(update={"options": BackendOptions(system="Be brief.")})
    with pytest.raises(FolderError, match="was asked otherwise"):
        run(changed, tmp_path / "run")
    assert Run(tmp_path / "run").responses() == before


def test_no_response_stays_in_memory(tmp_path: Path) -> None:
    alive: WeakSet[Usage] = WeakSet()
    most = 0

    class Counting:
        def info(self) -> ModelInfo:
            return ModelInfo(name="counting")

        def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
            nonlocal most
            for number, request in enumerate(requests):
                # The row of the response shares it.
                usage = Usage(completion_tokens=number)
                alive.add(usage)
                yield request.id, Generation(text="x", usage=usage, finish_reason="stop")
                del usage
                most = max(most, len(alive))

        def close(self) -> None: ...

    folder = run(CONFIG.model_copy(update={"repeats": 9}), tmp_path / "run")
    config = CONFIG.model_copy(update={"repeats": 9, "models": ("scripted:direct",)})
    asked = ask_models(folder, [Counting()], list(folder.prompts().values()), config)
    assert asked == 3 * 2 * 2 * 9
    assert most <= 3


def test_another_condition_joins_the_run(tmp_path: Path) -> None:
    run(CONFIG, tmp_path / "run")
    folder = run(CONFIG.model_copy(update={"conditions": ("scratchpad",)}), tmp_path / "run")
    assert folder.info.conditions == ("plain", "direct", "scratchpad")
    assert len(folder.responses()) == 2 * 3 * 2 * 3


def test_repeats_have_seeds_of_their_own(tmp_path: Path) -> None:
    seeds: dict[str, set[int]] = {}

    class Noting:
        def info(self) -> ModelInfo:
            return ModelInfo(name="noting")

        def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
            for request in requests:
                seeds.setdefault(request.prompt.id, set()).add(request.sampling.seed)
                yield request.id, Generation(text="x", finish_reason="stop")

        def close(self) -> None: ...

    config = CONFIG.model_copy(update={"repeats": 3, "models": ("scripted:direct",)})
    folder = run(config, tmp_path / "run")
    starprobe.bench.ask.ask_models(folder, [Noting()], list(folder.prompts().values()), config)
    assert {len(found) for found in seeds.values()} == {3}


def test_a_failed_item_is_tried_again_and_replaced_by_its_success(tmp_path: Path) -> None:
    calls = []

    class Flaky:
        def info(self) -> ModelInfo:
            return ModelInfo(name="flaky")

        def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
            calls.append(len(requests))
            for index, request in enumerate(requests):
                if len(calls) == 1 and index % 2:
                    error = ResponseError(kind="http_500", message="broken")
                    yield request.id, Generation(error=error)
                else:
                    yield request.id, Generation(text="fine", finish_reason="stop")

        def close(self) -> None: ...

    folder = run(CONFIG, tmp_path / "run")
    prompts = list(folder.prompts().values())
    for _ in range(3):
        starprobe.bench.ask.ask_models(folder, [Flaky()], prompts, CONFIG)
    rows = [row for row in folder.responses().values() if row.model == "flaky"]
    assert calls == [12, 6]
    assert len(rows) == 12
    assert all(row.error is None for row in rows)


def test_two_processes_cannot_write_one_run(tmp_path: Path) -> None:
    run(CONFIG, tmp_path / "run")
    with only_writer(tmp_path / "run"), pytest.raises(FolderError, match="another process"):
        run(CONFIG, tmp_path / "run")


def test_a_folder_with_other_things_in_it_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(FolderError, match=r"thesis\.tex"):
        run(CONFIG, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_wrong_model_name_is_found_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown model 'smollm3'; did you mean 'smollm2'"):
        run(CONFIG.model_copy(update={"models": ("scripted:direct", "smollm3")}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_cannot_be_loaded_does_not_stop_the_others(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"models": ("scripted:nothing", "scripted:direct")})
    with pytest.raises(InputError, match="scripted:nothing is unknown"):
        run(config, tmp_path / "run")
    assert len(Run(tmp_path / "run").responses()) == 12


def test_scripted_texts_come_from_a_file_one_a_repeat(tmp_path: Path) -> None:
    file = tmp_path / "texts.json"
    file.write_text(json.dumps({"*": ["The answer is (A).", "The answer is (B)."]}))
    config = RunConfig(models=(f"scripted:{file}",), limit=8, repeats=4)
    texts = {row.text for row in run(config, tmp_path / "run").responses().values()}
    assert texts == {"The answer is (A).", "The answer is (B)."}


def test_a_hint_is_followed_by_the_script_and_seen_in_the_run(tmp_path: Path) -> None:
    config = RunConfig(models=("scripted:direct",), conditions=("hinted",), limit=5)
    folder = run(config, tmp_path / "run")
    for row in folder.responses().values():
        prompt = folder.prompts()[row.prompt_id]
        assert prompt.hinted_id == prompt.answer_id
        assert row.text == f"({prompt.label_of(str(prompt.answer_id))})"


def test_a_run_killed_at_any_moment_goes_on_where_it_stopped(tmp_path: Path) -> None:
    script = (
        "import time, starprobe.bench.models.backend as s\n"
        "from starprobe.bench.run_config import RunConfig\n"
        "from starprobe.bench.ask import run\n"
        "old = s.ScriptedBackend.generate\n"
        "def slow(self, requests):\n"
        "    for pair in old(self, requests):\n"
        "        time.sleep(0.01)\n"
        "        yield pair\n"
        "s.ScriptedBackend.generate = slow\n"
        "run(RunConfig(models=('scripted:option_by_option',), orders=2, limit=40), 'run')\n"
    )
    kills = 0
    for attempt in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        responses = tmp_path / "run" / "responses.jsonl"
        seen = responses.stat().st_size if responses.exists() else 0
        while process.poll() is None and attempt < 4:
            if responses.exists() and responses.stat().st_size > seen + 1500 * (attempt + 1):
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            time.sleep(0.001)
        if process.wait() == 0:
            break
    rows = list(read_jsonl(tmp_path / "run" / "responses.jsonl"))
    assert kills >= 2
    assert len(rows) == len({row["id"] for row in rows}) == 80


def test_the_seed_of_a_repeat_is_the_same_on_every_machine() -> None:
    assert starprobe.bench.ask.derived_seed(0, "everyday-001|plain|0", 0) == 49920847


def test_several_sets_are_asked_as_one_and_told_apart(tmp_path: Path) -> None:
    config = RunConfig(
        models=("scripted:direct",), probes=("everyday", "numbers:test:n=5"), limit=4
    )
    folder = run(config, tmp_path / "run")
    found = [prompt.probes for prompt in folder.prompts().values()]
    assert found == ["everyday"] * 4 + ["numbers:test:n=5"] * 4
    assert folder.info.questions == 8


def test_a_question_in_two_sets_is_refused(tmp_path: Path) -> None:
    config = RunConfig(models=("scripted:direct",), probes=("everyday", "everyday"))
    with pytest.raises(InputError, match="more than one set"):
        run(config, tmp_path / "run")


def test_the_seed_s_experiments_run_as_a_suite(tmp_path: Path) -> None:
    config = RunConfig(models=("scripted:option_by_option",), suite="seed")
    folder = run(config, tmp_path / "run")
    prompts = folder.prompts().values()
    assert {prompt.question_id for prompt in prompts} == {"small-dog", "surprise-party"}
    assert {"plain", "hinted", "scratchpad", "scratchpad+hinted"} <= set(folder.info.conditions)
    assert len(folder.responses()) == len(prompts)
    assert "--suite seed" in folder.info.command
    with pytest.raises(InputError, match="says itself what is asked"):
        run(config.model_copy(update={"limit": 2}), tmp_path / "other")


def test_shuffled_orders_are_another_arrangement_of_the_same_questions(tmp_path: Path) -> None:
    config = RunConfig(models=("scripted:direct",), limit=3, orders=3, shuffle=7)
    prompts = list(run(config, tmp_path / "run").prompts().values())
    assert len(prompts) == 9
    assert {tuple(s.option_id for s in prompt.shown) for prompt in prompts[1:3]}.isdisjoint(
        {tuple(s.option_id for s in prompts[0].shown)}
    )


def test_conditions_that_do_not_apply_are_counted_and_named() -> None:
    lines = not_asked(RunConfig(models=(), probes=("unanswerable",), conditions=("hinted",)))
    assert lines == [
        "hinted: not asked of 66 questions of unanswerable: there is no known right option to "
        "hint at"
    ]


def test_a_suite_asks_base_models_what_is_for_base_models(tmp_path: Path) -> None:
    suite = tmp_path / "mine.toml"
    suite.write_text(
        '[[block]]\nset = "everyday"\nlimit = 2\nconditions = ["plain"]\nmodels = "chat"\n'
        'repeats = 3\n[[block]]\nset = "science"\nlimit = 1\nconditions = ["few_shot"]\n'
        'models = "base"\n'
    )
    config = RunConfig(models=(), suite=str(suite))
    _, prompts = render_probes(config)

    def counts(details: dict[str, object]) -> dict[str, int]:
        info = ModelInfo(name="a model", details=details)
        return dict(Counter(prompt.condition for prompt, _ in asked_of(config, info, prompts)))

    assert counts({"chat_template": False}) == {"few_shot": 1}
    assert counts({"chat_template": True}) == counts({}) == {"plain": 6}


def test_another_dtype_or_system_prompt_is_another_request() -> None:
    _, prompts = render_probes(RunConfig(models=(), limit=1))
    info = ModelInfo(name="a model")
    ids = {
        make_request(info, prompts[0], Sampling(), 0, options).id
        for options in (
            BackendOptions(),
            BackendOptions(dtype="bfloat16"),
            BackendOptions(dtype="float32"),
            BackendOptions(system="Be brief."),
            BackendOptions(batch_size=1),
        )
    }
    assert len(ids) == 4


class Paid:
    """A backend behind somebody's server, which counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def info(self) -> ModelInfo:
        price = {"input": 1.0, "output": 1.0}
        endpoint = "https://api.example.org/v1"
        return ModelInfo(name="openai:paid", endpoint=endpoint, details={"price": price})

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        for request in requests:
            self.asked += 1
            yield request.id, Generation(text="(A)", usage=Usage(completion_tokens=3, cost=0.5))

    def close(self) -> None:
        pass


def test_the_same_request_is_never_paid_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARPROBE_CACHE", str(tmp_path / "cache"))
    backend = Paid()

    def cost(name: str, config: RunConfig) -> float:
        questions, prompts = render_probes(config)
        folder = Run.create(tmp_path / name, run_info(config, questions, prompts), prompts)
        ask_models(folder, [backend], prompts, config)
        return sum(row.usage.cost for row in folder.responses().values() if row.usage)

    config = RunConfig(models=("openai:paid",), limit=3)
    assert (cost("one", config), backend.asked) == (1.5, 3)
    wider = config.model_copy(update={"conditions": ("plain", "direct")})
    assert (cost("two", wider), backend.asked) == (1.5, 6)
    assert (cost("three", config.model_copy(update={"cache": False})), backend.asked) == (1.5, 9)


def test_a_sample_is_drawn_by_seed_holds_every_topic_and_grows() -> None:
    whole = load_probe_set("everyday")
    few, more = sample_set(whole, 20), sample_set(whole, 40)
    ids = {one.id for one in few.questions}
    assert len(ids) == 20 and ids < {one.id for one in more.questions}
    assert ids != {one.id for one in sample_set(whole, 20, seed=1).questions}
    counts = Counter(one.metadata["topic"] for one in whole.questions)
    drawn = Counter(one.metadata["topic"] for one in more.questions)
    share = 40 / len(whole.questions)
    assert all(abs(drawn[topic] - share * count) <= 1 for topic, count in counts.items())
    assert run_info(RunConfig(models=(), limit=20), whole, []).limit == 20
