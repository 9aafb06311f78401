"""Whole runs against a server: killed, interrupted, short of money, with a key to keep."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from starprobe.bench.ask import run
from starprobe.bench.files import Appender, read_jsonl
from starprobe.bench.models import BackendOptions
from starprobe.bench.models.backend import price_of
from starprobe.bench.records import Sampling
from starprobe.bench.run_config import RunConfig, spent
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import FolderError, InputError
from tests.bench.models.misbehaving import MisbehavingServer

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = BackendOptions(concurrency=8, timeout_s=5, retries=3, max_wait_s=0.02)


def questions(path: Path, count: int) -> Path:
    """A file of so many questions."""
    options = [{"label": "A", "text": "yes"}, {"label": "B", "text": "no"}]
    rows = [
        {"id": f"q{n}", "question": f"Is {n} even?", "options": options, "answer": "A"}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def start(folder: Path, config: RunConfig) -> subprocess.Popen[str]:
    """A process that runs a config."""
    code = (
        "import sys; from starprobe.bench.ask import RunConfig, run; "
        f"run(RunConfig.model_validate_json(sys.argv[1]), {str(folder)!r})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, config.model_dump_json()],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_killed_at_twenty_random_moments_no_prompt_is_lost_and_none_is_there_twice(
    tmp_path: Path,
) -> None:
    dice, kills = random.Random(0), 0
    with MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.15) as server:
        config = RunConfig(
            models=(f"openai:m@{server.url}",),
            probes=(str(questions(tmp_path / "q.jsonl", 1200)),),
            options=OPTIONS,
        )
        responses = tmp_path / "run" / "responses.jsonl"
        while kills < 20:
            process = start(tmp_path / "run", config)
            size = responses.stat().st_size if responses.exists() else 0
            until = time.monotonic() + 30
            while process.poll() is None and time.monotonic() < until:
                if responses.exists() and responses.stat().st_size > size:
                    break
                time.sleep(0.002)
            time.sleep(dice.uniform(0, 0.4))
            assert process.poll() is None, process.communicate()
            process.kill()
            process.communicate()
            kills += 1
        process = start(tmp_path / "run", config)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        asked = sum(server.tries.values())
    rows = list(read_jsonl(responses))
    assert len(rows) == len({row["id"] for row in rows}) == 1200
    assert {row["prompt_id"] for row in rows} == set(Run(tmp_path / "run").prompts())
    # At each kill at most the requests under way were lost.
    assert asked <= 1200 + kills * OPTIONS.concurrency


def test_several_servers_of_a_model_share_the_work_and_one_that_is_gone_is_left_out(
    tmp_path: Path,
) -> None:
    with (
        MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.02) as one,
        MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.02) as two,
    ):
        servers = f"{one.url},http://127.0.0.1:9/v1,{two.url}"
        config = RunConfig(
            models=(f"openai:m@{one.url}",),
            probes=(str(questions(tmp_path / "q.jsonl", 10)),),
            options=OPTIONS,
        )
        run(config, tmp_path / "run")
        questions(tmp_path / "q.jsonl", 60)
        wider = config.model_copy(update={"models": (f"openai:m@{servers}",)})
        folder = run(wider, tmp_path / "run")
        assert [model.name for model in folder.info.models] == [f"openai:m@{one.url}"]
        assert len(folder.info.models[0].details["servers"]) == 3
        rows = folder.responses().values()
        assert len(rows) == 60 and all(row.error is None for row in rows)
        assert sum(one.tries.values()) >= 20 and sum(two.tries.values()) >= 15
        assert sum(one.tries.values()) + sum(two.tries.values()) == 60


@pytest.mark.parametrize("models", [1, 2])
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(tmp_path: Path, models: int) -> None:
    with MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.05) as server:
        command = [
            str(Path(sys.executable).with_name("starprobe")),
            "run",
            *(f"openai:m{number}@{server.url}" for number in range(models)),
            "--probes",
            str(questions(tmp_path / "q.jsonl", 300)),
            "--concurrency",
            "4",
            "--reader",
            "rules",
            "--out",
            str(tmp_path / "run"),
        ]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Where the tests run in the background of a script, Ctrl-C is ignored by inheritance.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        responses = tmp_path / "run" / "responses.jsonl"
        until = time.monotonic() + 30
        while time.monotonic() < until and not (responses.exists() and responses.stat().st_size):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "interrupted; the same command again goes on from here" in " ".join(said.split())
        assert "Traceback" not in said
        there = len(list(read_jsonl(responses)))
        assert 0 < there < 300
        assert all(row["error"] is None for row in read_jsonl(responses))
        assert responses.read_bytes().endswith(b"\n")
        server.latency_s = 0
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    rows = list(read_jsonl(responses))
    assert len(rows) == len({row["id"] for row in rows}) == 300 * models


def test_models_behind_servers_are_asked_at_the_same_time(tmp_path: Path) -> None:
    with (
        MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.4) as one,
        MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.4) as two,
    ):
        config = RunConfig(
            models=(
                f"openai:a@{one.url}",
                "scripted:direct",
                f"openai:b@{two.url}",
                "openai:c@http://127.0.0.1:9",
            ),
            probes=(str(questions(tmp_path / "q.jsonl", 40)),),
            options=OPTIONS,
        )
        begin = time.monotonic()
        folder = run(config, tmp_path / "run")
        took = time.monotonic() - begin
    # 40 prompts, 8 at once, 0.4 s each are 2 s a model.
    assert took < 3.6
    found = Counter((row.model, row.error is None) for row in folder.responses().values())
    assert found == {
        (config.models[0], True): 40,
        (config.models[2], True): 40,
        (config.models[3], False): 40,
        ("scripted:direct", True): 40,
    }
    named = [model.name for model in folder.info.models]
    assert sorted(named) == sorted(config.models)
    assert len(list(read_jsonl(tmp_path / "run" / "responses.jsonl"))) == 160


def test_a_full_disk_stops_all_models_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Appender, records: object) -> None:
        raise FolderError("cannot write: no space left")

    with MisbehavingServer(lambda prompt, tried: "ok", latency_s=0.1) as server:
        config = RunConfig(
            models=(f"openai:a@{server.url}", f"openai:b@{server.url}"),
            probes=(str(questions(tmp_path / "q.jsonl", 400)),),
            options=OPTIONS,
        )
        monkeypatch.setattr(Appender, "append", full)
        begin = time.monotonic()
        with pytest.raises(FolderError, match="no space left"):
            run(config, tmp_path / "run")
    assert time.monotonic() - begin < 3


def test_a_budget_is_never_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with MisbehavingServer(lambda prompt, tried: "ok") as server:
        model = f"openai:paid@{server.url}"
        own = tmp_path / "models.toml"
        own.write_text(
            f'[paid]\nmodel = "{model}"\n[paid.price]\ninput = 1000\noutput = 10000\n'
            f'date = "2026-01-01"\nsource = "a test"\n'
        )
        monkeypatch.setenv("STARPROBE_MODELS", str(own))
        config = RunConfig(
            models=("paid",),
            probes=(str(questions(tmp_path / "q.jsonl", 100)),),
            sampling=Sampling(max_tokens=20),
            options=OPTIONS,
            budget=2.0,
        )
        folder = run(config, tmp_path / "run")
        # A response costs 7 x 0.001 + 5 x 0.01 dollars, and might have cost 0.2 and more.
        cost = spent(folder.responses().values())
        assert 1.5 < cost <= 2.0
        asked = sum(server.tries.values())
        run(config, tmp_path / "run")
        assert sum(server.tries.values()) == asked
        folder = run(config.model_copy(update={"budget": 6.0}), tmp_path / "run")
    assert len(folder.responses()) == 100
    assert spent(folder.responses().values()) == pytest.approx(5.7)


def test_a_budget_without_a_price_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARPROBE_API_KEY", "sk-planted-0123456789")
    config = RunConfig(models=("openai:unknown@https://example.org/v1",), limit=1, budget=1.0)
    with pytest.raises(InputError, match="needs the price of openai:unknown"):
        run(config, tmp_path / "run")


def test_a_price_given_on_the_command_line_is_what_a_run_costs(tmp_path: Path) -> None:
    with MisbehavingServer(lambda prompt, tried: "ok") as server:
        config = RunConfig(
            models=(f"openai:unknown@{server.url}",),
            probes=(str(questions(tmp_path / "q.jsonl", 4)),),
            sampling=Sampling(max_tokens=20),
            options=OPTIONS.model_copy(update={"price": price_of("1000,10000")}),
            budget=10.0,
        )
        folder = run(config, tmp_path / "run")
    assert spent(folder.responses().values()) == pytest.approx(4 * 0.057)
    assert "--price 1000,10000" in (folder.info.command or "")
    for said in ("1", "a,b", "-1,2", "1,2,3", "nan,1"):
        with pytest.raises(InputError, match="--price"):
            price_of(said)


def test_a_model_on_this_machine_needs_no_price(tmp_path: Path) -> None:
    config = RunConfig(models=("scripted:direct",), limit=2, budget=0.0)
    assert len(run(config, tmp_path / "run").responses()) == 2


@pytest.mark.parametrize("in_url", [False, True])
def test_a_planted_key_is_in_no_file_and_in_no_line(tmp_path: Path, in_url: bool) -> None:
    key, word = "sk-planted-0123456789", "hunter2hunter2"
    basic = base64.b64encode(f"me:{word}".encode()).decode()

    def script(prompt: str, tried: int) -> str:
        return "echo_key" if "even" in prompt and "1" in prompt else "ok"

    with MisbehavingServer(script) as server:
        url = server.url.replace("http://", f"http://me:{word}@") if in_url else server.url
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("starprobe")),
                "run",
                f"openai:m@{url}",
                "--probes",
                str(questions(tmp_path / "q.jsonl", 20)),
                "--out",
                str(tmp_path / "run"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "STARPROBE_API_KEY": key},
        )
        sent = {headers["authorization"] for headers in server.headers}
        assert sent == {f"Basic {basic}" if in_url else f"Bearer {key}"}
    assert "Traceback" not in done.stderr
    written = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert written
    for secret in (key, word, basic):
        assert secret not in done.stdout + done.stderr
        assert [path for path, data in written.items() if secret.encode() in data] == []
