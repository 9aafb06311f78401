"""`vllm:`: what we tell the engine, what we do when it dies, and the real engine."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from starprobe.bench.models import BackendOptions, load_backend, vllm
from starprobe.bench.models.base import Request
from starprobe.bench.models.vllm_engine import _groups
from starprobe.probes.errors import InputError, MissingError
from tests.bench.models.makers import request

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")

DIES = """
import json, sys
json.loads(sys.stdin.readline())
print(json.dumps({"ready": {"dtype": "x"}}), flush=True)
rows = json.loads(sys.stdin.readline())["requests"]
print(json.dumps({"id": rows[0]["id"], "generation": {"text": "A"}}), flush=True)
sys.exit("RuntimeError: out of memory")
"""
SERVES = """
import json, sys
json.loads(sys.stdin.readline())
print(json.dumps({"ready": {}}), flush=True)
for line in sys.stdin:
    for row in json.loads(line)["requests"]:
        print(json.dumps({"id": row["id"], "generation": {"text": row["text"]}}), flush=True)
"""
REFUSES = """
import json, sys
print(json.dumps({"failed": "no such architecture"}), flush=True)
"""


def model_folder(path: Path, **adapter: object) -> Path:
    """A folder that looks like a model, or like an adapter."""
    name = "adapter_config.json" if adapter else "config.json"
    path.mkdir(exist_ok=True)
    (path / name).write_text(json.dumps(adapter))
    return path


@needs_vllm
def test_an_engine_that_dies_leaves_errors_worth_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "ENGINE", (sys.executable, "-c", DIES))
    backend = load_backend(f"vllm:{model_folder(tmp_path)}")
    rows = dict(backend.generate([request("a"), request("b"), request("c")]))
    backend.close()
    assert rows["a"].text == "A"
    for name in "bc":
        error = rows[name].error
        assert error is not None
        assert (error.kind, error.permanent) == ("engine_died", False)
        assert "out of memory" in error.message


@needs_vllm
def test_a_batch_that_was_given_up_does_not_mix_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "ENGINE", (sys.executable, "-c", SERVES))
    backend = load_backend(f"vllm:{model_folder(tmp_path)}")
    given_up = backend.generate([request("a"), request("b"), request("c")])
    next(given_up)
    given_up.close()  # type: ignore[attr-defined]
    rows = list(backend.generate([request("c"), request("d")]))
    backend.close()
    backend.close()
    assert [(name, row.text) for name, row in rows] == [("c", "c"), ("d", "d")]


@needs_vllm
def test_a_model_that_vllm_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "ENGINE", (sys.executable, "-c", REFUSES))
    with pytest.raises(MissingError, match="no such architecture"):
        load_backend(f"vllm:{model_folder(tmp_path)}")


def test_a_url_is_pointed_to_the_right_backend() -> None:
    with pytest.raises(InputError, match="openai:m@http://h"):
        vllm.make("m", "http://h", BackendOptions())


def test_an_adapter_brings_its_base_and_a_name_of_its_own_each_time(tmp_path: Path) -> None:
    adapter = model_folder(tmp_path / "adapter", base_model_name_or_path="org/base", r=24)
    first = vllm._engine_settings(adapter, BackendOptions())
    assert first["model"] == "org/base"
    assert first["adapter"]["rank"] == 24
    (adapter / "adapter_model.safetensors").write_bytes(b"trained anew")
    second = vllm._engine_settings(adapter, BackendOptions())
    assert first["adapter"]["name"] != second["adapter"]["name"]


def test_repeats_of_a_prompt_become_one_request_for_n_samples() -> None:
    def plain(asked: Request) -> dict[str, object]:
        return {
            "id": f"{asked.id}/{asked.sampling.seed}",
            "chat": asked.chat,
            "messages": [],
            "text": asked.prompt.text,
            "sampling": asked.sampling.model_dump(mode="json"),
        }

    rows = [plain(request("a", seed=seed)) for seed in range(3)]
    rows += [plain(request("b")), plain(request("a", temperature=0.5))]
    assert [[row["id"] for row in group] for group in _groups(rows)] == [
        ["a/0", "a/1", "a/2"],
        ["b/0"],
        ["a/0"],
    ]


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
    assert info.revision
    assert info.details["max_model_len"] == 256


@pytest.mark.slow
@needs_vllm
def test_the_real_engine_serves_an_adapter(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM

    from starprobe.bench.models.embedded import embedded_folder

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
