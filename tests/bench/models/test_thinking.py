"""The same response through every backend is the same record, and the same training row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from starprobe.bench.models import Backend, BackendOptions, generate, load_backend
from starprobe.bench.models.thinking import split_generation, whole
from starprobe.bench.models.vllm import Group, VllmBackend
from starprobe.bench.records import Generation, Sampling
from tests.bench.models.makers import QUICK, request
from tests.bench.models.services import serving
from tests.bench.models.services import whole as body

torch = pytest.importorskip("torch", reason="the extra `local` is not installed")

ANSWER, THOUGHT = "The answer is (A).", "B fails, A fits."
RAW = f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"
SHAPES = {
    "both tags": RAW,
    "the template wrote the opening tag": f"{THOUGHT}\n</think>\n\n{ANSWER}",
    "no thinking": ANSWER,
    "cut short while thinking": f"<think>\n{THOUGHT}",
}


@contextmanager
def transformers(text: str, tiny: Path, tmp: Path) -> Iterator[Backend]:
    backend: Any = load_backend(f"hf:{tiny}", BackendOptions(device="cpu"))
    ids = [*backend.tokenizer(text)["input_ids"], backend.tokenizer.eos_token_id]

    def said(input_ids: torch.Tensor, **settings: Any) -> torch.Tensor:
        return torch.cat([input_ids, torch.tensor([ids])], dim=1)

    backend.model.generate = said
    yield backend
    backend.close()


class Engine:
    """What vLLM gives for one request, finished as the backend finishes it."""

    def __init__(self, text: str, tiny: Path) -> None:
        hf: Any = load_backend(f"hf:{tiny}", BackendOptions(device="cpu"))
        self.backend = object.__new__(VllmBackend)
        self.backend.codec = hf.codec
        ids = [*hf.tokenizer(text)["input_ids"], hf.tokenizer.eos_token_id]
        sample = SimpleNamespace(token_ids=ids, finish_reason="stop")
        self.output = SimpleNamespace(outputs=[sample])

    def generate(self, requests: Any) -> Iterator[tuple[str, Generation]]:
        group = Group([requests[0].id], [1], Sampling())
        yield from self.backend._finished(group, self.output, 0.0)


@contextmanager
def vllm(text: str, tiny: Path, tmp: Path) -> Iterator[Any]:
    yield Engine(text, tiny)


@contextmanager
def harness(text: str, tiny: Path, tmp: Path) -> Iterator[Backend]:
    pytest.importorskip("lm_eval")
    from tests.bench.models.test_lm_eval import Echo

    backend: Any = load_backend("lm-eval:starprobe-echo")
    assert isinstance(backend.lm, Echo)
    backend.lm.generate_until = lambda requests: [text for _ in requests]
    yield backend


@contextmanager
def scripted(text: str, tiny: Path, tmp: Path) -> Iterator[Backend]:
    (tmp / "said.json").write_text(json.dumps({"*": text}))
    yield load_backend(f"scripted:{tmp / 'said.json'}")


@contextmanager
def workers(text: str, tiny: Path, tmp: Path) -> Iterator[Backend]:
    (tmp / "said.json").write_text(json.dumps({"*": text}))
    options = BackendOptions(workers=2, device="cpu")
    backend = load_backend(f"scripted:{tmp / 'said.json'}", options)
    yield backend
    backend.close()


def behind(dialect: str, model: str) -> Callable[..., Any]:
    """A model behind HTTP."""

    @contextmanager
    def made(text: str, tiny: Path, tmp: Path) -> Iterator[Backend]:
        with serving(lambda asked, number: (200, body(dialect, text))) as service:
            backend = load_backend(f"{model}@{service.url}", QUICK)
            yield backend
            backend.close()

    return made


BACKENDS: dict[str, Callable[..., Any]] = {
    "hf": transformers,
    "vllm": vllm,
    "lm-eval": harness,
    "scripted": scripted,
    "workers": workers,
    "openai": behind("openai", "openai:m"),
    "anthropic": behind("anthropic", "anthropic:m"),
    "ollama": behind("ollama", "ollama:m"),
    "gemini": behind("gemini", "gemini:m"),
    "bedrock": behind("bedrock", "bedrock:m"),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_text_is_the_same_record_and_the_same_training_row(
    backend: str, shape: str, tiny_model: Path, tmp_path: Path
) -> None:
    text = SHAPES[shape]
    expected = split_generation(Generation(text=text))
    with BACKENDS[backend](text, tiny_model, tmp_path) as loaded:
        ((_, found),) = generate(loaded, [request("Which?")])
    assert found.error is None
    assert (found.text, found.reasoning, found.raw) == (
        expected.text,
        expected.reasoning,
        expected.raw,
    )
    assert whole(found) == text


def test_thinking_is_apart_and_the_answer_is_not_lost() -> None:
    parts = {name: split_generation(Generation(text=text)) for name, text in SHAPES.items()}
    assert {name: (one.text, one.reasoning) for name, one in parts.items()} == {
        "both tags": (ANSWER, THOUGHT),
        "the template wrote the opening tag": (ANSWER, THOUGHT),
        "no thinking": (ANSWER, None),
        "cut short while thinking": ("", THOUGHT),
    }
    assert parts["no thinking"].raw is None


def test_thinking_that_a_service_keeps_apart_is_trained_on_between_tags() -> None:
    apart = split_generation(Generation(text=ANSWER, reasoning=THOUGHT))
    assert (apart.text, apart.reasoning, apart.raw) == (ANSWER, THOUGHT, None)
    assert whole(apart) == RAW


def test_marks_of_thinking_that_are_special_tokens_stay_in_the_text(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    from starprobe.bench.models.local import Codec

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[THINK]", "[/THINK]"]})
    ids = tokenizer(f"[THINK]{THOUGHT}[/THINK]{ANSWER}<pad>", add_special_tokens=False)["input_ids"]
    done = Codec(tokenizer).finish(ids, Sampling())
    found = split_generation(Generation(text=done.text))
    assert (found.text, found.reasoning) == (ANSWER, THOUGHT)
