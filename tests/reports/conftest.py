"""Run and training folders, pages made of them, and a real Chromium to open those in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from starprobe.reports import write_comparison, write_report
from tests.reports.makers import EAGER, MIXED, TERSE, Shape, make_run, make_training

CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scripted models, two conditions, two orders, two question sets."""
    path = tmp_path_factory.mktemp("runs") / "made"
    return make_run(path, (EAGER, TERSE, MIXED), 16, orders=2, sets=("easy", "hard")).path


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A terse model, and after it one that breaks down every option, on the same questions."""
    folder = tmp_path_factory.mktemp("pair")
    trained = Shape("scripted:trained", EAGER.styles, 0.7)
    before = make_run(folder / "before", (TERSE,), 40, ("plain",))
    after = make_run(folder / "after", (trained,), 40, ("plain",), seed=1)
    return before.path, after.path


@pytest.fixture(scope="session")
def training_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of two iterations."""
    return make_training(tmp_path_factory.mktemp("training") / "made")


@pytest.fixture(scope="session")
def report_file(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of `run_folder`."""
    return write_report(run_folder, tmp_path_factory.mktemp("pages") / "report.html")


@pytest.fixture(scope="session")
def compare_file(
    pair: tuple[Path, Path], training_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The comparison of `pair`, with the training between them."""
    out = tmp_path_factory.mktemp("pages") / "compare.html"
    return write_comparison(*pair, out, training=training_folder)


class Visit:
    """An open page and everything that it did that it should not."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path, fragment: str = "") -> Visit:
        """Opens a file from disk and waits until all of it is drawn."""
        self.page.goto(f"file://{path}{fragment}")
        self.page.wait_for_selector("body[data-figures][data-browser]", timeout=60_000)
        return self

    @property
    def fetched(self) -> list[str]:
        """Requests for anything but the file itself."""
        allowed = ("file://", "data:", "blob:")
        return [url for url in self.requests if not url.startswith(allowed)]

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A headless Chromium; its event loop must not outlive the module that opens pages."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens pages; keyword arguments go to the browser's context."""
    contexts = []

    def opened(path: Path, fragment: str = "", **settings: Any) -> Visit:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **settings}
        )
        contexts.append(context)
        return Visit(context.new_page()).open(path, fragment)

    yield opened
    for context in contexts:
        context.close()


def serious_violations(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds of a page that keeps people from using it: the rule, and where."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return [
        (found["id"], [node["html"][:120] for node in found["nodes"][:3]])
        for found in axe.run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]
