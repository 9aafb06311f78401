"""One thing against another: what may be said of a difference, in the page and the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from starprobe.bench.run_folder import Run
from starprobe.cli import app
from starprobe.probes.errors import InputError
from starprobe.reports import write_comparison
from starprobe.reports.comparison import compare_sides, failing, headline
from starprobe.reports.evidence import texts
from tests.reports.makers import EAGER, TERSE, Shape, make_run


def run_of(path: Path, full: float, count: int, seed: int = 0, name: str = "scripted:one") -> Path:
    """A run of one model that reasons about every option at this rate."""
    styles = {"option_by_option": full, "direct": 1 - full}
    styles = {style: share for style, share in styles.items() if share}
    return make_run(path, (Shape(name, styles, 0.6),), count, ("plain",), seed=seed).path  # type: ignore[arg-type]


def compare(*words: str) -> Any:
    return CliRunner().invoke(app, ["compare", *words])


def test_a_large_change_in_few_questions_is_never_called_as_often_as_before(tmp_path: Path) -> None:
    before, after = run_of(tmp_path / "a", 0.0, 5), run_of(tmp_path / "b", 0.8, 5, seed=3)
    compared = compare_sides(before, after)
    c = compared.headline
    assert c is not None and c.difference is not None and c.difference >= 0.6
    said = headline(compared)
    assert "as often" not in said
    assert ("undecided" in said) == (c.verdict == "undecided")
    assert ("more often" in said) == (c.verdict == "more")


@pytest.mark.parametrize(
    ("full", "count", "said"),
    [(1.0, 60, "more often: 100"), (0.0, 200, "as often as before: alike within 5 points")],
)
def test_the_heading_is_the_verdict_on_the_primary_outcome(
    tmp_path: Path, full: float, count: int, said: str
) -> None:
    before, after = run_of(tmp_path / "a", 0.0, count), run_of(tmp_path / "b", full, count, seed=1)
    compared = compare_sides(before, after)
    assert said in headline(compared).replace("\u202f", " ")
    assert compared.headline is not None and compared.headline.role == "primary"


def test_only_the_primary_and_secondary_outcomes_are_set_in_bold(tmp_path: Path) -> None:
    before, after = run_of(tmp_path / "a", 0.0, 40), run_of(tmp_path / "b", 1.0, 40, seed=1)
    html = write_comparison(before, after, tmp_path / "c.html").read_text(encoding="utf-8")
    table = html[html.index('<table id="comparison"') :].partition("</table>")[0]
    rows = re.findall(r"<tr( class=\"sure\")?>(.*?)</tr>", table, re.DOTALL)
    roles = {bool(mark): set() for mark, _ in rows}
    for mark, row in rows:
        roles[bool(mark)] |= set(re.findall(r">(primary|secondary|exploratory)<", row))
    assert "primary" in roles[True] and "exploratory" not in roles[True]
    assert "exploratory" in roles[False]


def test_two_models_and_two_conditions_of_a_run_can_be_compared(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER, TERSE), 30, ("plain", "scratchpad")).path
    models = compare_sides(run, models=("scripted:eager", "scripted:terse"))
    assert models.headline is not None and models.headline.verdict == "less"
    assert headline(models).startswith("scripted:terse breaks down every option less often than")
    assert {exchange.response.model for exchange in texts(models.evidence).exchanges} == {
        "scripted:eager",
        "scripted:terse",
    }
    conditions = compare_sides(run, conditions=("plain", "scratchpad"))
    found = {row.model_after: row for row in conditions.rows if row.metric == "full_breakdown"}
    assert set(found) == {"scripted:eager", "scripted:terse"}
    assert found["scripted:terse"].condition == "plain -> scratchpad"
    assert found["scripted:terse"].n == 30
    assert re.match(
        r"scratchpad against plain every option is .* of 2 models", headline(conditions)
    )
    page = write_comparison(
        run, out=tmp_path / "m.html", models=("scripted:eager", "scripted:terse")
    )
    assert "scripted:terse against scripted:eager" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name what to compare: a second run, --models A,B or --conditions A,B"),
        (("--models", "scripted:eager"), "two are compared"),
        (("--models", "scripted:eager,nobody"), "no model 'nobody' here; there is: scripted:eager"),
        (("--conditions", "plain,none"), "no condition 'none' here; there is: plain, scratchpad"),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    run = make_run(tmp_path / "run", (EAGER, TERSE), 4).path
    done = compare(str(run), *words, "-o", str(tmp_path / "c.html"))
    assert isinstance(done.exception, InputError)
    assert says in str(done.exception) and "\n" not in str(done.exception)
    assert not (tmp_path / "c.html").exists()


def test_the_terminal_says_what_the_page_says_and_an_expression_ends_with_1(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    folders, page = [str(path) for path in pair], str(tmp_path / "c.html")
    done = compare(*folders, "-o", page, "--fail-if", "full_breakdown less")
    assert done.exit_code == 0, done.output
    assert "breaks down every option now more often" in " ".join(done.output.split())
    assert "primary" in done.output and "exploratory" not in done.output
    done = compare(*folders, "-o", page, "--fail-if", "full_breakdown more")
    assert done.exit_code == 1
    done = compare(*folders, "-o", page, "--fail-if", "full_breakdown@plain < 0.99")
    assert done.exit_code == 1
    done = compare(*folders, "-o", page, "--json")
    rows = json.loads(done.stdout)
    assert {row["verdict"] for row in rows} <= {"more", "less", "alike", "undecided", None}
    assert [row["metric"] for row in rows if row["role"] == "primary"] == ["full_breakdown"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("acuracy less", "nothing of that name was compared in plain; there is: full_breakdown"),
        ("accuracy", "write METRIC less, METRIC more or METRIC < NUMBER"),
        ("accuracy@scratchpad less", "was compared in scratchpad"),
    ],
)
def test_an_expression_that_cannot_be_read_is_refused(
    pair: tuple[Path, Path], text: str, says: str
) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        failing(text, compare_sides(*pair))


def test_other_questions_under_the_same_ids_are_not_compared(tmp_path: Path) -> None:
    before = run_of(tmp_path / "a", 0.5, 10)
    after = run_of(tmp_path / "b", 0.5, 10)
    prompts = after / "prompts.jsonl"
    prompts.write_text(prompts.read_text().replace("What would you use", "Who would like"))
    with pytest.raises(InputError, match="same ids for other questions"):
        compare_sides(before, after)
    assert Run(after).responses()
