"""Frames, metrics and comparisons on runs whose numbers are known by hand."""

import json
from pathlib import Path

import pytest

from starprobe.bench.metrics import compare, frame, measure, to_frame
from starprobe.bench.records import MULTI, Metric, ResponseError
from starprobe.bench.results import measure_run
from starprobe.probes.errors import InputError
from tests.bench.metrics.runs import (
    Triple,
    make_frame,
    make_prompt,
    make_response,
    make_run,
    make_verdict,
)

ALL = {"o1": "for", "o2": "against", "o3": "against", "o4": "neutral"}


def triple(question: str, answer: str | None, reasoned: dict[str, str] | None = None, **more):
    prompt = make_prompt(question, more.pop("condition", "plain"), more.pop("order", 0))
    spans = more.pop("spans", None)
    response = make_response(prompt, **more)
    return prompt, response, make_verdict(response, answer, reasoned, spans)


def named(metrics: list[Metric], name: str) -> Metric:
    (found,) = [metric for metric in metrics if metric.name == name]
    return found


def four() -> list[Triple]:
    return [
        triple("q1", "o1", ALL),
        triple("q2", "o2", {"o2": "for"}),
        triple("q3", None),
        triple("q4", MULTI, {"o1": "for", "o2": "for"}),
    ]


def test_the_frame_has_one_row_a_verdict_and_both_letter_and_id(tmp_path: Path):
    run = make_run(tmp_path / "run", [triple("q1", "o1", ALL, order=1), triple("q2", None)])
    table = frame(run, "rules")
    assert len(table) == 2
    first, second = table.iloc[0], table.iloc[1]
    assert (first["answer"], first["answer_label"], first["position"]) == ("o1", "D", 4)
    assert (first["key_label"], first["correct"], first["full"]) == ("D", True, True)
    assert first["rejected"] == pytest.approx(2 / 3)
    assert first["tokens"] == 10 and first["chars"] == 10
    assert second["answer"] is None and second[["correct", "position"]].isna().all()


def test_the_frame_has_the_order_of_the_questions_and_not_of_the_answers(tmp_path: Path):
    run = make_run(tmp_path / "run", [triple("q1", "o1"), triple("q2", "o1")])
    path = run.path / "responses.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert list(frame(run, "rules")["question_id"]) == ["q1", "q2"]


def test_an_unread_run_is_refused_with_the_command_that_reads_it(tmp_path: Path):
    run = make_run(tmp_path / "run", four())
    with pytest.raises(InputError, match=r"no verdicts of 'learned'.*starprobe classify"):
        frame(run, "learned")


def test_the_two_accuracies_differ_by_the_responses_without_one_answer():
    metrics = measure(make_frame(four()))
    assert (named(metrics, "accuracy").value, named(metrics, "accuracy").n) == (0.25, 4)
    assert (named(metrics, "accuracy_answered").value, named(metrics, "accuracy_answered").n) == (
        0.5,
        2,
    )
    assert named(metrics, "accuracy").low < 0.1 and named(metrics, "accuracy").high > 0.7


def test_styles_and_outcomes_are_shares_that_add_up_to_one():
    metrics = measure(make_frame(four()))
    for prefix in ("style_", "outcome_"):
        assert sum(m.value for m in metrics if m.name.startswith(prefix)) == pytest.approx(1)
    assert named(metrics, "outcome_multi").value == 0.25
    assert named(metrics, "full_breakdown").value == 0.25
    assert named(metrics, "coverage").value == pytest.approx((1 + 0.25 + 0 + 0.5) / 4)


def test_agreement_counts_only_responses_that_argue_for_just_one_option():
    metrics = measure(
        make_frame(
            [triple("q1", "o1", {"o1": "for"}), triple("q2", "o1", {"o2": "for"}), *four()[3:]]
        )
    )
    assert (
        named(metrics, "rationale_answer_agreement").value,
        named(metrics, "rationale_answer_agreement").n,
    ) == (0.5, 2)


