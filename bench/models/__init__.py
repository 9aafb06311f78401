"""From a model's name to a backend: BACKEND:NAME, or BACKEND:NAME@URL for a server of one's own."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import NamedTuple, cast

from starprobe.bench.models.base import (
    Backend,
    BackendOptions,
    Request,
    ScoringBackend,
    generate,
)
from starprobe.probes.errors import InputError, MissingError

__all__ = [
    "BACKENDS",
    "Backend",
    "BackendOptions",
    "ModelName",
    "Request",
    "ScoringBackend",
    "generate",
    "load_backend",
    "parse_model",
]

BACKENDS = {
    "hf": "starprobe.bench.models.hf",
    "vllm": "starprobe.bench.models.vllm",
    "openai": "starprobe.bench.models.openai",
    "anthropic": "starprobe.bench.models.anthropic",
    "ollama": "starprobe.bench.models.ollama",
    "lm-eval": "starprobe.bench.models.lm_eval",
    "scripted": "starprobe.bench.models.scripted",
}
"""Backend -> the module that has its `make(name, url, options)`, imported when asked for."""

EXTRAS = {"hf": "local", "vllm": "vllm", "lm-eval": "lm-eval"}
"""Backend -> the extra of starprobe that installs what it needs."""


class ModelName(NamedTuple):
    """A model's name in its parts."""

    backend: str
    name: str
    url: str | None = None


def parse_model(model: str) -> ModelName:
    """The parts of BACKEND:NAME[@URL], or of a friendly name (`smollm2`, `gemma2`, `gpt-4o`).

    Raises:
        InputError: no such backend, or no name.
    """
    from starprobe.bench.models import names as registry
    from starprobe.bench.models.weights import EMBEDDED

    if model in EMBEDDED:
        return ModelName("hf", model)
    if ":" not in model:
        model = registry.resolve(model) or model
    backend, colon, rest = model.partition(":")
    if not colon or backend not in BACKENDS:
        known = [*BACKENDS, *EMBEDDED, *registry.entries()]
        close = difflib.get_close_matches(backend, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise InputError(
            f"unknown model {model!r}{hint} Name it BACKEND:NAME with a backend of "
            f"{', '.join(BACKENDS)}, or a name that `starprobe models` lists"
        )
    name, _, url = rest.partition("@http")
    if not name:
        raise InputError(f"model {model!r} has no name after {backend!r}:")
    return ModelName(backend, name, f"http{url}" if url else None)


def load_backend(model: str, options: BackendOptions | None = None) -> Backend:
    """The backend that serves a model, ready to generate.

    Raises:
        InputError: the name is wrong.
        MissingError: an extra, a key, a server or the model is not there.
    """
    from starprobe.bench.models.worker import Place, start

    parsed = parse_model(model)
    try:
        place, options = Place(BACKENDS[parsed.backend], *parsed[1:]), options or BackendOptions()
        module = import_module(place.module)
        # An engine that wants a process of its own, or requests shared out: served by workers.
        if getattr(module, "OWN_PROCESS", False) or options.workers > 1:
            return start(place, options)
        made = module.make(parsed.name, parsed.url, options)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(parsed.backend)
        if extra is None or (error.name or "").split(".")[0] in {"starprobe"}:
            raise
        raise MissingError(
            f"{model!r} needs the package {error.name!r}: pip install 'starprobe[{extra}]'"
        ) from None
    return cast(Backend, made)
