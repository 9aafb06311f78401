"""The page of the sign in a real browser: whole, quiet, readable on any screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starprobe.reports.sign import write_sign
from starprobe.reports.sign.arms import parse_spec
from tests.reports.conftest import Visit, serious_violations

pytestmark = pytest.mark.slow
Open = Callable[..., Visit]


@pytest.fixture(scope="module")
def sign_file(specs: list[str], arms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pages") / "sign.html"
    write_sign([parse_spec(one) for one in specs], out, under_test=[arms / "unknown"])
    return out


def test_the_page_opens_with_no_complaint_and_no_request(visit: Open, sign_file: Path) -> None:
    seen = visit(sign_file)
    page: Any = seen.page
    assert seen.complaints == [] and seen.fetched == []
    plots = page.locator(".plot").all()
    assert len(plots) == 2
    for plot in plots:
        assert plot.locator("svg.main-svg").count() > 0
    tables = [table.get_attribute("id") for table in page.locator("table.sortable").all()]
    assert tables == ["contrasts", "arms", "variants", "matched"]
    ratios = page.locator("[data-figure=sign-ratios] .errorbar").count()
    assert ratios == page.locator("#contrasts tbody tr").count() == 9
    page.click("details[data-numbers=sign-rates] summary")
    page.wait_for_selector("details[data-numbers=sign-rates] table")
    assert page.locator("#list .row").count() > 0


@pytest.mark.parametrize("width", [360, 1440])
def test_no_width_scrolls_sideways(visit: Open, sign_file: Path, width: int) -> None:
    page = visit(sign_file, viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(visit: Open, sign_file: Path, scheme: str) -> None:
    page = visit(sign_file, color_scheme=scheme, bypass_csp=True).page
    assert serious_violations(page) == []
