"""Reading files and single answers: streams, resumes, many processes, and says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import starprobe.bench
from starprobe.bench.read import classify_file, read_lines
from starprobe.cli import app
from starprobe.probes.errors import FolderError, InputError

OPTIONS = [{"label": "A", "text": "swimming pool"}, {"label": "B", "text": "basket"}]
ANSWER = "A. A pool is full of water. B. A basket has a handle. So the answer is B."


def rows(count: int) -> list[dict[str, object]]:
    return [
        {"id": f"r{n}", "question": "What carries a dog?", "options": OPTIONS, "response": ANSWER}
        for n in range(count)
    ]


def write(path: Path, content: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content))
    return path


def test_a_file_gives_one_line_a_response_in_the_form_of_the_contract(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", rows(3))
    assert classify_file(source, tmp_path / "out.jsonl") == 3
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["r0", "r1", "r2"]
    assert set(lines[0]) == {
        "id", "options", "answer", "outcome", "general", "style", "coverage",
        "p_option_by_option", "classifier",
    }  # fmt: skip
    assert set(lines[0]["options"]) == {"A", "B"}
    assert set(lines[0]["options"]["A"]) == {"treatment", "side", "spans", "p_reasoned"}
    assert (lines[0]["answer"], lines[0]["outcome"]) == ("B", "answered")


def test_a_null_response_has_no_verdict(tmp_path: Path) -> None:
    content = rows(3)
    content[1]["response"] = None
    source = write(tmp_path / "in.jsonl", content)
    assert classify_file(source, tmp_path / "out.jsonl") == 2


def test_reading_goes_on_behind_the_last_whole_line(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", rows(5)), tmp_path / "out.jsonl"
    classify_file(source, out)
    whole = out.read_bytes()
    lines = whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    assert classify_file(source, out) == 5
    assert out.read_bytes() == whole


def test_verdicts_of_something_else_are_not_written_over(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", rows(2)), tmp_path / "out.jsonl"
    classify_file(source, out, "tests.bench.readers.test_loading:Plugin")
    with pytest.raises(FolderError, match="verdicts of 'plugin-1"):
        classify_file(source, out, "rules")
    out.unlink()
    classify_file(source, out, "rules")
    other = write(tmp_path / "other.jsonl", [row | {"id": f"x{row['id']}"} for row in rows(2)])
    with pytest.raises(FolderError, match="another file"):
        classify_file(other, out, "rules")


def test_many_processes_write_what_one_writes(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", rows(600))
    classify_file(source, tmp_path / "one.jsonl", workers=1)
    classify_file(source, tmp_path / "two.jsonl", workers=2)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2: not valid JSON"),
        ("[]", "line 2: is list"),
        ('{"id": "x"}', "line 2: field 'response' is missing"),
        ('{"id": "x", "response": 3}', "line 2: field 'response' must be text"),
        ('{"id": "x", "response": "A"}', "line 2: field 'question'"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    source = write(tmp_path / "in.jsonl", rows(1))
    source.write_text(source.read_text() + line + "\n")
    with pytest.raises(InputError, match=complaint):
        list(read_lines(source))


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", rows(1))
    with pytest.raises(InputError, match="is the input itself"):
        classify_file(source, source)


def test_one_response_is_shown_as_a_table_of_its_options() -> None:
    found = starprobe.bench.classify(
        ANSWER, {"question": "What carries a dog?", "options": OPTIONS}
    )
    shown = repr(found)
    assert shown.splitlines()[0].startswith("answer B (answered), style option_by_option")
    assert "A basket has a handle" in shown
    assert len(shown.splitlines()) == 3


def test_a_question_without_options_has_a_style_and_no_coverage() -> None:
    found = starprobe.bench.classify(
        "2 + 3 = 5. So the answer is 5.", {"question": "What is 2 + 3?"}
    )
    assert (found.answer, found.verdict.coverage) == (None, None)
    assert found.verdict.options == {}
    assert found.style == "general_reasoning"


def test_the_commands_read_a_file_and_a_pasted_answer(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in.jsonl", rows(2)), tmp_path / "out.jsonl"
    runner = CliRunner()
    done = runner.invoke(app, ["classify", str(source), "-o", str(out), "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert len(out.read_text().splitlines()) == 2
    asked = ["read", "What carries a dog?", "--option", "swimming pool", "--option", "basket"]
    shown = runner.invoke(app, asked, input=ANSWER)
    assert shown.exit_code == 0, shown.output
    assert "answer B (answered)" in shown.output
