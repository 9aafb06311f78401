"""The browser of responses in a real browser: rows folded, sorted by doubt, saved, led to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from starprobe.bench.run_folder import Run
from starprobe.cli import app
from starprobe.reports import write_report
from tests.reports.conftest import Visit
from tests.reports.makers import EAGER, MIXED, TERSE, make_run
from tests.reports.test_chromium import count_shown, filtered

pytestmark = pytest.mark.slow
Open = Callable[..., Visit]
READERS_DIFFER = (("q00003", 1.0), ("q00005", 0.5))


@pytest.fixture(scope="module")
def two_readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of one model, read by a second reader who differs on two questions."""
    folder = tmp_path_factory.mktemp("readers")
    run = make_run(folder / "run", (EAGER,), 12, ("plain",), repeats=3)
    changed = []
    for verdict in run.verdicts("rules").values():
        response = run.responses()[verdict.id]
        question = run.prompts()[response.prompt_id].question_id
        share = dict(READERS_DIFFER).get(question, 0.0) if response.repeat == 0 else 0.0
        options = list(verdict.options.items())
        turned = {
            name: treatment.model_copy(
                update={"treatment": "none" if treatment.treatment == "reasoned" else "reasoned"}
            )
            for name, treatment in options[: round(share * len(options))]
        }
        changed.append(verdict.model_copy(update={"options": {**dict(options), **turned}}))
    run.write_verdicts("other", changed)
    return write_report(run.path, folder / "report.html", reader="rules")


def open_rows(page: Any) -> list[str]:
    return [str(text) for text in page.locator("#list .row .meta").all_inner_texts()]


def test_orders_and_repeats_of_a_question_share_a_row(
    visit: Open, report_file: Path, run_folder: Path
) -> None:
    page = visit(report_file).page
    responses = len(Run(run_folder).responses())
    assert count_shown(page) == responses
    size = "document.querySelector('#list .row').getAttribute('aria-setsize')"
    assert int(page.evaluate(size)) == responses // 2
    assert "2 responses: " in open_rows(page)[0]
    page.locator("#list .row >> nth=1").click()
    page.wait_for_selector("#scope")
    assert page.input_value("#scope") == "orders"
    assert page.locator(".answer-card").count() == 2
    assert filtered(page, lambda: page.uncheck("#f-fold")) == responses
    assert int(page.evaluate(size)) == responses
    assert "2 responses: " not in open_rows(page)[0]


def test_a_link_to_a_response_inside_a_folded_row_opens_it(visit: Open, report_file: Path) -> None:
    link = "#question=q00004&model=scripted:eager&condition=plain&order=1"
    page = visit(report_file, link).page
    assert "order 1" in page.inner_text(".answer-card.here .meta")
    selected = page.locator("#list .row[aria-selected=true]")
    assert selected.count() == 1 and "2 responses" in selected.inner_text()


def test_responses_are_sorted_by_how_far_readers_differ(visit: Open, two_readers: Path) -> None:
    page = visit(two_readers).page
    page.uncheck("#f-fold")
    filtered(page, lambda: page.select_option("#f-sort", "disagree"))
    metas = open_rows(page)
    assert "readers differ on 100 % of the options" in metas[0]
    assert "readers differ on 50 % of the options" in metas[1] or "40 %" in metas[1]
    assert "differ on 0 %" in metas[2]
    filtered(page, lambda: page.select_option("#f-sort", "unsure"))
    shares = [int(found[1]) for meta in open_rows(page) if (found := re.search(r"(\d+) % l", meta))]
    doubts = [abs(share - 50) for share in shares]
    assert len(shares) > 5 and doubts == sorted(doubts)


def test_a_report_of_one_reader_offers_no_order_by_disagreement(
    visit: Open, report_file: Path
) -> None:
    page = visit(report_file).page
    values = page.eval_on_selector_all("#f-sort option", "found => found.map(one => one.value)")
    assert values == ["", "unsure"]


def test_the_examples_of_the_first_screen_are_one_click_away(
    visit: Open, report_file: Path
) -> None:
    page = visit(report_file).page
    link = page.locator(".standing .examples a").first
    count = int(re.findall(r"\((\d+)\)", link.inner_text())[0])
    assert filtered(page, link.click) == count
    assert all("scripted:eager" in meta and "plain" in meta for meta in open_rows(page))
    assert page.input_value("#f-style") == "option_by_option"


def test_a_number_of_the_grid_of_before_and_after_shows_its_responses(
    visit: Open, compare_file: Path
) -> None:
    page = visit(compare_file).page
    for table, names in (("grid", ("before", "after")), ("answers-grid", ("change",))):
        cells = page.locator(f"#{table} tbody a").all()
        assert cells
        total = 0
        for cell in cells:
            number = int(cell.inner_text().replace(",", ""))
            total += number
            # A pair is two responses.
            assert filtered(page, cell.click) == 2 * number, table
            assert all(page.input_value(f"#f-{name}") for name in names)
        assert total == 40


def test_the_filters_of_before_and_after_are_for_comparisons_alone(
    visit: Open, report_file: Path
) -> None:
    page = visit(report_file).page
    assert not page.locator("#f-before").is_visible() and not page.locator("#f-change").is_visible()


def test_saved_responses_are_those_shown_and_can_be_imported_again(
    visit: Open, report_file: Path, run_folder: Path, tmp_path: Path
) -> None:
    page = visit(report_file).page
    run = Run(run_folder)
    filtered(page, lambda: page.select_option("#f-model", "scripted:terse"))
    filtered(page, lambda: page.select_option("#f-condition", "plain"))
    with page.expect_download() as started:
        page.click("#save-responses")
    saved = tmp_path / "responses.jsonl"
    started.value.save_as(saved)
    rows = [json.loads(line) for line in saved.read_text(encoding="utf-8").splitlines()]
    wanted = {
        name: row
        for name, row in run.responses().items()
        if row.model == "scripted:terse" and "/plain/" in row.prompt_id
    }
    assert {row["id"] for row in rows} == set(wanted) and len(rows) == count_shown(page)
    verdicts = run.verdicts("rules")
    for row in rows:
        prompt = run.prompts()[wanted[row["id"]].prompt_id]
        assert row["response"] == wanted[row["id"]].text and row["question"] == prompt.stem
        assert [(o["label"], o["text"]) for o in row["options"]] == [
            (o.label, o.text) for o in prompt.shown
        ]
        assert row["answer"] == prompt.label_of(prompt.answer_id)
        assert row["verdict"]["style"] == verdicts[row["id"]].style
    done = CliRunner().invoke(app, ["import", str(saved), "--out", str(tmp_path / "again")])
    assert done.exit_code == 0, done.output
    texts = sorted(row.text for row in Run(tmp_path / "again").responses().values())
    assert texts == sorted(row.text for row in wanted.values())


def test_hidden_names_lead_to_the_same_examples(visit: Open, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (TERSE, MIXED), 10, ("plain",))
    page = visit(write_report(run.path, tmp_path / "r.html", anonymize=True)).page
    link = page.locator(".standing .examples a").first
    count = int(re.findall(r"\((\d+)\)", link.inner_text())[0])
    assert filtered(page, link.click) == count
