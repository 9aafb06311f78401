"""The sign put to the test, shown: labelled runs in, findings as records and one HTML page out.

`examine` gives the findings, `write_sign` the page; the statistics are `bench.signs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starprobe.reports.sign.findings import Findings, Under, examine
    from starprobe.reports.sign.page import write_sign

__all__ = ["Findings", "Under", "examine", "write_sign"]
_HOMES = {
    "Findings": "starprobe.reports.sign.findings",
    "Under": "starprobe.reports.sign.findings",
    "examine": "starprobe.reports.sign.findings",
    "write_sign": "starprobe.reports.sign.page",
}


def __getattr__(name: str) -> Any:
    """The public function of this name, loaded now."""
    if name not in _HOMES:
        raise AttributeError(f"module 'starprobe.reports.sign' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
