"""Panels over a real socket: votes, both orders, missing verdicts, self-judging, resuming."""

import json

import pytest

from starprobe.bench.judges.panel import (
    RUBRICS,
    judges_itself,
    read_choice,
    read_judgements,
    render,
)
from starprobe.bench.judges.stage import JudgeConfig, judge_run
from starprobe.bench.records import ModelInfo, ResponseError
from starprobe.bench.results import measure_run
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import InputError
from tests.bench.judges.server import JudgeServer, chat
from tests.bench.metrics.runs import make_prompt, make_response, make_run, make_verdict


def triple(question, answer, model="scripted:one", text="because"):
    prompt = make_prompt(question)
    response = make_response(prompt, model, text=text)
    return prompt, response, make_verdict(response, answer)


def asked(body):
    return body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("VERDICT: RIGHT", "RIGHT"),
        ("It is (B).\n\n**Verdict:** wrong", "WRONG"),
        ("VERDICT: WRONG\nOn second thought.\nVERDICT: RIGHT", "RIGHT"),
        ("The verdict is RIGHT.", "RIGHT"),
        ("right.", "RIGHT"),
        (" RIGHT\nbecause", "RIGHT"),
        ("VERDICT: RIGHT | WRONG | NONE", None),
        ("I think that it is right in part.", None),
        ("VERDICT: MAYBE", None),
        ("", None),
    ],
)
def test_a_verdict_is_read_or_missing(text, choice):
    assert read_choice(text, RUBRICS["right"].choices) == choice


def test_a_rubric_s_hash_changes_with_its_wording_only():
    rubric = RUBRICS["right"]
    assert rubric.hash == rubric.model_copy(update={"name": "other"}).hash
    assert rubric.hash != rubric.model_copy(update={"template": rubric.template + " "}).hash
    assert len({rubric.hash for rubric in RUBRICS.values()}) == len(RUBRICS)


def test_braces_in_a_response_are_text():
    prompt, response, _ = triple("q", "o1", text="{options} {nothing}")
    rendered = render(RUBRICS["right"], prompt, (response,), "x")
    assert "{options} {nothing}" in rendered.messages[0].content


def test_a_panel_votes_and_abstains_and_resumes(tmp_path):
    rows = [triple("q1", "o1"), triple("q2", "o2", text="tie"), triple("q3", "o3", text="mumble")]
    run = make_run(tmp_path / "run", rows)

    def reply(path, body):
        if body["model"] == "strict":
            return 200, chat("VERDICT: WRONG" if "tie" in asked(body) else "VERDICT: RIGHT")
        return 200, chat("Hm." if "mumble" in asked(body) else "VERDICT: RIGHT")

    with JudgeServer(reply) as server:
        config = JudgeConfig(
            judges=(f"openai:strict@{server.url}/v1", f"openai:mild@{server.url}/v1")
        )
        found = judge_run(run.path, config)
        assert len(server.bodies) == 6
        assert {body["temperature"] for body in server.bodies} == {0.0}
        assert judge_run(run.path, config) == found
        assert len(server.bodies) == 6
    by_response = {row.response_id: row for row in found.consensus["right"]}
    choices = [by_response[response.id].choice for _, response, _ in rows]
    assert choices == ["RIGHT", None, "RIGHT"]
    assert by_response[rows[2][1].id].missing == 1
    unreadable = {row.judge.partition("@")[0]: row.unreadable for row in found.judges}
    assert unreadable == {"openai:strict": 0, "openai:mild": 1}
    assert found.agreement["right"].raw == 0.5
    shares = {row.name: row.value for row in found.metrics}
    assert shares["consensus_right_RIGHT"] == 1
    assert shares["consensus_right_abstained"] == pytest.approx(1 / 3)
    # Of the two with a consensus (both RIGHT), the key says that one is.
    assert shares["consensus_right_matches_key"] == 0.5


def test_the_wording_is_kept_once_with_its_hash(tmp_path):
    run = make_run(tmp_path / "run", [triple("q1", "o1")])
    with JudgeServer(lambda path, body: (200, chat("VERDICT: RIGHT"))) as server:
        for name in ("a", "b"):
            judge_run(run.path, JudgeConfig(judges=(f"openai:{name}@{server.url}/v1",)))
    lines = [json.loads(line) for line in (run.path / "judgements.jsonl").read_text().splitlines()]
    kept = [line for line in lines if line["kind"] == "rubric"]
    assert [(row["name"], row["hash"]) for row in kept] == [("right", RUBRICS["right"].hash)]
    assert kept[0]["template"] == RUBRICS["right"].template
    assert {row["rubric_hash"] for row in lines if row["kind"] == "vote"} == {kept[0]["hash"]}


def two_models():
    rows = []
    for question in ("q1", "q2"):
        rows.append(triple(question, "o1", "openai:good", text="sound"))
        rows.append(triple(question, "o2", "openai:bad", text="unsound"))
    return rows


