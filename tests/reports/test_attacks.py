"""Hostile responses, questions and names, opened in a real browser: all of it stays text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.records import Response, Treatment, Usage, Verdict
from starprobe.bench.run_folder import Run
from starprobe.probes.schema import Message, Prompt, ShownOption
from starprobe.reports import write_comparison, write_report
from starprobe.reports.drawing import plain
from starprobe.reports.embed import HIDDEN, visible
from starprobe.reports.panels import write_data
from tests.reports.conftest import Visit
from tests.reports.hostile import HIDING, corpus
from tests.reports.makers import EAGER, run_info

WATCH = "window.fired = []; window.canary = (n) => { window.fired.push(n); };"
ATTACKS = corpus()
NAMES = (
    "<img src=x onerror=window.canary&&canary(9001)>",
    "</script><script>canary(9002)</script>",
)


def hostile_prompt(number: int, attack: str) -> Prompt:
    """The attack as question, options, messages and id."""
    short = attack[:300]
    return Prompt(
        id=f"p{number}",
        question_id=f"{number:04d} {short}",
        probes=NAMES[1],
        condition="plain",
        stem=f"{number} {attack}",
        shown=(
            ShownOption(label="A", option_id="o1", text=short),
            ShownOption(label="B", option_id="o2", text=f"'{short}\""),
        ),
        answer_id="o1",
        messages=(Message(role="user", content=attack),),
        text=attack,
    )


def hostile_run(path: Path, models: tuple[str, ...]) -> Run:
    """A run in which everything that a stranger writes is an attack."""
    prompts = [hostile_prompt(number, attack) for number, attack in enumerate(ATTACKS)]
    info = run_info([EAGER._replace(name=name) for name in models], len(prompts), ("plain",), 1, 1)
    info = info.model_copy(
        update={
            "command": ATTACKS[0],
            "probe_set": ATTACKS[1],
            "versions": {ATTACKS[2]: ATTACKS[3]},
            "hardware": {"cpu": ATTACKS[4]},
        }
    )
    run = Run.create(path, info, prompts)
    verdicts = []
    with run.response_writer() as writer:
        for model in models:
            for number, (prompt, attack) in enumerate(zip(prompts, ATTACKS, strict=True)):
                response = Response(
                    id=f"{model} {number}",
                    prompt_id=prompt.id,
                    model=model,
                    text=attack,
                    reasoning=attack[:400],
                    usage=Usage(completion_tokens=5),
                    finish_reason="stop",
                )
                writer.append([response])
                verdicts.append(hostile_verdict(response))
    run.write_verdicts("rules", verdicts)
    return run


def hostile_verdict(response: Response) -> Verdict:
    """Spans that cut through tags and pairs."""
    end = len(response.readable)
    cuts = tuple((start, min(end, start + 7)) for start in range(0, min(end, 90), 11))
    return Verdict(
        id=response.id,
        options={
            "o1": Treatment(treatment="reasoned", side="for", spans=cuts),
            "o2": Treatment(treatment="reasoned", side="against", spans=((0, end),)),
        },
        answer="o1",
        outcome="answered",
        general=False,
        style="option_by_option",
        coverage=1.0,
        classifier="<script>canary(9003)</script>",
    )


def watched(browser: Any, **settings: Any) -> Visit:
    """A page that notices when a script of an attack runs."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, **settings)
    context.add_init_script(WATCH)
    return Visit(context.new_page())


def test_there_are_enough_attacks_and_all_differ() -> None:
    assert len(set(ATTACKS)) == len(ATTACKS) >= 200


def test_hidden_characters_are_shown_as_codes() -> None:
    for words in HIDING.values():
        assert not HIDDEN.search(visible(words).replace("\t", "").replace("\n", ""))
    assert visible("a\u202eb") == "a⟨U+202E⟩b"
    assert visible("plain é 漢字 \U0001f600\n") == "plain é 漢字 \U0001f600\n"


def test_labels_of_figures_hold_no_markup() -> None:
    for attack in ATTACKS:
        assert not re.search(r"<(?!$)", plain(attack))


