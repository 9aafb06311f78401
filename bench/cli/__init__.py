"""The commands of the bench."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

MODULES = ("run", "importing", "read", "annotate", "judge", "show")


def register(app: typer.Typer) -> None:
    """Adds them all."""
    for name in MODULES:
        import_module(f"{__name__}.{name}").register(app)
