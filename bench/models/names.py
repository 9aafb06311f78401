"""What a model is called, BACKEND:NAME[@URL] or a friendly name; who serves it, and with which key.

`models.toml` holds the friendly names with endpoint, context, quirks and price, `providers.toml`
the services. Both are built in, and the user's own files add to them and replace. Keys are found in
the environment only, sent only where they belong, and blotted out of every text.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError

from starprobe.bench.models.dialects import DialectName, Quirks
from starprobe.bench.models.local import EMBEDDED
from starprobe.bench.records import Usage
from starprobe.probes.errors import InputError, MissingError, first_error
from starprobe.probes.plugins import declared, is_module
from starprobe.probes.schema import Record

HERE = Path(__file__).parent
OWN = {"models": "STARPROBE_MODELS", "providers": "STARPROBE_PROVIDERS"}
"""Table -> the variable that names the user's file."""


class Local(NamedTuple):
    """A backend that runs on this machine."""

    module: str
    """It has `make(name, url, options)`."""
    says: str
    """What it is, for people."""
    package: str = ""
    """What must be installed."""
    extra: str = ""
    """The extra of starprobe that installs it."""


LOCAL = {
    "hf": Local(
        "starprobe.bench.models.hf",
        "transformers: a hub name, a folder, a GGUF file, an adapter folder",
        "transformers",
        "local",
    ),
    "vllm": Local(
        "starprobe.bench.models.vllm",
        "vLLM: a hub name, a folder, an adapter folder",
        "vllm",
        "vllm",
    ),
    "lm-eval": Local(
        "starprobe.bench.models.lm_eval",
        "any model of the harness: lm-eval:KIND,key=value",
        "lm_eval",
        "lm-eval",
    ),
    "scripted": Local("starprobe.bench.models.backend", "a fake, for tests and dry runs"),
}
OWN_KEY = "STARPROBE_API_KEY"
"""The key for a server of one's own: a vendor's key is sent to no host but the vendor's."""
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
BLOT = "[key]"
_SECRET_NAME = re.compile(
    r"(_API_KEY|_TOKEN|_SECRET|_PASSWORD|_ACCESS_KEY)$|BEARER_TOKEN", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_.~-]{8,}")
_SHORTEST = 8  # Shorter values ("none", "EMPTY") are no secrets, and would blot out common words.
_VARIABLE = re.compile(r"\{(\w+)(?:=([^}]*))?\}")
_MAKERS = (
    (r"gpt|o\d|chatgpt|codex", "openai"),
    (r"claude", "anthropic"),
    (r"gemini", "gemini"),
    (r"(open|codes|mini|magi|devs)?(mistral|stral)|mixtral", "mistral"),
    (r"deepseek", "deepseek"),
    (r"grok", "xai"),
)
"""How vendors' names begin, for a hint."""


class ModelName(NamedTuple):
    """A model's name in its parts."""

    backend: str
    name: str
    url: str | None = None


class Provider(Record):
    """A service behind HTTP, or several that are spoken to alike."""

    name: str
    """What stands before the colon of a model's name."""
    also: tuple[str, ...] = ()
    """Other words for it."""
    url: str
    """The base that paths are appended to; {VARIABLE} and {VARIABLE=default} are filled in."""
    dialect: DialectName = "openai"
    auth: str = "bearer"
    """`bearer`, the name of a header (`x-api-key`, `api-key`), `google`, `aws` or `none`."""
    key: str = ""
    """The environment variable that holds the key."""
    hosts: tuple[str, ...] = ()
    """Patterns of the names of hosts to which the key may be sent, beside the URL's own."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request."""
    quirks: Quirks = Quirks()
    reports_cost: bool = False
    """True where the service says what a request cost."""
    note: str = ""

    def base_url(self) -> str:
        """The URL, filled in.

        Raises:
            MissingError: a variable of it is not set.
        """

        def value(found: re.Match[str]) -> str:
            said = os.environ.get(found[1], "").strip().rstrip("/") or found[2]
            if said is None:
                raise MissingError(
                    f"{self.name}: needs {found[1]} in the environment, or {self.name}:MODEL@URL"
                )
            return said

        return _VARIABLE.sub(value, self.url)

    def serves(self, host: str) -> bool:
        """Whether a host is the service's own."""
        try:
            own = urlsplit(self.base_url()).hostname
        except MissingError:
            own = None
        return host == own or any(fnmatch(host, pattern) for pattern in self.hosts)


class Price(Record):
    """US dollars a million tokens, as read on a day somewhere."""

    input: float
    output: float
    date: str
    source: str


class Entry(Record):
    """One friendly name."""

    name: str
    model: str
    also: tuple[str, ...] = ()
    context: int | None = None
    key: str | None = None
    quirks: Quirks = Quirks()
    price: Price | None = None
    note: str = ""

    @property
    def url(self) -> str | None:
        """The URL that the model's name carries."""
        return _split(self.model).url


Named = TypeVar("Named", Entry, Provider)


def parse_model(model: str) -> ModelName:
    """The parts of BACKEND:NAME[@URL], or of a friendly name (`smollm2`, `gemma2`, `gpt-4o`).

    BACKEND is one of ours, a provider, a plug-in, or the name of a Python module.

    Raises:
        InputError: no such backend, or no name.
    """
    if model in EMBEDDED:
        return ModelName("hf", model)
    if ":" not in model:
        model = resolve(model) or model
    parsed = _split(model)
    backend = parsed.backend
    if provider := providers().get(backend):
        backend = provider.name
    elif ":" not in model or not (
        backend in LOCAL or backend in declared("backends") or is_module(backend)
    ):
        raise InputError(_unknown(model, parsed))
    if not parsed.name:
        raise InputError(f"model {model!r} has no name after {backend!r}:")
    return parsed._replace(backend=backend)