def test_files_of_numbers_hold_hostile_names(tmp_path: Path) -> None:
    path = hostile_run(tmp_path / "run", ("=1+1", "@x")).path
    out = write_data(path, tmp_path / "data")
    text = (out / "style-shares.csv").read_text(encoding="utf-8")
    assert "'=1+1," in text
    assert "\n=1+1" not in text


@pytest.mark.slow
def test_no_script_of_a_response_runs(browser: Any, tmp_path: Path) -> None:
    path = hostile_run(tmp_path / "run", NAMES).path
    seen = watched(browser).open(write_report(path, tmp_path / "hostile.html"))
    page = seen.page
    page.focus("#list")
    last = int(page.inner_text("#count").split(" of ")[0].replace(",", "")) - 1
    for row in range(last + 1):
        page.wait_for_selector(f"body[data-chosen='{row}']")
        page.keyboard.press("p")
        page.keyboard.press("ArrowDown")
    for summary in page.locator("details[data-numbers] > summary").all():
        summary.click()
    assert page.evaluate("window.fired") == []
    assert seen.complaints == []
    assert seen.fetched == []
    for tag in ("img", "iframe", "object", "embed", "svg[onload]", "marquee", "base", "form[id=x]"):
        assert page.locator(f"main {tag}").count() == 0, tag
    assert page.locator("script").count() == page.locator("script[id], script.chunk").count() + 2


@pytest.mark.slow
def test_what_a_response_says_is_shown_to_the_letter(browser: Any, tmp_path: Path) -> None:
    path = hostile_run(tmp_path / "run", NAMES[:1]).path
    seen = watched(browser).open(write_report(path, tmp_path / "hostile.html"))
    page = seen.page
    page.select_option("#scope", "one") if page.locator("#scope").count() else None
    page.focus("#list")
    for row in range(40):
        page.wait_for_selector(f"body[data-chosen='{row}']")
        said = page.eval_on_selector(
            ".answer-card.here > .said",
            "place => { const copy = place.cloneNode(true);"
            " copy.querySelectorAll('.side').forEach(side => side.remove());"
            " return copy.textContent; }",
        )
        assert said == ATTACKS[row]
        page.keyboard.press("ArrowDown")


@pytest.mark.slow
def test_a_comparison_is_as_safe(browser: Any, tmp_path: Path) -> None:
    paths = [hostile_run(tmp_path / side, NAMES[:1]).path for side in ("before", "after")]
    seen = watched(browser).open(write_comparison(*paths, tmp_path / "c.html"))
    seen.page.check("#difference")
    seen.page.keyboard.press("End")
    assert seen.page.evaluate("window.fired") == []
    assert seen.complaints == []


@pytest.mark.slow
def test_the_canary_would_sing(browser: Any, report_file: Path, tmp_path: Path) -> None:
    """The same attacks as raw HTML: without the policy they run; the policy alone stops them."""
    html = report_file.read_text(encoding="utf-8")
    raw = "".join(f"<div>{attack}</div>" for attack in ATTACKS[: len(ATTACKS) // 2])
    raw = re.sub(r"<(meta|base)[^>]*>", "", raw).encode("utf-8", "replace").decode()
    poisoned = html.replace('<main id="main">', f'<main id="main">{raw}')
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', html)
    assert policy

    def fired(text: str, name: str) -> list[int]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        page = watched(browser).page
        page.goto(f"file://{tmp_path / name}")
        page.wait_for_timeout(1500)
        return list(page.evaluate("window.fired"))

    assert len(set(fired(poisoned.replace(policy[0], ""), "open.html"))) >= 20
    assert fired(poisoned, "guarded.html") == []


def test_a_spreadsheet_gets_no_formula(visit: Callable[..., Visit], report_file: Path) -> None:
    page = visit(report_file).page
    made = page.evaluate("starprobe.csv([['=1+1', '@x', '-1.5', '+2', 'a,\"b\"', '-x', 3]])")
    assert made == '\ufeff\'=1+1,\'@x,-1.5,+2,"a,""b""",\'-x,3\r\n'