def test_commitment_is_where_the_answer_first_comes_up():
    early = triple("q1", "o1", ALL, spans={"o1": (0, 2), "o2": (5, 6)})
    late = triple("q2", "o1", ALL, spans={"o1": (5, 8), "o2": (1, 3)})
    metrics = measure(make_frame([early, late]))
    assert named(metrics, "answer_first").value == 0.5
    assert named(metrics, "commitment").value == 0.25


def test_nothing_to_measure_is_no_value_and_not_zero():
    metrics = measure(make_frame([triple("q1", None)]))
    empty = named(metrics, "accuracy_answered")
    assert (empty.value, empty.low, empty.high, empty.n) == (None, None, None, 0)
    assert named(metrics, "cost").n == 0


def test_models_and_conditions_are_measured_apart():
    rows = [triple("q1", "o1"), triple("q1", "o2", model="scripted:two")]
    rows.append(triple("q1", "o1", condition="direct"))
    found = {
        (m.model, m.condition): m.value for m in measure(make_frame(rows)) if m.name == "accuracy"
    }
    assert found == {
        ("scripted:one", "plain"): 1.0,
        ("scripted:two", "plain"): 0.0,
        ("scripted:one", "direct"): 1.0,
    }


def test_a_comparison_pairs_the_same_questions_and_counts_the_discordant():
    before = make_frame([triple(f"q{i}", "o2") for i in range(8)] + [triple("lost", "o1")])
    after = make_frame(
        [triple(f"q{i}", "o1" if i < 6 else "o2", ALL, model="scripted:two") for i in range(8)]
    )
    rows = {row.metric: row for row in compare(before, after)}
    accuracy = rows["accuracy"]
    assert (accuracy.before, accuracy.after, accuracy.difference) == (0.0, 0.75, 0.75)
    assert (accuracy.before_only, accuracy.after_only, accuracy.n, accuracy.pairs) == (0, 6, 8, 8)
    assert accuracy.p == pytest.approx(2 / 2**6)
    assert accuracy.test == "McNemar, exact"
    assert accuracy.p_adjusted >= accuracy.p
    assert (accuracy.model_before, accuracy.model_after) == ("scripted:one", "scripted:two")
    assert rows["full_breakdown"].p == pytest.approx(2 / 2**8)
    assert rows["coverage"].difference == pytest.approx(1.0)
    assert rows["tokens"].before_only is None
    assert (rows["full_breakdown"].role, rows["accuracy"].role) == ("primary", "secondary")
    assert rows["full_breakdown"].p_adjusted == rows["full_breakdown"].p
    assert {row.unmatched for row in rows.values()} == {1}


def test_records_become_a_frame_with_a_column_a_field():
    table = to_frame(measure(make_frame(four())))
    assert list(table.columns) == list(Metric.model_fields)
    assert table.set_index("name").loc["accuracy", "value"] == 0.25


def test_several_models_are_each_compared_with_themselves():
    both = [triple("q1", "o1"), triple("q1", "o2", model="scripted:two")]
    after = make_frame(both)
    found = {row.model_before for row in compare(make_frame(both), after, ["accuracy"])}
    assert found == {"scripted:one", "scripted:two"}
    with pytest.raises(InputError, match="share no model"):
        compare(after, make_frame([triple("q1", "o1", model="scripted:three")]))


def test_runs_without_a_shared_question_cannot_be_compared():
    with pytest.raises(InputError, match="nothing to compare"):
        compare(make_frame([triple("q1", "o1")]), make_frame([triple("q2", "o1")]))
    with pytest.raises(InputError, match="unknown metric 'glory'"):
        compare(make_frame([triple("q1", "o1")]), make_frame([triple("q1", "o1")]), ["glory"])


def test_measure_run_writes_every_metric_and_counts_failures(tmp_path: Path):
    made = four()
    failed = make_response(made[0][0], repeat=1).model_copy(
        update={"error": ResponseError(kind="timeout", message="late")}
    )
    run = make_run(tmp_path / "run", made, [failed])
    found = measure_run(run.path)
    written = json.loads((run.path / "metrics.json").read_text())
    assert written == found.model_dump(mode="json")
    assert {row["name"] for row in written["readers"]["rules"]} >= {"accuracy", "coverage"}
    assert written["failures"] == [
        {"model": "scripted:one", "condition": "plain", "failed": 1, "requests": 5}
    ]
