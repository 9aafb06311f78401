"""`starprobe sign`: labels, findings, the page, and one line for what does not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import starprobe.cli
from starprobe.bench.annotations.draw import draw
from starprobe.bench.annotations.labels import shown, take_in
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import InputError, UserError
from starprobe.reports.sign import examine
from starprobe.reports.sign.arms import (
    CheckedRate,
    checked_ratio,
    collect,
    labelled,
    parse_spec,
)
from tests.bench.annotations.runs import erring_run, label_row, write_rows
from tests.reports.makers import make_run
from tests.reports.sign.conftest import RATES, shape


def sign(*words: str) -> Any:
    return CliRunner().invoke(starprobe.cli.app, ["sign", *words])


def test_rates_ratios_and_words_are_printed_and_the_page_says_the_same(
    specs: list[str], arms: Path, tmp_path: Path
) -> None:
    page = tmp_path / "sign.html"
    done = sign(*specs, "-o", str(page), "--under-test", str(arms / "unknown"))
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "STaR-trained models" in said and "prompted (asked: no sign)" in said
    assert "75% of the" in said and "only easy" in said and "like length" in said
    assert "scripted:who (under test)" in said and "30 questions" in said
    html = page.read_text(encoding="utf-8")
    assert "Behaviour, not provenance." in html
    assert "speaks for star_option_by_option against base" in said
    assert "rarer in star_paper than in sft_option_by_option" in said
    assert "does not distinguish star_option_by_option from sft_option_by_option" in said
    assert "STaR-trained models from base" in said and "these data cannot tell" in said
    for words in ("Likelihood ratios", "Few seeds", "What a vendor may have done", "Contamination"):
        assert words in html
    for arm in RATES:
        assert f"<h3>against {arm}</h3>" in html or f">{arm}</h2>" in html


def test_the_findings_as_records_are_what_is_printed_as_json(
    specs: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(
        starprobe.cli.app, ["sign", *specs, "--json", "-o", str(tmp_path / "x.html")]
    )
    assert done.exit_code == 0, done.output
    findings = examine([parse_spec(one) for one in specs])
    assert json.loads(done.stdout) == findings.model_dump(mode="json")
    rates = {one.arm: one for one in findings.arms}
    for arm, rate in RATES.items():
        assert rates[arm].value == pytest.approx(rate, abs=0.12)
        assert len(rates[arm].checkpoints) == 3 and rates[arm].questions == 30
    assert findings.star == ("star_paper", "star_option_by_option")
    assert findings.alternatives == ("base", "sft_option_by_option", "direct")
    assert findings.prompted is not None and findings.prompted.value > rates["base"].value
    told = {(row.positive, row.negative): row.verdict for row in findings.contrasts}
    assert told["star_option_by_option", "base"] == "more"
    assert told["star_option_by_option", "sft_option_by_option"] == "alike"
    assert told["star_paper", "base"] == "undecided"
    frames = findings.frames()
    assert list(frames["contrasts"]["positive"]) == [r.positive for r in findings.contrasts]
    assert len(frames["arms"]) == len(findings.arms) + 1


def test_rates_and_ratios_are_checked_by_the_labels_of_every_run_of_an_arm(tmp_path: Path) -> None:
    true: dict[str, list[float]] = {}
    specs = []
    for arm, full, missed in (("base", 0.2, 0.0), ("star_x", 0.9, 0.5), ("direct", 0.3, 0.0)):
        for seed in range(1 if arm == "base" else 2):
            made = shape(f"scripted:{arm}-{seed}", full)
            run, truth = erring_run(tmp_path / f"{arm}{seed}", (made,), 60, missed)
            true.setdefault(arm, []).append(
                sum(v.style == "option_by_option" for v in truth.values()) / len(truth)
            )
            specs.append(f"{arm}/{seed}={run.path}")
            if (arm, seed) != ("direct", 1):
                rows = (label_row(one, truth) for one in shown(run, draw(run, 40)))
                take_in(run, write_rows(tmp_path / "labels.jsonl", rows), "ann")
    page = tmp_path / "sign.html"
    done = sign(*specs, "-o", str(page))
    assert done.exit_code == 0, done.output
    found = {one.arm: one for one in examine([parse_spec(one) for one in specs]).checked}
    assert set(found) == {"base", "star_x"}  # One run of `direct` has no labels.
    for arm, one in found.items():
        truth_of_arm = sum(true[arm]) / len(true[arm])
        assert one.low <= truth_of_arm <= one.high
        assert one.labels == 40 * len(true[arm])
    star = found["star_x"]
    assert star.read < 0.6 < star.value and star.same < 0.8 and found["base"].same == 1
    html = page.read_text(encoding="utf-8")
    assert "CHECKED</span>" in html and "2 of 3 arms, by 120 labels" in html
    assert "Checked by labels" in done.output and "ratios of checked rates" in done.output


def test_without_labels_the_page_says_that_nothing_is_checked(
    specs: list[str], tmp_path: Path
) -> None:
    assert sign(*specs, "-o", str(tmp_path / "x.html")).exit_code == 0
    html = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "NOT CHECKED</span>" in html and "starprobe annotate" in html


@pytest.mark.parametrize(
    ("p", "q"), [((0.5, 0.4, 0.6), (0.1, 0.05, 0.2)), ((0.9, 0.8, 0.97), (0.0, 0.0, 0.1))]
)
def test_the_ratio_of_checked_rates_has_the_limits_of_its_parts(
    p: tuple[float, ...], q: tuple[float, ...]
) -> None:
    one, two = (
        CheckedRate(arm=a, read=v, value=v, low=low, high=high, labels=9, same=1)
        for a, (v, low, high) in (("p", p), ("q", q))
    )
    found = checked_ratio(one, two)
    # No wider than if both were off at once, and at least as wide as where only one was.
    assert p[1] / q[2] <= found.low <= p[1] / max(q[0], q[2] / 2)
    if q[1]:
        assert found.high is not None and p[2] / q[0] <= found.high <= p[2] / q[1]
    else:
        assert found.value is None and found.high is None


def test_other_arms_can_be_named_star(specs: list[str]) -> None:
    chosen = [parse_spec(one) for one in specs]
    findings = examine(chosen, star=["sft_option_by_option"])
    assert findings.star == ("sft_option_by_option",)
    assert "star_paper" in findings.alternatives
    told = {row.negative: row.verdict for row in findings.contrasts}
    assert told["base"] == told["star_paper"] == "more"
    assert told["star_option_by_option"] == "alike"


def test_a_model_under_test_is_shown_beside_the_arms(specs: list[str], arms: Path) -> None:
    (under,) = examine([parse_spec(one) for one in specs], under_test=[arms / "unknown"]).under
    run = Run(arms / "unknown")
    shown = sum(verdict.coverage == 1 for verdict in run.verdicts("rules").values())
    assert (under.arm, under.questions) == ("scripted:who", 30)
    assert under.value == pytest.approx(shown / 30)
    assert under.low is not None and under.high is not None and under.low < under.value < under.high


def test_runs_of_models_trained_here_label_themselves(trained: Path) -> None:
    paths = [trained / name / "run" for name in ("one", "two", "three")]
    paths.append(trained / "untrained")
    found = labelled([Run(path) for path in paths], [parse_spec(str(path)) for path in paths])
    assert [(one.arm, one.checkpoint) for one in found] == [
        ("star_paper", "seed_4"), ("star_paper", "seed_5"), ("direct", "seed_4"),
        ("base", "untrained"), ("prompted", "untrained"),
    ]  # fmt: skip
    gathered = collect([parse_spec(str(path)) for path in paths])
    assert gathered.star == ["star_paper"] and gathered.alternatives == ["direct", "base"]


def test_folders_that_were_moved_still_label_themselves(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "two", tmp_path / "moved")
    path = tmp_path / "moved" / "run"
    text = (path / "run.json").read_text().replace(str(trained), "/nowhere")
    (path / "run.json").write_text(text)
    (one,) = labelled([Run(path)], [parse_spec(str(path))])
    assert (one.arm, one.checkpoint) == ("star_paper", "seed_5")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("runs/one", ("runs/one", "", "")),
        ("base=runs/one", ("runs/one", "base", "")),
        ("star_paper/seed_1=runs/a=b", ("runs/a=b", "star_paper", "seed_1")),
    ],
)
def test_labels_stand_before_the_folder(text: str, spec: tuple[str, str, str]) -> None:
    found = parse_spec(text)
    assert (str(found.path), found.arm, found.checkpoint) == spec


def test_a_folder_with_an_equals_sign_that_is_there_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a=b"
    folder.mkdir()
    assert parse_spec(str(folder)).path == folder


@pytest.mark.parametrize("text", ["=runs", "base=", "star/=runs", "/x=runs"])
def test_a_label_without_a_part_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write ARM=DIR or ARM/CHECKPOINT=DIR"):
        parse_spec(text)


def test_wrong_use_is_one_line(specs: list[str], arms: Path, tmp_path: Path) -> None:
    page = str(tmp_path / "x.html")
    unknown = str(arms / "unknown")
    stars = [one for one in specs if one.startswith("star")]
    make_run(tmp_path / "short", (shape("scripted:base", 0.1),), 1, ("plain",))
    make_run(tmp_path / "other", (shape("scripted:base", 0.1),), 30, ("plain",))
    prompts = (tmp_path / "other" / "prompts.jsonl").read_text()
    (tmp_path / "other" / "prompts.jsonl").write_text(prompts.replace("What would", "How would"))
    for words, says in (
        ([*specs, unknown], "nothing tells how scripted:who of"),
        ([*specs, "--star", "nobody"], "--star nobody: there is no such arm; there are base"),
        (specs[:2], "none of the arms base, prompted is named star"),
        ([*specs, specs[-1]], "two models are direct/seed_2"),
        (stars, "the sign needs STaR arms and others"),
        ([*specs, "--under-test", str(tmp_path / "no")], "is no run folder"),
        ([*specs, "--reader", "nobody"], "no verdicts of 'nobody'"),
        ([*stars, f"base={tmp_path / 'short'}"], "share fewer than two questions"),
        ([*stars, f"base={tmp_path / 'other'}"], "is not the same question in all runs"),
        ([*specs, str(tmp_path / "other=x=y")], "names no run: write ARM=DIR"),
    ):
        done = sign(*words, "-o", page)
        assert isinstance(done.exception, UserError), (words, done.output)
        assert says in str(done.exception) and "\n" not in str(done.exception)
    assert not Path(page).exists()


def test_a_checkpoint_that_was_only_asked_for_reasons_is_no_evidence(
    specs: list[str], arms: Path, tmp_path: Path
) -> None:
    make_run(tmp_path / "asked", (shape("scripted:base", 0.9),), 30, ("scratchpad",))
    chosen = [parse_spec(one) for one in [*specs[2:], f"base={tmp_path / 'asked'}"]]
    with pytest.raises(InputError, match=r"asked in no spontaneous condition .scratchpad.; run"):
        examine(chosen)
    make_run(tmp_path / "who", (shape("scripted:who", 0.9),), 30, ("scratchpad",))
    with pytest.raises(InputError, match="was not asked the questions of the arms"):
        examine([parse_spec(one) for one in specs], under_test=[tmp_path / "who"])
