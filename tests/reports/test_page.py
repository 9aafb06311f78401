"""The page as text: what stands in it, what must not, and what is refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from starprobe.bench.records import Response, ResponseError
from starprobe.bench.run_folder import Run
from starprobe.cli import app
from starprobe.probes.errors import FolderError, InputError
from starprobe.reports import embed, write_comparison, write_report
from starprobe.reports.evidence import gather, texts
from tests.reports.makers import EAGER, TERSE, make_run


def unpacked(packed: str) -> bytes:
    """What `embed.pack` packed."""
    return gzip.decompress(base64.b64decode(packed, validate=True))


def scripts(html: str) -> list[str]:
    """The scripts of a page that run."""
    return re.findall(r"<script>(.*?)</script>", html, re.DOTALL)


def packed_data(html: str, name: str) -> bytes:
    found = re.search(rf'id="{name}">([^<]*)<', html)
    assert found
    return unpacked(found[1])


def test_lone_surrogates_survive_packing() -> None:
    assert json.loads(unpacked(embed.pack({"text": "a\ud800b\u202e"})))["text"] == "a\ud800b\u202e"


def test_spans_count_as_javascript_counts() -> None:
    text = "a\U0001f600b\U0001f600\U0001f600c"
    units = [len(text[:place].encode("utf-16-le")) // 2 for place in range(len(text) + 1)]
    assert embed.utf16_offsets(text, range(len(text) + 1)) == units


def test_the_policy_names_exactly_the_scripts_of_the_page(report_file: Path) -> None:
    html = report_file.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy
    allowed = policy[1].replace("&#39;", "'")
    assert "default-src 'none'" in allowed
    assert "unsafe-eval" not in allowed
    own = scripts(html)
    assert len(own) == 1
    plotly = packed_data(html, "plotly").decode()
    for code in (own[0], plotly):
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in allowed


def test_the_page_refers_to_nothing_outside(report_file: Path, compare_file: Path) -> None:
    for path in (report_file, compare_file):
        html = path.read_text(encoding="utf-8")
        page = html.replace(scripts(html)[0], "")
        assert not re.search(r'(?:src|href|action)="(?!#|data:,")', page)
        assert "@import" not in page
        assert "url(" not in page


def test_the_first_screen_says_how_often_with_its_interval(report_file: Path) -> None:
    html = report_file.read_text(encoding="utf-8")
    main = html[html.index("<main") : html.index('id="figures"')]
    assert re.search(r"gives a reason for every option in \d+\u202f% \(\d+ to \d+\)", main)
    assert "unasked" in main
    assert "Behaviour, not provenance" in main


def test_a_comparison_opens_with_the_change_and_its_test(compare_file: Path) -> None:
    html = compare_file.read_text(encoding="utf-8")
    assert re.search(
        r"<h1[^>]*>After training, the model breaks down every option more often", html
    )
    tiles = html[html.index('class="tiles"') : html.index('class="standings"')]
    assert re.search(r"\+\d+ points", tiles)
    assert "more; p &lt; 0.0001, primary; 40 questions" in tiles
    assert 'data-figure="training-curve"' in html


def test_names_of_models_options_and_conditions_are_escaped(tmp_path: Path) -> None:
    shape = EAGER._replace(name="<img src=x onerror=alert(1)>")
    path = make_run(tmp_path / "run", (shape, TERSE), 4, ("<b>plain</b>",)).path
    html = write_report(path, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<img" not in html
    assert "<b>plain" not in html


def test_hidden_names_are_nowhere_to_be_read(run_folder: Path, tmp_path: Path) -> None:
    out = write_report(run_folder, tmp_path / "blind.html", anonymize=True)
    html = out.read_text(encoding="utf-8")
    assert "scripted:" not in html
    for name in ("figure-data", "response-index"):
        assert b"scripted:" not in packed_data(html, name)
    assert json.loads(packed_data(html, "secrets"))[0] > ["Model A", "scripted:"]
    assert 'id="reveal"' in html


def test_a_blind_comparison_says_which_side_but_not_who(
    pair: tuple[Path, Path], training_folder: Path, tmp_path: Path
) -> None:
    out = write_comparison(*pair, tmp_path / "blind.html", training_folder, anonymize=True)
    html = out.read_text(encoding="utf-8")
    assert "scripted:" not in html
    for name in ("figure-data", "response-index"):
        data = packed_data(html, name)
        assert b"scripted:" not in data and b"before \xc2\xb7 Model" in data
    names = {real for alias, real in json.loads(packed_data(html, "secrets")) if "Model" in alias}
    assert names >= {"scripted:terse", "scripted:trained"}


def test_the_heading_answers_the_question_of_the_page(run_folder: Path, tmp_path: Path) -> None:
    several = write_report(run_folder, tmp_path / "several.html").read_text(encoding="utf-8")
    assert "1 of 3 models breaks down every option, unasked</h1>" in several
    few = make_run(tmp_path / "few", (EAGER, TERSE), 3, ("plain",))
    html = write_report(few.path, tmp_path / "few.html").read_text(encoding="utf-8")
    assert "Too few questions to tell who breaks down every option</h1>" in html
    one = make_run(tmp_path / "one", (TERSE,), 30, ("plain",))
    html = write_report(one.path, tmp_path / "one.html").read_text(encoding="utf-8")
    assert "This model rarely breaks down every option, unasked</h1>" in html


def test_every_response_is_in_the_page(report_file: Path, run_folder: Path) -> None:
    html = report_file.read_text(encoding="utf-8")
    chunks = re.findall(r'class="chunk">([^<]*)<', html)
    texts = [row[2] for chunk in chunks for row in json.loads(unpacked(chunk))["rows"]]
    assert sorted(texts) == sorted(r.text for r in Run(run_folder).responses().values())


def test_a_page_of_too_many_texts_holds_a_stated_sample_and_all_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", (EAGER, TERSE), 40)
    whole = write_report(run.path, tmp_path / "whole.html").read_text(encoding="utf-8")
    monkeypatch.setattr("starprobe.reports.evidence.TEXTS", 60)
    html = write_report(run.path, tmp_path / "few.html").read_text(encoding="utf-8")
    chunks = re.findall(r'class="chunk">([^<]*)<', html)
    assert sum(len(json.loads(unpacked(chunk))["rows"]) for chunk in chunks) == 60
    assert "The texts of 60 of 160 responses" in html and 'id="drawn"' not in whole
    assert rows_of(html, "metrics") == rows_of(whole, "metrics")
    drawn = texts(gather([run.path])).frame
    assert set(drawn.groupby(["model", "condition"]).size()) == {15}
    assert drawn["row"].is_monotonic_increasing


def rows_of(html: str, table: str) -> str:
    """A table as it stands in a page."""
    return re.findall(rf'<table id="{table}".*?</table>', html, re.DOTALL)[0]


def test_spans_in_the_page_are_the_spans_of_the_verdicts(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER,), 6, ("plain",))
    html = write_report(run.path, tmp_path / "r.html").read_text(encoding="utf-8")
    chunk = json.loads(unpacked(re.findall(r'class="chunk">([^<]*)<', html)[0]))
    evidence = gather([run.path])
    for row, exchange in zip(chunk["rows"], texts(evidence).exchanges, strict=True):
        marked = {row[2][a:b] for t in row[5] for a, b in zip(t[3::2], t[4::2], strict=True)}
        said = exchange.response.readable
        told = {said[a:b] for t in exchange.verdict.options.values() for a, b in t.spans}
        assert marked == told


def test_a_failed_request_is_no_response(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER,), 4, ("plain",))
    prompt = next(iter(run.prompts()))
    failed = Response(
        id="failed",
        prompt_id=prompt,
        model="scripted:eager",
        error=ResponseError(kind="http_500", message="no"),
    )
    with run.response_writer() as writer:
        writer.append([failed])
    evidence = gather([run.path])
    assert len(evidence.frame) == 4
    assert evidence.failures == {"http_500": 1}
    html = write_report(run.path, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "1 requests without a response: http_500" in html


def test_a_run_that_nobody_has_read_is_read(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (EAGER,), 4, ("plain",))
    (run.path / "verdicts.rules.jsonl").unlink()
    write_report(run.path, tmp_path / "r.html")
    assert run.verdict_names()


def test_the_same_model_in_two_runs_is_told_apart(tmp_path: Path) -> None:
    paths = [make_run(tmp_path / name, (EAGER,), 4, ("plain",)).path for name in ("one", "two")]
    assert gather(paths).models == ("one · scripted:eager", "two · scripted:eager")


def test_a_folder_that_is_named_twice_counts_once(run_folder: Path) -> None:
    twice = gather([run_folder, run_folder / ".." / run_folder.name])
    assert len(twice.frame) == len(gather([run_folder]).frame) and len(twice.runs) == 1


def test_wrong_input_gets_one_clear_line(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    with pytest.raises(FolderError, match=r"no run folder"):
        write_report(tmp_path, tmp_path / "r.html")
    with pytest.raises(InputError, match=r"no verdicts of 'other'"):
        write_report(pair[0], tmp_path / "r.html", reader="other")
    empty = Run.create(tmp_path / "empty", Run(pair[0]).info, Run(pair[0]).prompts().values())
    with pytest.raises(InputError, match=r"no responses yet"):
        write_report(empty.path, tmp_path / "r.html")
    other = make_run(tmp_path / "other", (EAGER,), 4, ("scratchpad",))
    with pytest.raises(InputError, match=r"share no question"):
        write_comparison(pair[0], other.path, tmp_path / "c.html")


def test_the_commands_write_their_files(
    pair: tuple[Path, Path], training_folder: Path, tmp_path: Path
) -> None:
    report, compared, data = (str(tmp_path / name) for name in ("r.html", "c.html", "data"))
    done = CliRunner().invoke(app, ["report", str(pair[0]), "-o", report, "--data", data])
    assert done.exit_code == 0, done.output
    assert Path(report).is_file()
    assert {p.suffix for p in Path(data).iterdir()} == {".csv", ".parquet"}
    command = ["compare", *map(str, pair), "-o", compared, "--training", str(training_folder)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert Path(compared).is_file()
