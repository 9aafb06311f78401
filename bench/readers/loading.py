"""Readers by their names, as `--reader` takes them."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from typing import cast

from starprobe.bench.readers.base import Reader
from starprobe.probes.errors import InputError, UserError
from starprobe.probes.plugins import declared, is_own, load

READERS = ("neural", "rules", "judge:MODEL", "neural+judge:MODEL", "MODULE:NAME")
"""What `--reader` takes."""


def default_reader() -> str:
    """`neural` where its weights and torch are installed, else `rules`."""
    weights = resources.files("starprobe.bench.readers").joinpath("weights")
    there = weights.is_dir() and find_spec("torch") and find_spec("transformers")
    return "neural" if there else "rules"


DEFAULT_READER = default_reader()


def load_reader(name: str | Reader = DEFAULT_READER) -> Reader:
    """The reader of this name, loaded; a reader is itself.

    Args:
        name: one of `READERS`; `MODULE:NAME` for one of your own; or the name of an entry point in
            the group `starprobe.readers`.

    Raises:
        InputError: there is no reader of this name.
        MissingError: it needs a package, a model or a key that is not there.
    """
    if not isinstance(name, str):
        return name
    if "+judge:" in name:
        from starprobe.bench.readers.cascade import CascadeReader

        first, _, model = name.partition("+judge:")
        return CascadeReader(load_reader(first), load_reader(f"judge:{model}"))
    if name == "rules":
        from starprobe.bench.readers.rules import RulesReader

        return RulesReader()
    if name == "neural":
        return _own("starprobe.bench.readers.neural:NeuralReader")
    if name.startswith("judge:") and len(name) > len("judge:"):
        from starprobe.bench.readers.judge import JudgeReader

        return JudgeReader(name.removeprefix("judge:"))
    if name in declared("readers") or is_own(name):
        return _own(name)
    raise InputError(f"no reader is called {name!r}: use one of {', '.join(READERS)}")


def _own(name: str) -> Reader:
    made = load("readers", name)
    try:
        return cast(Reader, made() if callable(made) else made)
    except UserError:
        raise
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise InputError(f"reader {name!r} cannot be loaded: {error}") from None
