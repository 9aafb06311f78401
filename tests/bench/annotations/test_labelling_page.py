"""The labelling page in a real browser, by keyboard; hostile texts do nothing to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from starprobe.bench.annotations.draw import draw, matter_of
from starprobe.bench.annotations.labels import machine_sample, shown, write_page
from starprobe.bench.cli import annotate, metrics
from starprobe.bench.files import write_jsonl
from starprobe.bench.records import Response
from starprobe.bench.run_folder import Run
from tests.bench.annotations.runs import erring_run, label_row
from tests.bench.annotations.test_labelling import hinted_run, typed

HOSTILE = (
    "</script><script>window.hit = 1</script><img src=x onerror='window.hit = 2'>"
    "<!--<script>\u2028\u202e\ud800 &amp; \U0001f600"
)


def hostile(run: Run) -> Run:
    """The same run with hostile texts."""
    rows = [
        row.model_copy(update={"text": f"{HOSTILE} {row.text}"}) for row in run.responses().values()
    ]
    write_jsonl(run.path / "responses.jsonl", rows)
    return Run(run.path)


def test_the_page_holds_no_script_but_its_own_and_no_model(tmp_path: Path) -> None:
    run, _ = erring_run(tmp_path / "run", count=6)
    sample = shown(hostile(run), draw(run, 5))
    page = write_page(tmp_path / "l.html", sample, lambda one: None, "me", "x").read_text()
    assert page.count("<script") == 2 and page.count("</script>") == 2
    assert "onerror='" not in page.split('id="data">')[0]
    assert "<img" not in page and "scripted:" not in page
    assert "default-src 'none'" in page


@pytest.fixture
def browser(chromium: str) -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.mark.slow
def test_labels_typed_in_a_browser_check_the_figures_of_the_run(
    browser: Any, tmp_path: Path
) -> None:
    run, truth = erring_run(tmp_path / "run", count=20, missed=0.4)
    run = hostile(run)
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    annotate.register(app)
    metrics.register(app)
    page_file = tmp_path / "label.html"
    asked = ["annotate", str(run.path), "--n", "30", "--name", "ann"]
    done = CliRunner().invoke(app, [*asked, "--page", str(page_file)])
    assert done.exit_code == 0, done.exception
    complaints: list[str] = []
    requests: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"file://{page_file}")
    sample = shown(run, draw(run, 30))
    rows = [label_row(one, truth) for one in sample]
    # The first is put off, so it comes last; a slip and the guideline on the way.
    page.keyboard.press("?")
    assert "How a response is annotated" in page.inner_text("#guideline")
    page.keyboard.press("?")
    page.keyboard.press("s")
    for number, row in enumerate([*rows[1:], rows[0]], 1):
        assert page.locator("mark").count() == 0, "evidence before the choice"
        page.keyboard.press("n")
        page.keyboard.press("u")
        for key in typed(row):
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        page.wait_for_selector(f"body[data-done='{number}']")
        if number == 15:
            # Closed and opened again: it goes on where it stopped.
            page.reload()
            assert page.get_attribute("body", "data-done") == "15"
            page.keyboard.press("s")
    assert page.is_visible("#command")
    with page.expect_download() as started:
        page.keyboard.press("q")
    saved = tmp_path / started.value.suggested_filename
    started.value.save_as(saved)
    assert complaints == [] and page.evaluate("window.hit") is None
    assert [url for url in requests if not url.startswith(("file://", "blob:"))] == []
    done = CliRunner().invoke(app, [*asked[:2], "--name", "ann", "--from", str(saved)])
    assert done.exit_code == 0, done.exception
    kept = run.annotations("ann")
    for one, row in zip(sample, rows, strict=True):
        assert kept[one.id].options == row["options"]
        assert (kept[one.id].answer, kept[one.id].general) == (row["answer"], row["general"])
        assert not kept[one.id].revised
    check = json.loads((run.path / "metrics.json").read_text())["reader_check"]
    assert check["labels"] == 30 and check["by"] == ["ann"]
    figures = {row["model"]: row for row in check["metrics"] if row["metric"] == "full_breakdown"}
    eager = figures["scripted:eager"]
    assert eager["value"] > eager["read"] and eager["low"] <= eager["value"] <= eager["high"]


@pytest.mark.slow
def test_a_choice_a_response_is_typed_where_another_machine_is_checked(
    browser: Any, tmp_path: Path
) -> None:
    run, truth = hinted_run(tmp_path / "run")
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    annotate.register(app)
    metrics.register(app)
    asked = ["annotate", str(run.path), "--of", "hint_acknowledged", "--n", "10"]
    done = CliRunner().invoke(app, [*asked, "--page", str(tmp_path / "label.html")])
    assert done.exit_code == 0, done.exception
    sample = machine_sample(run, matter_of(run, "hint_acknowledged", "rules"), 10)
    page = browser.new_page()
    page.goto(f"file://{tmp_path / 'label.html'}")
    for number, one in enumerate(sample, 1):
        assert "the machine" not in page.inner_text("#asked")
        page.keyboard.press(truth[one.id][0])
        assert f"You: {truth[one.id]}; the machine" in page.inner_text("#asked")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"body[data-done='{number}']")
    with page.expect_download() as started:
        page.keyboard.press("q")
    started.value.save_as(tmp_path / "l.jsonl")
    done = CliRunner().invoke(app, [*asked, "--from", str(tmp_path / "l.jsonl")])
    assert done.exit_code == 0, done.exception
    assert {one.id: one.choice for one in run.machine_labels()} == {
        one.id: truth[one.id] for one in sample
    }


@pytest.mark.slow
def test_what_is_changed_after_the_evidence_is_a_revision(browser: Any, tmp_path: Path) -> None:
    run, truth = erring_run(tmp_path / "run", count=6)
    verdicts = {}
    for one in shown(run, draw(run, 1)):
        label_of, found = one.prompt.label_of, truth[one.id]
        options = {label_of(option): t for option, t in found.options.items()}
        verdicts[one.id] = found.model_copy(update={"options": options, "answer": None})
    sample = shown(run, draw(run, 1))
    write_page(tmp_path / "l.html", sample, lambda one: verdicts[one.id], "me", "x")
    page = browser.new_page()
    page.goto(f"file://{tmp_path / 'l.html'}")
    keys = typed(label_row(sample[0], truth))
    for key in keys:
        page.keyboard.press(key)
    assert "reader" in page.inner_text("#asked")
    spans = sum(len(t.spans) for t in truth[sample[0].id].options.values())
    assert (page.locator("mark").count() > 0) == (spans > 0)
    page.keyboard.press("e")
    for key in keys:
        page.keyboard.press(key)
    with page.expect_download() as started:
        page.keyboard.press("q")
    (row,) = (json.loads(line) for line in Path(started.value.path()).read_text().splitlines())
    assert row["revised"] is True


def test_a_lone_surrogate_in_a_response_survives_the_page(tmp_path: Path) -> None:
    run, _ = erring_run(tmp_path / "run", count=3)
    one = shown(run, draw(run, 1))[0]
    odd: Response = one.response.model_copy(update={"text": "\ud800 x"})
    page = write_page(
        tmp_path / "l.html", [one._replace(response=odd)], lambda _: None, "me", "x"
    ).read_text()
    assert "\\ud800 x" in page
