"""One question to several models, their answers read at once."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

import starprobe.cli
from starprobe.bench.ask import make_prompt, make_question
from starprobe.bench.cli.asking import coloured
from starprobe.bench.read import classify
from starprobe.probes.errors import InputError

QUESTION = "What can carry water?"
ASK = ["ask", QUESTION, "--option", "bucket", "--option", "sieve", "--option", "net"]
ASK += ["--reader", "rules"]


def call(*words: str, width: int = 120) -> Result:
    return CliRunner().invoke(starprobe.cli.app, list(words), env={"COLUMNS": str(width)})


def flat(result: Result) -> str:
    return " ".join(result.output.replace("│", " ").split())


def test_answers_stand_side_by_side_with_a_table_of_options_each() -> None:
    result = call(*ASK, "scripted:option_by_option", "scripted:direct")
    assert result.exit_code == 0, result.output
    first = result.output.splitlines()[0]
    assert "scripted:option_by_option" in first
    assert "scripted:direct" in first
    assert "option by option: a reason for every option (3 of 3)" in flat(result)
    assert "the answer alone, no reasons (0 of 3)" in flat(result)
    assert flat(result).count("reason against") == 2


def test_in_a_narrow_terminal_they_stand_below_each_other() -> None:
    lines = call(*ASK, "scripted:option_by_option", "scripted:direct", width=60).output.splitlines()
    assert "scripted:direct" not in lines[0]
    assert any("scripted:direct" in line for line in lines)


def test_a_hint_is_followed_by_the_script_whatever_the_condition() -> None:
    for hint in ("C", "net"):
        result = call(*ASK, "scripted:direct", "--hint", hint, "--condition", "scratchpad")
        assert "answer C" in flat(result)
    shown = call(*ASK, "scripted:direct", "--hint", "b", "--show-prompt")
    assert "sieve" in flat(shown).split("(C) net")[1]


def test_a_model_that_cannot_be_asked_does_not_hide_the_others() -> None:
    result = call(*ASK, "openai:m@http://127.0.0.1:9", "scripted:direct")
    assert result.exit_code == 0
    assert "cannot reach http://127.0.0.1:9" in flat(result)
    assert "answer" in flat(result)


def test_no_answer_at_all_is_a_failure() -> None:
    assert call(*ASK, "openai:m@http://127.0.0.1:9").exit_code == 1


@pytest.mark.parametrize(
    ("options", "hint", "said"),
    [
        (["bucket"], None, "at least two"),
        (["bucket", "Bucket"], None, "the same"),
        (["bucket", "net"], "D", "'D' is none of the options: A"),
    ],
)
def test_wrong_options_are_one_line(options: list[str], hint: str | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_prompt(make_question(QUESTION, options, hint), hint=hint)


def test_evidence_has_the_colour_of_its_side() -> None:
    text = "(A) bucket: this fits because it is tight.\n(B) sieve: wrong, because it has holes."
    verdict = classify(text, make_question(QUESTION, ["bucket", "sieve"]), "rules").verdict
    styles = {str(span.style) for span in coloured(text, verdict).spans}
    assert {"green", "red"} <= styles
