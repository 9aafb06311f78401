"""`vllm:` what needs no engine, and the real engine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest

from starprobe.bench.ask import run
from starprobe.bench.frames import exchanges
from starprobe.bench.models import BackendOptions, load_backend, vllm
from starprobe.bench.models.local import resolve
from starprobe.bench.read import classify_run
from starprobe.bench.records import Sampling
from starprobe.bench.run_config import RunConfig
from starprobe.probes.errors import InputError
from tests.bench.models.makers import request

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")


def test_a_url_is_pointed_to_the_right_backend() -> None:
    with pytest.raises(InputError, match="openai:m@http://h"):
        vllm.make("m", "http://h", BackendOptions())


@needs_vllm
def test_what_an_engine_cannot_load_is_one_line_from_its_process() -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_backend("vllm:./nothing/here")


@pytest.mark.slow
@needs_vllm
def test_the_real_engine_chats_samples_and_refuses_what_is_too_long() -> None:
    backend = load_backend("vllm:smollm2", BackendOptions(max_model_len=256))
    try:
        asked = [
            request("Say hello.", max_tokens=12, temperature=1.0, seed=seed).model_copy(
                update={"id": f"s{seed}"}
            )
            for seed in range(4)
        ]
        asked += [
            request("Name a fruit.", max_tokens=12).model_copy(update={"id": f"g{repeat}"})
            for repeat in range(2)
        ]
        asked += [request("The capital of France is", chat=False, max_tokens=4)]
        asked += [request("word " * 300, max_tokens=12)]
        rows = dict(backend.generate(asked))
        again = dict(backend.generate(asked))
        info = backend.info()
        pairs = [("The capital of France is", end) for end in (" Paris", " Rome", " Paris, Rome")]
        scores = backend.loglikelihoods(pairs)
    finally:
        backend.close()
    assert len(rows) == len(asked)
    assert rows == {
        name: row.model_copy(update={"latency_s": rows[name].latency_s})
        for name, row in again.items()
    }
    assert len({rows[f"s{seed}"].text for seed in range(4)}) > 1
    assert rows["g0"].text == rows["g1"].text != ""
    assert "Paris" in rows["The capital of France is"].text
    error = rows["word " * 300].error
    assert error is not None
    assert error.kind == "prompt_too_long"
    assert scores[0] > scores[1]
    assert scores[0] > scores[2]
    assert info.revision
    assert {row["temperature"] for row in info.details["sent"]} == {0.0, 1.0}
    assert info.details["max_model_len"] == 256


@pytest.mark.slow
@needs_vllm
def test_the_real_engine_serves_an_adapter(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    from starprobe.bench.models.local import embedded_folder

    base = AutoModelForCausalLM.from_pretrained(str(embedded_folder("smollm2")))
    config = peft.LoraConfig(
        r=8, lora_alpha=64, target_modules="all-linear", init_lora_weights=False
    )
    adapter = tmp_path / "adapter"
    peft.get_peft_model(base, config).save_pretrained(str(adapter))
    options = BackendOptions(base_model="smollm2", max_model_len=256)
    asked = [request("Name a fruit.", max_tokens=8)]
    texts = []
    for name in ("vllm:smollm2", f"vllm:{adapter}"):
        backend = load_backend(name, options)
        texts.append(dict(backend.generate(asked))["Name a fruit."].text)
        backend.close()
    assert texts[0] != texts[1]


@pytest.mark.slow
@needs_vllm
def test_on_a_processor_an_adapter_is_merged_and_scores_as_beside_its_base(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    from starprobe.bench.models.local import embedded_folder

    if torch.cuda.is_available():
        pytest.skip("on a GPU the engine keeps adapters apart")
    base = AutoModelForCausalLM.from_pretrained(str(embedded_folder("smollm2")))
    torch.manual_seed(0)
    config = peft.LoraConfig(
        r=4, lora_alpha=12, target_modules="all-linear", init_lora_weights=False
    )
    peft.get_peft_model(base, config).save_pretrained(str(tmp_path / "adapter"))
    options = BackendOptions(base_model="smollm2", max_model_len=256, cache_dir=tmp_path / "cache")
    pair = [("A fruit that is yellow is the", " banana, and one that is red is the apple.")]
    found = {}
    for name in ("vllm:smollm2", f"vllm:{tmp_path / 'adapter'}", f"hf:{tmp_path / 'adapter'}"):
        backend = load_backend(name, options)
        found[name.partition("/")[0]] = backend.loglikelihoods(pair)[0]  # type: ignore[attr-defined]
        backend.close()
    assert found["vllm:"] == pytest.approx(found["hf:"], rel=0.05)
    assert abs(found["vllm:smollm2"] - found["hf:"]) > 3 * abs(found["vllm:"] - found["hf:"])
    assert [path.name for path in (tmp_path / "cache" / "models").glob("merged-*[0-9a-f]")]


@pytest.mark.slow
@needs_vllm
def test_a_vllm_server_gives_the_same_verdicts_through_three_dialects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARPROBE_API_KEY", "none")
    with vllm_server("smollm2") as url:
        models = tuple(f"{dialect}:smollm2@{url}" for dialect in SPOKEN)
        config = RunConfig(
            models=models,
            conditions=("plain", "scratchpad", "hinted"),
            limit=3,
            sampling=Sampling(max_tokens=48),
            options=BackendOptions(concurrency=1, timeout_s=300),
        )
        folder = run(config, tmp_path / "run")
    classify_run(folder, "rules")
    found: dict[str, dict[str, object]] = {}
    for prompt, response, verdict in exchanges(folder, "rules"):
        assert response.error is None and response.text, response
        said = (response.text, response.finish_reason, verdict.model_dump(exclude={"id"}))
        found.setdefault(prompt.id, {})[response.model.partition(":")[0]] = said
    assert len(found) == 9
    for by_dialect in found.values():
        assert len(by_dialect) == 3
        first, *others = by_dialect.values()
        assert others == [first, first]


SPOKEN = ("openai", "openai-responses", "anthropic")


@contextmanager
def vllm_server(model: str) -> Iterator[str]:
    """The URL of a vLLM server in a process of its own, ended with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--port", str(port),
        "--model", str(resolve(model, BackendOptions())), "--served-model-name", model,
        "--max-model-len", "1024", "--enforce-eager", "--dtype", "float32",
        # A cached prefix is added up in another order: near ties then fall otherwise.
        "--no-enable-prefix-caching",
    ]  # fmt: skip
    settings = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    server = subprocess.Popen(
        command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 300
        while True:
            assert server.poll() is None and time.monotonic() < end, "the server does not come up"
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                    break
            except httpx2.HTTPError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)
