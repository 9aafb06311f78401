"""The pages in a real browser: filters, links, figures and buttons work, and nothing is fetched."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.run_folder import Run
from starprobe.probes.conditions import built_in_conditions
from starprobe.reports import write_report
from tests.reports.conftest import Visit, serious_violations
from tests.reports.makers import make_run

pytestmark = pytest.mark.slow
Open = Callable[..., Visit]


def count_shown(page: Any) -> int:
    return int(page.inner_text("#count").split(" of ")[0].replace(",", ""))


def filtered(page: Any, act: Callable[[], object]) -> int:
    """Responses shown after doing something that filters."""
    before = page.get_attribute("body", "data-filtered")
    act()
    page.wait_for_selector(f"body:not([data-filtered='{before}'])")
    return count_shown(page)


def test_both_pages_open_with_no_complaint_and_no_request(
    visit: Open, report_file: Path, compare_file: Path
) -> None:
    for path in (report_file, compare_file):
        seen = visit(path)
        assert seen.complaints == []
        assert seen.fetched == []
        assert seen.page.locator(".plot").count() >= 6
        for place in seen.page.locator(".plot").all():
            assert place.locator("svg.main-svg").count() > 0


def test_every_filter_keeps_what_it_says(visit: Open, report_file: Path, run_folder: Path) -> None:
    page = visit(report_file).page
    run = Run(run_folder)
    verdicts, responses = run.verdicts("rules"), run.responses()
    whole = count_shown(page)
    assert whole == len(responses)
    for name, value, expected in (
        ("model", "scripted:terse", [r.model == "scripted:terse" for r in responses.values()]),
        ("style", "direct", [verdicts[i].style == "direct" for i in responses]),
        ("outcome", "refused", [verdicts[i].outcome == "refused" for i in responses]),
    ):
        shown = filtered(page, lambda n=name, v=value: page.select_option(f"#f-{n}", v))
        assert shown == sum(expected), name
        assert 0 < shown < whole
        assert filtered(page, lambda: page.click("button[type=reset]")) == whole
    by_condition = filtered(page, lambda: page.select_option("#f-condition", "plain"))
    assert by_condition == whole // 2
    halves = [
        filtered(page, lambda v=value: page.select_option("#f-set", v))
        for value in ("easy", "hard")
    ]
    assert sum(halves) == by_condition
    page.click("button[type=reset]")
    parts = [
        filtered(page, lambda v=value: page.select_option("#f-correct", v))
        for value in ("right", "wrong")
    ]
    assert 0 < sum(parts) <= whole


def test_words_are_searched_in_questions_and_on_request_in_responses(
    visit: Open, report_file: Path, run_folder: Path
) -> None:
    page = visit(report_file).page
    run = Run(run_folder)
    shown = filtered(page, lambda: page.fill("#f-search", "(3)? USE"))
    assert shown == sum("(3)" in run.prompts()[r.prompt_id].stem for r in run.responses().values())
    assert filtered(page, lambda: page.fill("#f-search", "rather not say")) == 0
    assert "No response fits" in page.inner_text("#detail")
    shown = filtered(page, lambda: page.check("#f-inside"))
    assert shown == sum("rather not say" in r.readable for r in run.responses().values())


def test_the_evidence_of_each_option_is_marked_in_its_text(
    visit: Open, report_file: Path, run_folder: Path
) -> None:
    run = Run(run_folder)
    response = next(
        r
        for r in run.responses().values()
        if r.model == "scripted:eager"
        and run.verdicts("rules")[r.id].style == "option_by_option"
        and r.prompt_id.endswith("plain/0")
    )
    verdict = run.verdicts("rules")[response.id]
    prompt = run.prompts()[response.prompt_id]
    link = f"#question={prompt.question_id}&model=scripted:eager&condition=plain"
    page = visit(report_file, link).page
    card = page.locator(".answer-card.here")
    assert card.locator("h4").inner_text() == "scripted:eager"
    marked = [mark.inner_text() for mark in card.locator("mark").all()]
    spans = sorted(span for t in verdict.options.values() for span in t.spans)
    assert marked == [response.readable[start:end] for start, end in spans]
    sides = [mark.inner_text() for mark in card.locator(".side").all()]
    signs = {"for": "+", "against": "−", "neutral": "~"}
    expected = [
        f"{prompt.label_of(option)}{signs[t.side]}"
        for _, option, t in sorted(
            (t.spans[0], o, t) for o, t in verdict.options.items() if t.spans
        )
        if t.side
    ]
    assert sides == expected
    colours = {
        mark.evaluate("m => getComputedStyle(m).borderBottomColor")
        for mark in card.locator("mark").all()
    }
    assert len(colours) == len(verdict.options)


def test_models_stand_side_by_side_for_one_question(visit: Open, report_file: Path) -> None:
    page = visit(report_file, "#question=q00002&model=scripted:terse&condition=plain").page
    names = [title.inner_text() for title in page.locator(".answer-card h4").all()]
    assert names == ["scripted:eager", "scripted:terse", "scripted:mixed"]
    assert page.locator(".matrix tbody tr").count() == 5
    page.select_option("#scope", "all")
    page.wait_for_selector(".answer-card >> nth=11")
    page.select_option("#scope", "one")
    page.wait_for_selector(".answer-card >> nth=1", state="detached")
    assert page.locator(".answer-card").count() == 1


def test_before_stands_beside_after_with_the_difference(visit: Open, compare_file: Path) -> None:
    page = visit(compare_file).page
    names = [title.inner_text() for title in page.locator(".answer-card h4").all()]
    assert names == ["before · scripted:terse", "after · scripted:trained"]
    page.check("#difference")
    page.wait_for_selector("ins.new")
    assert page.locator("ins.new").count() > 0


def test_a_link_leads_back_to_the_same_response(visit: Open, report_file: Path) -> None:
    page = visit(report_file).page
    page.locator("#list .row >> nth=5").click()
    page.wait_for_selector("#list .row[aria-selected=true] >> nth=0")
    chosen = page.get_attribute("body", "data-chosen")
    while chosen == "0":
        page.wait_for_timeout(20)
        chosen = page.get_attribute("body", "data-chosen")
    fragment = page.evaluate("location.hash")
    assert "question=" in fragment
    again = visit(report_file, fragment).page
    assert again.get_attribute("body", "data-chosen") == chosen


def test_a_link_that_fits_nothing_says_so(visit: Open, report_file: Path) -> None:
    seen = visit(report_file, "#question=nobody&model=x&condition=y")
    assert "No response fits" in seen.page.inner_text("#detail")
    assert seen.complaints == []


def test_the_keyboard_is_enough(visit: Open, report_file: Path) -> None:
    page = visit(report_file).page
    page.focus("#list")
    for key, row in (("ArrowDown", 1), ("j", 2), ("k", 1), ("End", None), ("Home", 0)):
        page.keyboard.press(key)
        if row is not None:
            page.wait_for_selector(f"body[data-chosen='{row}']")
            active = page.get_attribute("#list", "aria-activedescendant")
            assert page.locator(f"#{active}[aria-selected=true]").count() == 1
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "detail"
    page.keyboard.press("p")
    assert page.locator("details.prompt[open]").count() > 0
    # The prompt is filled in by the event that opening it sends, a moment later.
    page.locator("details.prompt[open]").first.get_by_text("as plain text").first.wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "list"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "f-search"


def test_the_list_draws_only_what_is_in_sight(visit: Open, report_file: Path) -> None:
    page = visit(report_file).page
    assert page.locator("#list .row").count() < 40
    page.uncheck("#f-fold")
    page.evaluate("document.getElementById('list').scrollTop = 1e6")
    page.wait_for_selector(f"#row-{count_shown(page) - 1}")
    assert page.locator("#list .row").count() < 40


def test_a_click_on_a_figure_shows_the_responses_behind_it(visit: Open, report_file: Path) -> None:
    page = visit(report_file).page
    bar = page.locator("[data-figure=style-shares] .trace.bars >> nth=0")
    bar.locator(".point path").first.click(force=True)
    page.wait_for_selector("body:not([data-filtered='1'])")
    assert page.input_value("#f-style") == "option_by_option"
    assert page.input_value("#f-model") == "scripted:eager"
    assert page.input_value("#f-condition") == "plain"


def test_tables_sort_and_hand_out_their_rows(visit: Open, report_file: Path) -> None:
    seen = visit(report_file)
    page = seen.page
    page.click("#metrics th >> nth=3 >> button")
    assert page.get_attribute("#metrics th >> nth=3", "aria-sort") == "ascending"
    values = page.eval_on_selector_all(
        "#metrics tbody td:nth-child(4)", "cells => cells.map(cell => Number(cell.dataset.value))"
    )
    assert values == sorted(values)
    with page.expect_download() as started:
        page.click("[data-save=metrics]")
    rows = list(csv.reader(io.StringIO(Path(started.value.path()).read_text("utf-8-sig"))))
    assert rows[0][:3] == ["model", "condition", "metric"]
    assert len(rows) == len(values) + 1
    with page.expect_download() as started:
        page.click("[data-csv=style-shares]")
    rows = list(csv.DictReader(io.StringIO(Path(started.value.path()).read_text("utf-8-sig"))))
    assert sum(float(r["value"]) for r in rows if r["model"] == "scripted:eager") == pytest.approx(
        2
    )
    page.click("details[data-numbers=style-shares] summary")
    page.wait_for_selector("details[data-numbers=style-shares] table")
    assert seen.complaints == []


def test_colours_can_be_chosen(visit: Open, report_file: Path) -> None:
    page = visit(report_file).page
    grounds = []
    for _ in range(3):
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.click("#theme")
    assert grounds[0] == grounds[1] != grounds[2]
    dark = visit(report_file, color_scheme="dark").page
    assert dark.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[2]


def test_hidden_names_show_at_the_press_of_a_button(
    visit: Open, run_folder: Path, tmp_path: Path
) -> None:
    seen = visit(write_report(run_folder, tmp_path / "blind.html", anonymize=True))
    page = seen.page
    assert "scripted:" not in page.inner_text("body")
    assert page.locator(".standing .who").first.inner_text() == "Model A"
    page.click("#reveal")
    page.wait_for_selector("text=scripted:eager")
    assert "Model A" not in page.inner_text("main")
    page.click("#reveal")
    page.wait_for_selector("text=Model A")
    assert "scripted:" not in page.inner_text("main")
    assert seen.complaints == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_width_scrolls_sideways(
    visit: Open, report_file: Path, compare_file: Path, width: int
) -> None:
    for path in (report_file, compare_file):
        page = visit(path, viewport={"width": width, "height": 800}).page
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(
    visit: Open, report_file: Path, compare_file: Path, scheme: str
) -> None:
    for path in (report_file, compare_file):
        # The page's own policy forbids the checker's script, so only this visit goes without it.
        page = visit(path, color_scheme=scheme, bypass_csp=True).page
        assert serious_violations(page) == []


MANY = [name for name in built_in_conditions() if name != "no_options"]
FIGURES = ".plot svg.main-svg", "all => all.map(one => one.getBoundingClientRect().toJSON())"


def test_printing_keeps_every_figure_whole(visit: Open, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", count=4, conditions=MANY)
    page = visit(write_report(run.path, tmp_path / "many.html")).page
    on_screen = max(box["height"] for box in page.eval_on_selector_all(*FIGURES))
    assert on_screen > 1000, "no figure is taller than a sheet: nothing is tested"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.wait_for_timeout(2500)
    boxes = page.eval_on_selector_all(*FIGURES)
    assert all(box["width"] <= 660 and box["height"] <= 800 for box in boxes), boxes
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    page.wait_for_timeout(1500)
    after = max(box["height"] for box in page.eval_on_selector_all(*FIGURES))
    assert after == pytest.approx(on_screen, abs=2)


def test_ribbons_are_there_at_once_when_the_page_is_printed(
    visit: Open, compare_file: Path
) -> None:
    page = visit(compare_file).page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "document.querySelector('[data-figure=style-flow] svg.main-svg').clientWidth <= 640"
    )
    seen = page.eval_on_selector_all(
        "[data-figure=style-flow] .sankey-link", "all => all.map(one => one.style.opacity || '1')"
    )
    assert seen and set(seen) == {"1"}
    page.evaluate("dispatchEvent(new Event('afterprint'))")


def test_long_tables_can_be_narrowed_by_words(visit: Open, report_file: Path) -> None:
    page = visit(report_file).page
    page.fill("[data-narrow=metrics]", "eager coverage plain")
    rows = page.locator("#metrics tbody tr:visible").all_inner_texts()
    whole = page.locator("#metrics tbody tr").count()
    assert 0 < len(rows) < whole
    assert all("eager" in row and "coverage" in row and "plain" in row for row in rows)
    page.fill("[data-narrow=metrics]", "")
    assert page.locator("#metrics tbody tr:visible").count() == whole
