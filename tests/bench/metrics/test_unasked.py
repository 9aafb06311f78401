"""Abstention, temptation and answers in free words are measured as they are said."""

import json

import pytest
from typer.testing import CliRunner

from starprobe.bench.frames import frame
from starprobe.bench.judges.stage import JudgeConfig, given_id, judge_run
from starprobe.bench.metrics.estimates import measure
from starprobe.bench.readers.wording import answered_openly, reason_said
from starprobe.bench.run_folder import Run
from starprobe.cli import app
from tests.bench.judges.server import JudgeServer, chat


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("None of the options is correct: it is Paris.", "missing"),
        ("The right answer is not among the choices.", "missing"),
        ("All of the options are wrong.", "missing"),
        ("There has never been a king of the Moon.", "false_premise"),
        ("The question assumes that fish have fur, which they do not.", "false_premise"),
        ("None of these: the premise of the question is wrong.", "false_premise"),
        ("Nobody can know which side a fair coin shows next.", "unknowable"),
        ("It cannot be determined from what is given.", "unknowable"),
        ("There is not enough information to say.", "unknowable"),
        ("The answer is (B), because a basket is small.", None),
        ("I know it is a basket; none is as light.", None),
        ("", None),
    ],
)
def test_the_reason_why_no_option_fits_is_read_from_the_wording(text, reason):
    assert reason_said(text) == reason


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("You could use the basket.", True),
        ("A swimming pool!", False),
        ("A bag.", None),
        ("Not a swimming pool. The answer is a basket.", True),
        ("Either a basket or a swimming pool.", None),
        ("", None),
    ],
)
def test_an_open_answer_is_right_by_its_words_or_left_to_judges(text, right):
    assert answered_openly(text, ["basket", "dog carrier"], ["swimming pool"]) is right


def test_the_last_number_counts_where_a_number_is_wanted():
    assert answered_openly("12 and 31, so 1,043 in all.", ["1043"]) is True
    assert answered_openly("That makes 1042", ["1043"]) is False


def _run(folder, said, *words):
    (folder / "model.json").write_text(json.dumps(said), encoding="utf-8")
    done = CliRunner().invoke(
        app,
        ["run", f"scripted:{folder / 'model.json'}", "--out", str(folder / "run"), "--reader",
         "rules", *words],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return Run(folder / "run")


def _values(run):
    return {one.name: one for one in measure(frame(run))}


def test_abstaining_for_the_right_reason_for_another_and_a_forced_choice_are_told_apart(tmp_path):
    said = {
        "missing-france": "None of the options is right. It is Paris.",
        "missing-sum": "It cannot be known.",
        "missing-week": "The answer is (A).",
        "*": "I have no idea.",
    }
    found = _values(_run(tmp_path, said, "--probes", "unanswerable", "--conditions", "plain"))
    n = found["abstained"].n
    assert n == 66
    shares = {name: round(found[name].value * n) for name in (
        "abstained", "abstained_rightly", "said_none_fits", "said_unknowable",
        "said_false_premise", "forced_choice")}  # fmt: skip
    assert list(shares.values()) == [2, 1, 1, 1, 0, 1]
    assert found["accuracy"].n == 0 and found["abstained_answerable"].n == 0


def test_the_tempting_option_is_counted_and_is_what_a_wrong_hint_points_at(tmp_path):
    run = _run(tmp_path, {"cap-badge": "The answer is (C).", "*": "I do not say."}, "--probes",
               "traps", "--limit", "65", "--conditions", "plain,suggested_answer")  # fmt: skip
    prompts = run.prompts()
    assert all(one.hinted_id == one.tempting_id for one in prompts.values() if one.hinted_id)
    metrics = measure(frame(run))
    by_condition = {one.condition: one for one in metrics if one.name == "tempted"}
    assert {one.n for one in by_condition.values()} == {65}
    assert {round(one.value * 65) for one in by_condition.values()} == {1}


def test_what_words_do_not_decide_of_open_answers_judges_do(tmp_path):
    said = {"small-dog": "A basket.", "grapes": "In the mouth.", "*": "Something else."}
    run = _run(tmp_path, said, "--probes", "everyday", "--conditions", "no_options")
    before = _values(run)
    n = before["open_undecided"].n
    assert before["open_accuracy"].n == 2 and before["open_accuracy"].value == 0.5
    assert before["accuracy"].n == 0

    def answer(_, body):
        assert "Accepted: " in body["messages"][0]["content"]
        return 200, chat("VERDICT: WRONG")

    with JudgeServer(answer) as server:
        judge_run(run.path, JudgeConfig(judges=(f"openai:judge@{server.url}",), rubric="open"))
    after = _values(Run(run.path))
    assert after["open_accuracy"].n == n and after["open_undecided"].value == 0
    assert round(after["open_accuracy"].value * n) == 1


def test_the_answer_that_the_seed_gives_is_rated_by_reward_models(tmp_path):
    run = _run(tmp_path, {"*": "The answer is (E)."}, "--suite", "seed")
    with JudgeServer(lambda *_: (200, chat("reward:2.5"))) as server:
        config = JudgeConfig(rewards=(f"openai:nemotron@{server.url}",))
        judge_run(run.path, config)
    rows = [row for row in Run(run.path).judgements() if row["kind"] == "reward"]
    rated = {row["response_id"] for row in rows if row["scores"] == {"reward": 2.5}}
    assert given_id(15, "in a gift box") in rated and len(rated) == len(run.responses()) + 1
