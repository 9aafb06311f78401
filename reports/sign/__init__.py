"""The sign put to the test, shown: labelled runs in, findings as records and one HTML page out.

`examine` gives the findings, `write_sign` the page; the statistics are `bench.signs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.sign.findings import Findings, Under, examine
    from reports.sign.page import write_sign

__all__ = ["Findings", "Under", "examine", "write_sign"]
_HOMES = {
    "Findings": "reports.sign.findings",
    "Under": "reports.sign.findings",
    "examine": "reports.sign.findings",
    "write_sign": "reports.sign.page",
}


def __getattr__(name: str) -> Any:
    """The public function of this name, loaded now."""
    if name not in _HOMES:
        raise AttributeError(f"module 'reports.sign' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
