"""Figures draw their tables; tables hold the numbers that the runs hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from starprobe.bench.judges.panel import RUBRICS, Judgement
from starprobe.bench.metrics import frame as frame_of
from starprobe.bench.metrics.estimates import position_metrics
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.intervals import rate
from starprobe.reports import answer_figures as answers
from starprobe.reports import behaviour_figures as behaviour
from starprobe.reports import words
from starprobe.reports.evidence import Evidence, gather, results_of
from starprobe.reports.panels import check_panels, columns, panels
from starprobe.reports.training import training_story
from starprobe.star.folder import Training
from tests.reports.makers import EAGER, MIXED, TERSE, make_run


@pytest.fixture(scope="module")
def evidence(run_folder: Path) -> Evidence:
    return gather([run_folder])


def test_style_shares_of_a_cell_add_up_to_one(evidence: Evidence) -> None:
    table = behaviour.style_shares_table(evidence.frame)
    sums = table.groupby(["model", "condition"])["value"].sum()
    assert np.allclose(sums, 1)
    assert table["responses"].sum() == len(evidence.frame)


def test_coverage_bins_hold_every_response_once(evidence: Evidence) -> None:
    table = behaviour.coverage_distribution_table(evidence.frame)
    assert table["responses"].sum() == len(evidence.frame)
    full = table[table["coverage"] == "all"]["responses"].sum()
    assert full == (evidence.frame["coverage"] == 1).sum()
    none = table[table["coverage"] == "none"]["responses"].sum()
    assert none == (evidence.frame["coverage"] == 0).sum()


@pytest.mark.parametrize(("reasoned", "place"), [(0, 0), (1, 1), (2, 2), (3, 4)])
def test_thirds_fall_into_the_bins_that_name_them(reasoned: int, place: int) -> None:
    frame = pd.DataFrame(
        {"model": ["m"], "condition": ["plain"], "coverage": [reasoned / 3], "question_id": ["q"]}
    )
    counts = behaviour.coverage_distribution_table(frame)["responses"].tolist()
    assert counts.index(1) == place


def test_flows_hold_every_pair_once(pair: tuple[Path, Path]) -> None:
    before, after = (frame_of(Run(path), "rules") for path in pair)
    table = behaviour.flow_table(before, after)
    assert table["responses"].sum() == len(before)
    assert (table["after"] == "option_by_option").any()


def test_flips_compare_options_and_not_letters(tmp_path: Path) -> None:
    steady = EAGER._replace(right=1.0)
    frame = gather([make_run(tmp_path / "run", (steady,), 12, ("plain",), orders=3).path]).frame
    answered = frame[frame["answer"].notna()]
    assert answered.groupby("question_id")["answer_label"].nunique().max() > 1
    table = answers.order_flips_table(frame)
    assert table["value"].tolist() == [0.0]


def test_what_another_order_changes_stands_beside_what_chance_changes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (MIXED,), 12, ("plain",), orders=3, repeats=2)
    frame = gather([run.path]).frame
    table = answers.order_flips_table(frame)
    known = dict(position_metrics(frame))
    assert table["pair"].tolist() == ["in another order", "asked again in the same order"]
    names = ("flip_rate", "repeat_flip_rate")
    assert table["value"].tolist() == [known[name].value for name in names]


def test_many_conditions_are_a_line_each_and_not_a_screen_each(tmp_path: Path) -> None:
    asked = ("plain", "scratchpad", "step_by_step", "few_shot", "explain_after")
    frame = gather([make_run(tmp_path / "run", (EAGER, TERSE), 4, asked).path]).frame
    coverage, elicited = (
        behaviour.draw_coverage_distribution(behaviour.coverage_distribution_table(frame)),
        behaviour.draw_spontaneous_elicited(behaviour.spontaneous_elicited_table(frame)),
    )
    assert coverage.layout.height < 500 and len(coverage.data[0].y) == 2 * len(asked)
    assert elicited.layout.height < 500
    lines = {tuple(line) for part in elicited.data for line in zip(*part.y, strict=True)}
    assert len(lines) == 2 * (len(asked) - 1)


def test_none_seen_among_few_is_no_verdict() -> None:
    few, many = (rate(np.zeros(n), np.arange(n)) for n in (8, 60))
    assert words.verdict(few) == "too few questions to tell"
    assert words.verdict(many) == "rarely does"


def test_following_a_hint_is_counted_against_the_hinted_option(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER,), 30, ("plain", "hinted"))
    frame = gather([run.path]).frame
    asked = frame[frame["condition"] == "hinted"]
    table = answers.hints_table(frame)
    raw = table[table["measure"] == "hinted_answer"]
    assert raw["value"].item() == pytest.approx((asked["answer"] == asked["hinted"]).mean())
    assert set(table["measure"]) >= {"hinted_answer", "hint_follow"}


def test_every_figure_draws_in_a_notebook(evidence: Evidence, run_folder: Path) -> None:
    plain = frame_of(Run(run_folder), "rules")
    drawn = [
        behaviour.draw_style_shares(behaviour.style_shares_table(plain)),
        behaviour.draw_coverage_distribution(behaviour.coverage_distribution_table(plain)),
        behaviour.draw_spontaneous_elicited(behaviour.spontaneous_elicited_table(plain)),
        behaviour.draw_question_map(behaviour.question_map_table(plain), behaviour.stems(plain)),
        answers.draw_accuracy_coverage(answers.accuracy_coverage_table(plain)),
        answers.draw_letters(answers.letters_table(plain)),
        answers.draw_order_flips(answers.order_flips_table(plain)),
        answers.draw_effort(answers.effort_table(plain)),
    ]
    assert all(len(figure.data) for figure in drawn)


def test_a_figure_shows_only_where_its_data_are(tmp_path: Path, evidence: Evidence) -> None:
    rich = {panel.id for panel in panels(evidence.frame, results_of(evidence))}
    assert {"order-flips", "spontaneous-elicited"} <= rich
    assert "hints" not in rich
    poor = gather([make_run(tmp_path / "run", (TERSE,), 5, ("plain",)).path])
    shown = {panel.id for panel in panels(poor.frame, results_of(poor))}
    assert not {"order-flips", "spontaneous-elicited", "hints"} & shown
    assert list(check_panels(poor, results_of(poor))) == []


def test_more_models_than_colours_are_said_to_be_left_out(tmp_path: Path) -> None:
    shapes = [TERSE._replace(name=f"scripted:{number}") for number in range(11)]
    evidence = gather([make_run(tmp_path / "run", shapes, 4, ("plain",)).path])
    found = {panel.id: panel for panel in panels(evidence.frame, results_of(evidence))}
    assert "8 models with the most questions" in found["letters"].aid
    assert "8 models" not in found["style-shares"].aid
    assert found["letters"].table["model"].nunique() == 11


def test_judges_and_rewards_have_their_figures(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER, TERSE), 8, ("plain",))
    rows = []
    for place, response in enumerate(run.responses().values()):
        common = {"response_id": response.id, "chars": len(response.text)}
        for judge in ("one", "two"):
            choice = RUBRICS["right"].choices[place % 2]
            rows.append(
                Judgement(
                    id=f"{judge}{place}", kind="vote", judge=judge, rubric="right", choice=choice,
                    **common,
                )
            )  # fmt: skip
        scores = {"helpfulness": 1 + len(response.text) / 100}
        rows.append(Judgement(id=f"r{place}", kind="reward", judge="r", scores=scores, **common))
    with run.judgement_writer() as writer:
        writer.append(rows)
    evidence = gather([run.path])
    found = {panel.id: panel for panel in check_panels(evidence, results_of(evidence))}
    assert set(found) == {"judge-agreement", "reward-length"}
    agreement = found["judge-agreement"].table.set_index("coefficient")["value"]
    assert agreement["raw"] == 1.0
    scores_table = found["reward-length"].table
    assert len(scores_table) == len(run.responses())
    assert np.allclose(scores_table["value"], 1 + scores_table["characters"] / 100)


def test_faithfulness_has_its_curve(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER,), 10, ("plain",))
    with run.faithfulness_writer() as writer:
        for place, response in enumerate(run.responses().values()):
            for at in (0.0, 0.5, 1.0):
                writer.append(
                    [
                        {
                            "id": f"{place}{at}",
                            "response_id": response.id,
                            "test": "early",
                            "at": at,
                            "sentences": 4,
                            "answer": "o1" if at or place % 2 else "o2",
                            "whole": "o1",
                            "given": "o1",
                        }
                    ]
                )
    evidence = gather([run.path])
    panel = next(iter(check_panels(evidence, results_of(evidence))))
    assert panel.id == "faithfulness"
    shares = panel.table.set_index("read")["value"]
    assert shares[0.0] == pytest.approx(0.5)
    assert shares[0.5] == 1.0


def test_a_training_is_told_by_its_folder(training_folder: Path, tmp_path: Path) -> None:
    story = training_story(training_folder)
    assert story is not None
    assert "2 iterations, 200 rows" in story.lede
    assert "iteration 2 was chosen" in story.lede
    tables = {panel.id: panel.table for panel in story.panels}
    assert set(tables) == {
        "training-curve",
        "training-kept",
        "training-questions",
        "training-loss",
        "training-test",
        "training-tiers",
        "training-best-of",
    }
    assert list(tables["training-best-of"]["value"]) == [0.5] * 6
    assert list(tables["training-tiers"]["curve"]) == ["easy", "hard", "easy", "hard"]
    assert list(tables["training-test"]["value"]) == [0.2, 0.2, 0.5, 0.5]
    assert list(tables["training-test"]["chosen"]) == [False, False, True, True]
    assert "right: +30.0 points (+10.0 to +45.0); 14 of 40 questions gained, 2 lost" in story.lede
    assert tables["training-kept"]["samples"].sum() == 2 * (400 + 50)
    unfinished = Training.create(tmp_path / "new", Training(training_folder).config)
    assert training_story(unfinished.path) is None


def test_missing_numbers_are_nothing_and_not_nan() -> None:
    table = pd.DataFrame({"a": [1.5, float("nan")], "b": ["x", None], "c": pd.array([1, None])})
    assert columns(table) == {"a": [1.5, None], "b": ["x", None], "c": [1, None]}
