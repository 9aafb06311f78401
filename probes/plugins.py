"""Plug-ins: what other packages bring by entry points, and what a name like `my_module:thing` is.

A package declares what it brings in its pyproject.toml; it is then there by that name:

    [project.entry-points."starprobe.readers"]
    mine = "my_package.my_module:MyReader"

Without a package, MODULE:NAME on the command line is the same; a module in the folder that the
command runs in is found. What each kind of thing must be: docs/plugins.md.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from starprobe.probes.errors import InputError, UserError

Kind = Literal["backends", "readers", "importers", "metrics", "conditions", "probes", "verifiers"]
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*(\.\w+)*")


def declared(kind: Kind) -> dict[str, EntryPoint]:
    """Entry points of installed packages for things of this kind, by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=f"starprobe.{kind}")}


def is_own(name: str) -> bool:
    """Whether a name is MODULE:NAME and there is such a module; NAME is not looked at."""
    return bool(_DOTTED.fullmatch(name)) and is_module(name.partition(":")[0])


def is_module(name: str) -> bool:
    """Whether there is a module of this name, installed or in the folder the command runs in."""
    if not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        return bool(find_spec(name)) or Path(*name.split(".")).with_suffix(".py").is_file()
    except (ImportError, ValueError):
        return False


def load(kind: Kind, name: str) -> Any:
    """What an installed package declares under this name, or what MODULE or MODULE:NAME is.

    Raises:
        InputError: there is nothing of this name, or it cannot be imported; one line says which.
    """
    try:
        if name in declared(kind):
            return declared(kind)[name].load()
        module, _, path = name.partition(":")
        if "" not in sys.path:
            sys.path.insert(0, "")  # A module beside the user is found, as `python -m` finds it.
        found = import_module(module)
        for attribute in path.split(".") if path else ():
            found = getattr(found, attribute)
        return found
    except UserError:
        raise
    except Exception as error:
        raise InputError(f"{name!r} cannot be loaded: {type(error).__name__}: {error}") from None


def listed(kind: Kind) -> list[Any]:
    """All that installed packages declare of this kind; a list or tuple counts for its parts.

    Raises:
        InputError: one of them cannot be imported.
    """
    found: list[Any] = []
    for name in declared(kind):
        thing = load(kind, name)
        found.extend(thing if type(thing) in (list, tuple) else [thing])
    return found
