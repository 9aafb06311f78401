"""Ask models, read their responses, score behaviour.

What is public is imported when it is asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starprobe.bench.ask import run
    from starprobe.bench.metrics import compare, frame, measure
    from starprobe.bench.models import load_backend
    from starprobe.bench.read import classify, classify_run
    from starprobe.bench.readers import load_reader
    from starprobe.bench.results import measure_run
    from starprobe.bench.run_config import RunConfig
    from starprobe.bench.run_folder import Run
    from starprobe.bench.run_folder import Run as load_run

_PUBLIC = {
    "Run": "starprobe.bench.run_folder:Run",
    "RunConfig": "starprobe.bench.run_config:RunConfig",
    "classify": "starprobe.bench.read:classify",
    "classify_run": "starprobe.bench.read:classify_run",
    "compare": "starprobe.bench.metrics:compare",
    "frame": "starprobe.bench.metrics:frame",
    "load_backend": "starprobe.bench.models:load_backend",
    "load_reader": "starprobe.bench.readers:load_reader",
    "load_run": "starprobe.bench.run_folder:Run",
    "measure": "starprobe.bench.metrics:measure",
    "measure_run": "starprobe.bench.results:measure_run",
    "run": "starprobe.bench.ask:run",
}

__all__ = [
    "Run",
    "RunConfig",
    "classify",
    "classify_run",
    "compare",
    "frame",
    "load_backend",
    "load_reader",
    "load_run",
    "measure",
    "measure_run",
    "run",
]


def __getattr__(name: str) -> Any:
    """The public thing of this name, from the module that has it."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PUBLIC[name].partition(":")
    return getattr(import_module(module), attribute)