def _unknown(model: str, parsed: ModelName) -> str:
    known = [*LOCAL, *providers(), *EMBEDDED, *entries()]
    close = difflib.get_close_matches(parsed.backend, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    for pattern, maker in _MAKERS if ":" not in model else ():
        if re.match(pattern, model):
            hint = hint.rstrip("?.") + f"{', or' if close else '; did you mean'} '{maker}:{model}'?"
            break
    return (
        f"unknown model {model!r}{hint} Name it BACKEND:NAME with a backend of "
        f"{', '.join(LOCAL)} or a provider that `starprobe models --providers` lists, or a name "
        f"that `starprobe models` lists"
    )


def providers() -> dict[str, Provider]:
    """Word before the colon -> provider; the user's own replace the built-in ones.

    Raises:
        InputError: the user's file is not TOML, or an entry of it does not fit.
    """
    found = _table("providers", Provider)
    return found | {word: one for one in found.values() for word in one.also if word not in found}


def entries() -> dict[str, Entry]:
    """Name -> entry; the user's own replace the built-in ones.

    Raises:
        InputError: the user's file is not TOML, or an entry of it does not fit.
    """
    return _table("models", Entry)


def resolve(name: str) -> str | None:
    """The BACKEND:NAME[@URL] behind a friendly name; None where there is no such name."""
    entry = entries().get(name)
    return entry.model if entry else None


def find(backend: str, name: str, url: str | None) -> Entry | None:
    """The entry of a model, found by what it stands for; another endpoint is another model."""
    for entry in entries().values():
        if _split(entry.model) in {(backend, name, url), (backend, name, None)}:
            # A price and a key belong to the vendor's endpoint, the quirks to the model.
            same = entry.url == url
            return entry if same else entry.model_copy(update={"price": None, "key": None})
    return None


def quirks(provider: Provider, entry: Entry | None, known: Quirks) -> Quirks:
    """What is known of a model without asking, and over it what provider and entry say."""
    said: dict[str, Any] = {}
    for one in (provider.quirks, entry.quirks if entry else Quirks()):
        said |= {name: getattr(one, name) for name in one.model_fields_set}
    if entry is not None and entry.context is not None:
        said.setdefault("context", entry.context)
    if provider.dialect == "responses":
        said["api"] = "responses"
    return known.model_copy(update=said)


def key_name(provider: Provider, url: str) -> str:
    """The variable that holds the key for a URL: a vendor's key is sent to no other host."""
    if is_local(url):
        return provider.key if provider.key and not os.environ.get(OWN_KEY) else OWN_KEY
    host = (urlsplit(url).hostname or "").lower()
    for one in (provider, *providers().values()):
        if one.key and one.serves(host):
            return one.key
    return OWN_KEY


def needs_key(provider: Provider, url: str) -> bool:
    """Whether a URL is known to want a key: a vendor's does, a server of one's own may not."""
    host = (urlsplit(url).hostname or "").lower()
    return not is_local(url) and any(
        one.key and one.auth != "none" and one.serves(host)
        for one in (provider, *providers().values())
    )


def is_local(url: str) -> bool:
    """Whether a URL names this machine."""
    host = (urlsplit(url).hostname or "").lower()
    return host in LOCAL_HOSTS or host.startswith("127.")


def secrets(more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The values in the environment, and more, that must never be written, longest first."""
    found = {
        value.strip()
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST
    }
    found |= {value for value in more if len(value) >= _SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))


def redact(text: str, keys: tuple[str, ...] | None = None) -> str:
    """The text with every key, and every user:password of a URL, blotted out."""
    for key in secrets() if keys is None else keys:
        if key in text:
            text = text.replace(key, BLOT)
    text = _CREDENTIALS.sub(rf"\1 {BLOT}", text)
    return re.sub(r"(https?://)[^/@\s'\"]+@", rf"\1{BLOT}@", text)


def public_url(url: str) -> str:
    """The URL without what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def with_cost(usage: Usage | None, price: Price | None) -> Usage | None:
    """The usage with its cost in dollars, where the price is known and the service named none."""
    if usage is None or usage.cost is not None or price is None:
        return usage
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return usage
    dollars = (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6
    return usage.model_copy(update={"cost": dollars})


def own_file(table: str) -> Path:
    """Where the user's entries are read from, whether or not it exists."""
    if os.environ.get(OWN[table]):
        return Path(os.environ[OWN[table]])
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / (
        f"starprobe/{table}.toml"
    )


def _split(model: str) -> ModelName:
    backend, _, rest = model.partition(":")
    name, _, url = rest.partition("@http")
    return ModelName(backend, name, f"http{url}" if url else None)


def _table(table: str, kind: type[Named]) -> dict[str, Named]:
    own = own_file(table)
    found = dict(_read(HERE / f"{table}.toml", 0.0, kind))
    if own.is_file():
        found |= _read(own, own.stat().st_mtime, kind)
    elif os.environ.get(OWN[table]):
        raise InputError(f"{OWN[table]} names {own}, which is no file")
    return found


@lru_cache(maxsize=8)
def _read(path: Path, changed: float, kind: type[Named]) -> Mapping[str, Named]:
    """The entries of a file; `changed` makes an edited file be read again."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    found = {}
    for name, table in tables.items():
        try:
            found[name] = kind.model_validate({**table, "name": name})
        except (ValidationError, TypeError) as error:
            said = first_error(error) if isinstance(error, ValidationError) else str(error)
            raise InputError(f"{path}, [{name}]: {said}") from None
    return found
