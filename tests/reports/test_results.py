"""The report shows what stands in metrics.json, and ranks models in groups told apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from starprobe.bench.records import Standing
from starprobe.bench.results import measure_run
from starprobe.reports import words, write_report
from starprobe.reports.evidence import gather, results_of
from starprobe.reports.page import grouped
from tests.reports.makers import EAGER, MIXED, TERSE, make_run


def shown(html: str, table: str) -> list[list[str]]:
    body = html[html.index(f'<table id="{table}"') :].partition("</table>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body.partition("<tbody>")[2], re.DOTALL)
    return [re.findall(r"<td[^>]*?(?: data-value=\"([^\"]*)\")?>", row) for row in rows]


def test_every_number_of_the_page_is_that_of_metrics_json(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER, TERSE, MIXED), 14, orders=2, sets=("easy", "hard"))
    html = write_report(run.path, tmp_path / "r.html").read_text(encoding="utf-8")
    stored = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))
    values = [m["value"] for m in stored["readers"]["rules"] if m["value"] is not None]
    assert [float(row[3]) for row in shown(html, "metrics")] == pytest.approx(values, rel=1e-5)
    models = [row["difference"] for row in stored["models"] if row["before"] is not None]
    places = [len(row) for row in shown(html, "models")]
    assert len(places) == len(models)
    full = next(
        m["value"]
        for m in stored["readers"]["rules"]
        if (m["model"], m["condition"], m["name"]) == ("scripted:eager", "plain", "full_breakdown")
    )
    card = html[html.index("scripted:eager</span>") :][:900].replace("\u202f", " ")
    assert f"{100 * full:.0f} %" in card


def test_a_changed_metrics_json_is_what_the_page_shows_and_an_old_one_is_made_anew(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "run", (EAGER,), 8, ("plain",))
    measure_run(run.path)
    path = run.path / "metrics.json"
    text = path.read_text(encoding="utf-8")
    found = json.loads(text)
    for metric in found["readers"]["rules"]:
        if metric["name"] == "full_breakdown":
            metric["value"] = 0.123456
    path.write_text(json.dumps(found), encoding="utf-8")
    evidence = gather([run.path])
    assert results_of(evidence).of("scripted:eager", "plain")["full_breakdown"].value == 0.123456
    later = (run.path / "verdicts.rules.jsonl").stat().st_mtime_ns + 10**10
    import os

    os.utime(run.path / "verdicts.rules.jsonl", ns=(later, later))
    value = results_of(evidence).of("scripted:eager", "plain")["full_breakdown"].value
    assert value != 0.123456 and json.loads(path.read_text())["readers"]["rules"]


def rank(model: str, best: int, worst: int) -> Standing:
    return Standing(
        model=model, metric="full_breakdown", condition="plain", value=0.5, low=0.4, high=0.6,
        n=10, best_rank=best, worst_rank=worst,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ranks", "groups"),
    [
        (((1, 1), (2, 3), (2, 3)), [["a"], ["b", "c"]]),
        (((1, 3), (1, 3), (1, 3)), [["a", "b", "c"]]),
        (((1, 2), (1, 3), (2, 3)), [["a", "b", "c"]]),
        (((1, 1), (2, 2), (3, 3)), [["a"], ["b"], ["c"]]),
        (((1, 2), (1, 2), (3, 4), (3, 4)), [["a", "b"], ["c", "d"]]),
    ],
)
def test_models_stand_in_groups_that_are_told_apart(
    ranks: tuple[tuple[int, int], ...], groups: list[list[str]]
) -> None:
    standings = [rank(name, *ends) for name, ends in zip("abcd", ranks, strict=False)]
    assert [[one.model for one in group] for group in words.groups_of(standings)] == groups


def test_models_that_are_not_told_apart_are_not_ranked(tmp_path: Path) -> None:
    same = [EAGER._replace(name=f"scripted:{name}") for name in ("one", "two", "three")]
    run = make_run(tmp_path / "run", same, 8, ("plain",))
    html = write_report(run.path, tmp_path / "r.html").read_text(encoding="utf-8")
    assert 'class="rank"' not in html
    assert "the order is undecided" in html and "points would show" in html
    evidence = gather([run.path])
    results = results_of(evidence)
    standings = [words.standing(results, evidence.frame, m, "plain") for m in evidence.models]
    ((heading, members),) = grouped([one for one in standings if one is not None], results)
    assert heading == "" and len(members) == 3


def test_asked_to_is_the_declared_condition_or_the_range_and_never_the_highest(
    tmp_path: Path,
) -> None:
    for conditions, said in (
        (("plain", "scratchpad", "few_shot"), r"asked to \(scratchpad\): \d+"),
        (("plain", "few_shot", "thinking_tags"), r"asked to, in 2 ways: \d+.% to \d+.%"),
        (("plain", "few_shot"), r"asked to \(few_shot\): \d+"),
    ):
        run = make_run(tmp_path / "-".join(conditions), (EAGER,), 6, conditions)
        evidence = gather([run.path])
        found = words.standing(results_of(evidence), evidence.frame, "scripted:eager", "plain")
        assert found is not None and re.match(said, found.more[0]), found.more
        assert not any("corrected" in line for line in found.more)


def test_an_unchecked_reader_is_said_to_be_so_with_how_far_readers_differ(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER,), 10, ("plain",))
    none = {"treatment": "none"}
    other = [
        verdict.model_copy(
            update={
                "options": {k: t.model_copy(update=none) for k, t in verdict.options.items()},
                "coverage": 0.0,
            }
        )
        for verdict in run.verdicts("rules").values()
    ]
    run.write_verdicts("other", other)
    html = write_report(run.path, tmp_path / "r.html", reader="rules").read_text(encoding="utf-8")
    check = html[html.index('class="check not-checked"') :].partition("</p>")[0]
    assert "NOT CHECKED" in check and "starprobe annotate" in check
    full = results_of(gather([run.path], "rules")).of("scripted:eager", "plain")["full_breakdown"]
    assert full.value is not None
    assert f"differs by up to {100 * full.value:.0f} points between readers" in check
