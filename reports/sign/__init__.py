"""The study of the sign: what a full breakdown tells of how a model was trained.

`python -m starprobe.reports.sign.run` makes the models and asks them; `examine` gives the findings
over labelled runs, `write_sign` the page; `python -m starprobe.reports.sign.learnt` says what the
arms learnt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starprobe.reports.sign.analysis import Findings, examine
    from starprobe.reports.sign.report import write_sign

__all__ = ["Findings", "examine", "write_sign"]
_HOMES = {"Findings": "analysis", "examine": "analysis", "write_sign": "report"}


def __getattr__(name: str) -> Any:
    """The public function of this name, loaded now."""
    if name not in _HOMES:
        raise AttributeError(f"module 'starprobe.reports.sign' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"starprobe.reports.sign.{_HOMES[name]}"), name)
