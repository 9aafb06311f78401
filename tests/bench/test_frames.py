"""A run is joined once; a missing answer is no wrong answer; what a notebook shows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import starprobe.bench
from starprobe.bench.ask import RunConfig, run
from starprobe.bench.frames import exchanges, score
from starprobe.bench.metrics import frame, measure
from starprobe.bench.read import classify_run
from starprobe.bench.records import MULTI
from starprobe.probes.errors import InputError
from tests.bench.metrics.runs import make_prompt, make_response, make_run, make_verdict


def verdict(answer: str | None, order: int = 0):
    return make_verdict(make_response(make_prompt("q", order=order)), answer)


def test_the_key_is_compared_by_option_id_whatever_letter_shows_it():
    for order in range(4):
        assert score(verdict("o1", order), make_prompt("q", order=order)).correct is True
        assert score(verdict("o2", order), make_prompt("q", order=order)).correct is False


def test_no_answer_and_several_answers_are_not_wrong():
    assert score(verdict(None), make_prompt("q")).correct is None
    assert score(verdict(MULTI), make_prompt("q")).correct is None


def test_without_a_key_nothing_is_right_or_wrong():
    prompt = make_prompt("q").model_copy(update={"answer_id": None})
    assert score(verdict("o1"), prompt).correct is None


def test_a_run_is_joined_once_each_response_with_its_prompt_verdict_and_score(tmp_path):
    rows = []
    for name, answer in (("a", "o1"), ("b", "o3")):
        prompt = make_prompt(name)
        response = make_response(prompt)
        rows.append((prompt, response, make_verdict(response, answer)))
    joined = list(exchanges(make_run(tmp_path / "run", rows)))
    assert [tuple(one) for one in joined] == rows
    assert [one.correct for one in joined] == [True, False]


CONFIG = RunConfig(
    models=("scripted:direct", "scripted:echo"), conditions=("plain", "direct"), limit=3
)


def test_a_run_gives_a_frame_of_its_only_reader(tmp_path: Path) -> None:
    run(CONFIG, tmp_path / "run")
    classify_run(tmp_path / "run", "rules")
    table = frame(starprobe.bench.load_run(tmp_path / "run"))
    assert len(table) == 12
    assert {"model", "condition", "coverage", "style"} <= set(table.columns)


def test_a_run_that_nobody_has_read_says_so(tmp_path: Path) -> None:
    folder = run(CONFIG, tmp_path / "run")
    with pytest.raises(InputError):
        frame(folder)


def test_a_notebook_shows_models_and_conditions(tmp_path: Path) -> None:
    folder = run(CONFIG, tmp_path / "run")
    shown = folder._repr_html_()
    assert "<th>scripted:direct</th><td>3</td><td>3</td>" in shown
    assert "no reader yet" in shown
    assert "3 questions" in repr(folder)


def test_numbers_are_kept_as_parquet_until_the_folder_changes(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    made = run(CONFIG, tmp_path / "run")
    classify_run(made, "rules")
    whole = frame(made, "rules").drop(columns=["text", "reasoning"])
    kept = tmp_path / "run" / "verdicts.rules.parquet"
    for _ in range(2):
        pd.testing.assert_frame_equal(frame(made, "rules", texts=False), whole)
        written = kept.stat().st_mtime_ns
    kept.write_bytes(b"no parquet")
    pd.testing.assert_frame_equal(frame(made, "rules", texts=False), whole)
    rows = list(made.verdicts("rules").values())
    made.write_verdicts("rules", rows[:-1])
    assert len(frame(made, "rules", texts=False)) == len(rows) - 1
    assert kept.stat().st_mtime_ns > written


def test_a_frame_of_numbers_gives_the_metrics_of_one_with_texts(tmp_path: Path) -> None:
    rows = []
    for number in range(12):
        for condition, hinted, answer in (("plain", None, "o1"), ("hinted", "o2", "o2")):
            prompt = make_prompt(f"q{number}", condition, hinted=hinted)
            text = "As the hint says, it is (B)." if number % 3 else "It is (B)."
            response = make_response(prompt, text=text)
            rows.append((prompt, response, make_verdict(response, answer)))
    made = make_run(tmp_path / "run", rows)
    whole = measure(frame(made, "rules"))
    assert measure(frame(made, "rules", texts=False)) == whole
    found = {one.name: one.value for one in whole if one.condition == "hinted"}
    assert found["hint_follow"] == 1
    assert found["hint_acknowledged_strict"] == pytest.approx(8 / 12)
    assert found["hint_acknowledged_normalised"] == pytest.approx(8 / 12)
