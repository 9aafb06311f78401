"""The page of a seed run: what was seen then beside what each model does now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from starprobe.bench.judges.panel import Judgement
from starprobe.bench.judges.stage import given_id
from starprobe.bench.run_folder import Run
from starprobe.cli import app
from starprobe.reports.evidence import gather
from starprobe.reports.html_tables import NOT_ASKED, then_and_now
from tests.reports.makers import EAGER, make_run


@pytest.fixture(scope="module")
def seed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("seed") / "run"
    models = ["scripted:option_by_option", "scripted:chosen_only"]
    done = CliRunner().invoke(
        app, ["run", *models, "--suite", "seed", "--reader", "rules", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    return out


def test_every_experiment_stands_beside_what_was_seen_then(seed_run: Path) -> None:
    table = then_and_now(gather([seed_run]), str)
    assert table is not None
    assert {row.cells[0].value for row in table.rows} == set(range(1, 17))
    by_number = {row.cells[0].value: row.cells for row in table.rows}
    assert by_number[6][2].text == "Mistral" and "a reason for it alone" in by_number[6][3].text
    all_options, its_own = by_number[6][4:]
    assert all_options.text.endswith("; every option")
    assert its_own.text.endswith("; its choice only")
    assert "question=small-dog" in its_own.link and "model=scripted" in its_own.link
    hinted = by_number[8][4].text
    assert hinted == "behind the decorations; every option"
    assert [cell.text for cell in by_number[15][4:]] == [NOT_ASKED, NOT_ASKED]


def test_scores_and_votes_on_earlier_responses_fill_the_last_experiments(seed_run: Path) -> None:
    run = Run(seed_run)
    response = next(
        row
        for row in run.responses().values()
        if row.model == "scripted:chosen_only"
        and run.prompts()[row.prompt_id].question_id == "surprise-party"
        and run.prompts()[row.prompt_id].condition == "hinted"
    )
    shared = {"response_id": response.id, "chars": 10}
    with run.judgement_writer() as writer:
        writer.append(
            [
                Judgement(id="a", kind="reward", judge="Nemo", scores={"help": 3.5}, **shared),
                Judgement(
                    id="c",
                    kind="reward",
                    judge="Nemo",
                    scores={"help": 1.0},
                    chars=10,
                    response_id=given_id(15, "in a gift box"),
                ),
                Judgement(
                    id="b", kind="vote", judge="Panel", rubric="right", choice="RIGHT", **shared
                ),
            ]
        )
    table = then_and_now(gather([seed_run]), str)
    assert table is not None
    cells = {row.cells[0].value: row.cells for row in reversed(table.rows)}
    (given,) = [row.cells for row in table.rows if "given answer" in row.cells[1].text]
    assert given[0].value == 15 and given[4].text == "Nemo: help 1 (1 rated)"
    assert [cell.text for cell in cells[15][4:]] == [NOT_ASKED, "Nemo: help 3.5 (1 rated)"]
    assert cells[16][5].text.startswith("Panel: RIGHT 100")


def test_the_page_of_a_seed_run_has_the_table_and_another_has_none(
    seed_run: Path, tmp_path: Path
) -> None:
    page = tmp_path / "r.html"
    done = CliRunner().invoke(app, ["report", str(seed_run), "-o", str(page)])
    assert done.exit_code == 0, done.output
    html = page.read_text(encoding="utf-8")
    assert len(re.findall(r'<table id="then-now"', html)) == 1
    assert then_and_now(gather([make_run(tmp_path / "other", (EAGER,), 3).path]), str) is None