def test_pairs_are_shown_in_both_orders_and_a_judge_of_places_says_tie(tmp_path):
    run = make_run(tmp_path / "run", two_models())

    def reply(path, body):
        if body["model"] == "first-always":
            return 200, chat("VERDICT: FIRST")
        first = asked(body).partition("Response 1:\n")[2]
        return 200, chat(f"VERDICT: {'FIRST' if first.startswith('sound') else 'SECOND'}")

    with JudgeServer(reply) as server:
        judges = tuple(f"openai:{name}@{server.url}/v1" for name in ("first-always", "fair"))
        found = judge_run(run.path, JudgeConfig(judges=judges, rubric="better"))
        assert len(server.bodies) == 8
    for row in found.consensus["better"]:
        winner = row.response_id if row.choice == "FIRST" else row.other_id
        assert row.votes == {"TIE": 1, "FIRST" if "good" in row.response_id else "SECOND": 1}
        assert row.choice is None or "good" in winner
    fair = judge_run(run.path, JudgeConfig(judges=judges, rubric="better", count_self=True))
    assert fair.agreement["better"].items == 2


def test_a_fair_judge_alone_decides_whatever_the_order(tmp_path):
    run = make_run(tmp_path / "run", two_models())

    def reply(path, body):
        first = asked(body).partition("Response 1:\n")[2]
        return 200, chat(f"VERDICT: {'FIRST' if first.startswith('sound') else 'SECOND'}")

    with JudgeServer(reply) as server:
        config = JudgeConfig(judges=(f"openai:fair@{server.url}/v1",), rubric="better")
        found = judge_run(run.path, config)
    for row in found.consensus["better"]:
        assert "good" in (row.response_id if row.choice == "FIRST" else row.other_id)


def test_a_model_that_judges_itself_is_flagged_and_can_be_left_out(tmp_path):
    rows = [triple("q1", "o1", "openai:judge"), triple("q1", "o1", "openai:other")]
    run = make_run(tmp_path / "run", rows)
    with JudgeServer(lambda path, body: (200, chat("VERDICT: RIGHT"))) as server:
        config = JudgeConfig(judges=(f"openai:judge@{server.url}/v1",))
        found = judge_run(run.path, config)
        strict = judge_run(run.path, config.model_copy(update={"count_self": False}))
    assert [row.self_judging for row in found.judges] == [1]
    assert {row.choice for row in found.consensus["right"]} == {"RIGHT"}
    own = [row for row in strict.consensus["right"] if row.response_id == rows[0][1].id]
    assert own[0].choice is None and own[0].self_judged == 1
    # What was printed is what the file and the report hold.
    assert measure_run(run.path).judged.metrics == strict.metrics != found.metrics
    assert judges_itself(ModelInfo(name="ollama:other@http://h:1"), [rows[1][1]])


def test_failed_judgements_are_asked_again_and_failed_responses_never(tmp_path):
    rows = [triple("q1", "o1")]
    broken = make_response(rows[0][0], repeat=1).model_copy(
        update={"error": ResponseError(kind="timeout", message="late")}
    )
    run = make_run(tmp_path / "run", rows, [broken])
    states = iter([(400, {"error": {"message": "no"}}), (200, chat("VERDICT: RIGHT"))])
    with JudgeServer(lambda path, body: next(states)) as server:
        config = JudgeConfig(judges=(f"openai:judge@{server.url}/v1",))
        first = judge_run(run.path, config)
        assert first.judges[0].failed == 1 and first.consensus["right"][0].choice is None
        second = judge_run(run.path, config)
        assert len(server.bodies) == 2
    assert second.judges[0].failed == 0 and second.consensus["right"][0].choice == "RIGHT"
    assert len(read_judgements(Run(run.path).judgements())) == 1


def test_a_limit_draws_the_same_responses_every_time(tmp_path):
    run = make_run(tmp_path / "run", [triple(f"q{i}", "o1") for i in range(9)])
    with JudgeServer(lambda path, body: (200, chat("VERDICT: RIGHT"))) as server:
        config = JudgeConfig(judges=(f"openai:judge@{server.url}/v1",), limit=4)
        judge_run(run.path, config)
        judge_run(run.path, config)
        assert len(server.bodies) == 4


def test_wrong_use_is_one_line(tmp_path):
    run = make_run(tmp_path / "run", [triple("q1", "o1")])
    with pytest.raises(InputError, match="nobody is to judge"):
        judge_run(run.path, JudgeConfig())
    with pytest.raises(InputError, match="unknown rubric 'charm'"):
        judge_run(run.path, JudgeConfig(judges=("scripted:echo",), rubric="charm"))
    with pytest.raises(InputError, match="two models' responses"):
        judge_run(run.path, JudgeConfig(judges=("scripted:echo",), rubric="better"))
