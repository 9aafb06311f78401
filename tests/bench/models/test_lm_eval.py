"""`lm-eval:` a model of the harness behind our interface."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval")

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from starprobe.bench.models import BackendOptions, load_backend
from starprobe.probes.errors import InputError
from tests.bench.models.makers import request
from tests.bench.models.misbehaving import MisbehavingServer

ROOT = Path(__file__).parents[3]


@register_model("starprobe-echo")
class Echo(LM):  # type: ignore[misc]
    """Says what it was asked; fails a whole call that holds the word `bad`."""

    def __init__(self, shout: str = "", **kwargs: Any) -> None:
        super().__init__()
        self.shout = shout

    def generate_until(self, requests: list[Any]) -> list[str]:
        if any("bad" in instance.args[0] for instance in requests):
            raise RuntimeError("exhausted")
        return [f"{self.shout}{i.args[0]}|{i.args[1]['max_gen_toks']}" for i in requests]

    def loglikelihood(self, requests: list[Any]) -> list[Any]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Any]) -> list[Any]:
        raise NotImplementedError


def test_a_registered_model_answers_with_its_arguments() -> None:
    backend = load_backend("lm-eval:starprobe-echo,shout=ho-")
    rows = dict(backend.generate([request("hello", max_tokens=7)]))
    backend.close()
    assert rows["hello"].text == "ho-hello|7"
    assert backend.info().name == "lm-eval:starprobe-echo,shout=ho-"


def test_the_models_of_the_harness_are_there_beside_one_that_a_user_registers(
    tiny_model: Path,
) -> None:
    # In a fresh process: here the harness's own may have been looked up before.
    code = (
        "import tests.bench.models.test_lm_eval\n"
        "from starprobe.bench.models import load_backend\n"
        f"load_backend('lm-eval:hf,pretrained={tiny_model},device=cpu').close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_one_failing_request_does_not_end_the_others() -> None:
    backend = load_backend("lm-eval:starprobe-echo")
    asked = [request(f"p{i}" if i != 5 else "bad") for i in range(40)]
    rows = dict(backend.generate(asked))
    assert len(rows) == 40
    assert [name for name, row in rows.items() if row.error] == ["bad"]


def test_an_unknown_kind_is_one_line() -> None:
    with pytest.raises(InputError, match="no model 'nonsense'"):
        load_backend("lm-eval:nonsense,a=1")


@pytest.mark.slow
def test_an_api_model_of_the_harness_gets_a_seed_of_its_own_for_every_repeat() -> None:
    pytest.importorskip("tenacity", reason="the harness's API models need lm-eval[api]")
    pytest.importorskip("aiohttp", reason="the harness's API models need lm-eval[api]")
    with MisbehavingServer(lambda prompt, tried: "ok") as server:
        name = "lm-eval:local-chat-completions,model=m,tokenizer_backend=None"
        backend = load_backend(f"{name}@{server.url}/chat/completions", BackendOptions())
        asked = [
            request("hello", temperature=1.0, seed=seed).model_copy(update={"id": str(seed)})
            for seed in (3, 4)
        ]
        rows = dict(backend.generate(asked))
        seeds = {body["seed"] for body in server.bodies}
    assert seeds == {3, 4}
    assert [row.text for row in rows.values()] == ["answer to hello"] * 2
    assert json.dumps(server.bodies[0]["messages"][0]["content"]) == '"hello"'
