"""Reports: saved runs and trainings as one HTML file, and as figures for a notebook.

`write_report` and `write_comparison` are loaded when asked for; pandas and plotly come with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starprobe.reports.comparison import write_comparison
    from starprobe.reports.page import write_report

__all__ = ["write_comparison", "write_report"]
_HOMES = {
    "write_comparison": "starprobe.reports.comparison",
    "write_report": "starprobe.reports.page",
}


def __getattr__(name: str) -> Any:
    """The public function of this name, loaded now."""
    if name not in _HOMES:
        raise AttributeError(f"module 'starprobe.reports' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
