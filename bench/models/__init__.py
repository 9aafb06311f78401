"""From a model's name to a backend: BACKEND:NAME, or BACKEND:NAME@URL for a server of one's own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

from starprobe.bench.models.base import (
    Backend,
    BackendOptions,
    Models,
    Request,
    ScoringBackend,
    generate,
)
from starprobe.bench.models.names import LOCAL, ModelName, parse_model, providers
from starprobe.bench.records import Generation
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.plugins import declared, load

__all__ = [
    "Backend",
    "BackendOptions",
    "ModelName",
    "Models",
    "Request",
    "ScoringBackend",
    "generate",
    "generate_all",
    "load_backend",
    "name_of",
    "opened",
    "parse_model",
    "providers",
]


def load_backend(model: str | Backend, options: BackendOptions | None = None) -> Backend:
    """The backend that serves a model, ready to generate; a backend is itself.

    Raises:
        InputError: the name is wrong.
        MissingError: an extra, a key, a server or the model is not there.
    """
    if not isinstance(model, str):
        return model
    parsed, options = parse_model(model), options or BackendOptions()
    if provider := providers().get(parsed.backend):
        from starprobe.bench.models.http import HttpBackend

        return HttpBackend(provider, parsed.name, parsed.url, options)
    local = LOCAL.get(parsed.backend)
    if local is None:
        return _plugged_in(parsed, options)
    try:
        return _local(local.module, parsed, options)
    except ModuleNotFoundError as error:
        if not local.extra or (error.name or "").partition(".")[0] == "starprobe":
            raise
        raise MissingError(
            f"{model!r} needs the package {error.name!r}: pip install 'starprobe[{local.extra}]'"
        ) from None


@contextmanager
def opened(
    model: str | Backend,
    options: BackendOptions | None = None,
    load: Callable[[str, BackendOptions | None], Backend] | None = None,
) -> Iterator[Backend]:
    """The backend that serves a model, closed afterwards; one that was handed over stays open.

    Args:
        model: a name, or a backend.
        options: how it is to run.
        load: what makes a backend of a name; by default `load_backend`.

    Raises:
        InputError, MissingError: as `load` does.
    """
    backend = model if not isinstance(model, str) else (load or load_backend)(model, options)
    try:
        yield backend
    finally:
        if isinstance(model, str):
            backend.close()


def name_of(model: str | Backend) -> str:
    """What a model is called in a run folder."""
    return model if isinstance(model, str) else model.info().name


def generate_all(
    jobs: Sequence[tuple[Backend, Sequence[Request]]],
) -> Generator[tuple[Backend, str, Generation], None, None]:
    """What several backends give, thinking told from the answer: `generate` for more than one.

    Models behind HTTP answer at the same time; others one after the other, behind them.
    """
    from starprobe.bench.models.http import HttpBackend, Together

    remote = [(backend, asked) for backend, asked in jobs if isinstance(backend, HttpBackend)]
    if len(remote) > 1:
        owners = {request.id: backend for backend, asked in remote for request in asked}
        together = Together([backend for backend, _ in remote], owners)
        requests = [request for _, asked in remote for request in asked]
        for name, generation in generate(together, requests):
            yield owners[name], name, generation
        jobs = [(backend, asked) for backend, asked in jobs if backend not in together.backends]
    for backend, asked in jobs:
        for name, generation in generate(backend, asked):
            yield backend, name, generation


def _local(name: str, parsed: ModelName, options: BackendOptions) -> Backend:
    module = import_module(name)
    # An engine that wants a process of its own, or requests shared out: served by workers.
    if getattr(module, "OWN_PROCESS", False) or options.workers > 1:
        from starprobe.bench.models.worker import Place, start

        return start(Place(name, parsed.name, parsed.url), options)
    return cast(Backend, module.make(parsed.name, parsed.url, options))


def _plugged_in(parsed: ModelName, options: BackendOptions) -> Backend:
    """A backend of another package (an entry point), or of a module: MODULE:NAME[:MODEL].

    Raises:
        InputError: the module has no such name, or it is no backend and makes none.
    """
    if parsed.backend in declared("backends"):
        found = load("backends", parsed.backend)
        return _made(found, f"{parsed.backend}:", parsed.name, parsed.url, options)
    name, _, rest = parsed.name.partition(":")
    dotted = f"{parsed.backend}:{name}"
    return _made(load("backends", dotted), dotted, rest, parsed.url, options)


def _made(found: Any, label: str, name: str, url: str | None, options: BackendOptions) -> Backend:
    if callable(found):
        found = found(name, url, options)
    elif hasattr(found, "make"):
        found = found.make(name, url, options)
    if not (hasattr(found, "generate") and hasattr(found, "info")):
        raise InputError(
            f"{label} is no backend: it needs info, generate and close, or is called with "
            f"(name, url, options) and gives one"
        )
    return cast(Backend, found)
