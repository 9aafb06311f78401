"""Measure how language models reason over options, and teach them to (STaR).

What is public is imported when it is first asked for: `import starprobe` loads nothing heavy.
Each command of `starprobe --help` is a function of this package; the packages `starprobe.probes`,
`starprobe.bench`, `starprobe.star` and `starprobe.reports` hold the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starprobe.bench.ask import ask, run
    from starprobe.bench.importers import import_outputs
    from starprobe.bench.judges.stage import judge_run as judge
    from starprobe.bench.metrics import compare, frame
    from starprobe.bench.read import classify, classify_run
    from starprobe.bench.results import measure_run as metrics
    from starprobe.bench.run_config import RunConfig
    from starprobe.bench.run_folder import Run
    from starprobe.probes import load_probe_set
    from starprobe.reports import write_comparison, write_report
    from starprobe.star import make_config, train

_HOMES = {
    "Run": "bench.run_folder:Run",
    "RunConfig": "bench.run_config:RunConfig",
    "ask": "bench.ask:ask",
    "classify": "bench.read:classify",
    "classify_run": "bench.read:classify_run",
    "compare": "bench.metrics:compare",
    "frame": "bench.frames:frame",
    "import_outputs": "bench.importers:import_outputs",
    "judge": "bench.judges.stage:judge_run",
    "load_probe_set": "probes:load_probe_set",
    "make_config": "star:make_config",
    "metrics": "bench.results:measure_run",
    "run": "bench.ask:run",
    "train": "star:train",
    "write_comparison": "reports:write_comparison",
    "write_report": "reports:write_report",
}

__all__ = [
    "Run",
    "RunConfig",
    "ask",
    "classify",
    "classify_run",
    "compare",
    "frame",
    "import_outputs",
    "judge",
    "load_probe_set",
    "make_config",
    "metrics",
    "run",
    "train",
    "write_comparison",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """The public thing of this name, from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    """The public names, beside what every module has."""
    return sorted({*globals(), *__all__})
