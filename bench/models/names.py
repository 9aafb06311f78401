"""Friendly names of models: endpoint, context, quirks, price; built in and the user's own."""

from __future__ import annotations

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from starprobe.bench.models.dialect import Quirks
from starprobe.bench.records import Usage
from starprobe.probes.errors import InputError, first_error
from starprobe.probes.schema import Record

BUILT_IN = Path(__file__).parent / "models.toml"
OWN_FILE = "STARPROBE_MODELS"
"""The variable that names the user's file."""


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
        return _split(self.model)[2]


def own_file() -> Path:
    """Where the user's entries are read from, whether or not it exists."""
    if os.environ.get(OWN_FILE):
        return Path(os.environ[OWN_FILE])
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / (
        "starprobe/models.toml"
    )


def entries() -> dict[str, Entry]:
    """Name -> entry; the user's own replace the built-in ones.

    Raises:
        InputError: the user's file is not TOML, or an entry of it does not fit.
    """
    own = own_file()
    found = dict(_read(BUILT_IN, 0.0))
    if own.is_file():
        found |= _read(own, own.stat().st_mtime)
    elif os.environ.get(OWN_FILE):
        raise InputError(f"{OWN_FILE} names {own}, which is no file")
    return found


def resolve(name: str) -> str | None:
    """The BACKEND:NAME[@URL] behind a friendly name; None where there is no such name."""
    entry = entries().get(name)
    return entry.model if entry else None


def find(backend: str, name: str, url: str | None) -> Entry | None:
    """The entry of a model, found by what it stands for; another endpoint is another model."""
    for entry in entries().values():
        if _split(entry.model) in {(backend, name, url), (backend, name, None)}:
            # A price and a key belong to the vendor's endpoint, the quirks to the model.
            same = _split(entry.model)[2] == url
            return entry if same else entry.model_copy(update={"price": None, "key": None})
    return None


def quirks(entry: Entry | None, known: Quirks) -> Quirks:
    """What is known of a model without asking, and over it what its entry says."""
    if entry is None:
        return known
    said: dict[str, Any] = {
        name: getattr(entry.quirks, name) for name in entry.quirks.model_fields_set
    }
    if entry.context is not None:
        said.setdefault("context", entry.context)
    return known.model_copy(update=said)


def with_cost(usage: Usage | None, entry: Entry | None) -> Usage | None:
    """The usage with its cost in dollars, where the price is known and the service named none."""
    if usage is None or usage.cost is not None or entry is None or entry.price is None:
        return usage
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return usage
    dollars = (
        usage.prompt_tokens * entry.price.input + usage.completion_tokens * entry.price.output
    ) / 1e6
    return usage.model_copy(update={"cost": dollars})


def _split(model: str) -> tuple[str, str, str | None]:
    backend, _, rest = model.partition(":")
    name, _, url = rest.partition("@http")
    return backend, name, f"http{url}" if url else None


@lru_cache(maxsize=8)
def _read(path: Path, changed: float) -> dict[str, Entry]:
    """The entries of a file; `changed` makes an edited file be read again."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    found = {}
    for name, table in tables.items():
        try:
            found[name] = Entry.model_validate({**table, "name": name})
        except (ValidationError, TypeError) as error:
            said = first_error(error) if isinstance(error, ValidationError) else str(error)
            raise InputError(f"{path}, [{name}]: {said}") from None
    return found
