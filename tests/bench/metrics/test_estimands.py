"""The numbers answer the question beside them: each case once gave another answer."""

import json

import numpy as np
import pytest

from starprobe.bench.metrics import compare, measure
from starprobe.bench.metrics.compare import said
from starprobe.bench.metrics.contrasts import between_models, contrasts, standings
from starprobe.bench.metrics.estimates import measure_sets
from starprobe.bench.statistics.labelled import count_choices, krippendorff_alpha
from starprobe.bench.statistics.paired import paired_mean, paired_rate
from starprobe.probes.errors import InputError
from tests.bench.metrics.runs import make_frame, make_prompt, make_response, make_verdict

ALL = {"o1": "for", "o2": "against", "o3": "against", "o4": "against"}


def row(question, answer="o1", reasoned=None, condition="plain", order=0, **more):
    prompt = make_prompt(question, condition, order).model_copy(update=more.pop("prompt", {}))
    response = make_response(prompt, **more)
    return prompt, response, make_verdict(response, answer, reasoned)


def value(frame, name):
    (found,) = [metric for metric in measure(frame) if metric.name == name]
    return found


def test_ten_questions_asked_often_do_not_outweigh_forty_two_asked_once():
    rows = [row(f"often{i}", None, ALL, order=o, repeat=r) for i in range(10)
            for o in range(4) for r in range(3)]  # fmt: skip
    rows += [row(f"once{i}") for i in range(42)]
    found = value(make_frame(rows), "full_breakdown")
    assert (found.value, found.n) == (pytest.approx(10 / 52), 52)
    assert found.low < 10 / 52 < found.high < 0.4


def test_without_options_nothing_is_right_or_wrong():
    rows = [row(f"q{i}", None, condition="no_options", prompt={"shown": ()}) for i in range(20)]
    frame = make_frame(rows)
    for name in ("accuracy", "accuracy_answered", "outcome_answered", "style_direct", "coverage"):
        assert (value(frame, name).value, value(frame, name).n) == (None, 0)
    assert value(frame, "tokens").n == 20


def test_four_of_five_against_none_is_undecided_and_never_alike():
    before = make_frame([row(f"q{i}") for i in range(5)])
    after = make_frame([row(f"q{i}", reasoned=ALL if i < 4 else None) for i in range(5)])
    (found,) = compare(before, after, ["full_breakdown"])
    assert (found.difference, found.verdict, found.role) == (0.8, "undecided", "primary")
    assert found.low <= 0 < found.high
    assert said(found).startswith("undecided (") and "5" in said(found)


def test_a_verdict_is_alike_only_where_the_interval_lies_inside_the_margin():
    same = [row(f"q{i}", reasoned=ALL if i % 2 else None) for i in range(300)]
    (found,) = compare(make_frame(same), make_frame(same), ["full_breakdown"])
    assert found.verdict == "alike" and -0.05 <= found.low < 0 < found.high <= 0.05
    (few,) = compare(make_frame(same[:40]), make_frame(same[:40]), ["full_breakdown"])
    assert few.verdict == "undecided" and few.low < -0.04 and few.questions_needed > 40


def test_runs_that_share_ids_and_no_question_are_refused():
    before = make_frame([row(f"q{i}") for i in range(3)])
    other = make_frame([row(f"q{i}", prompt={"stem": f"something else {i}"}) for i in range(3)])
    with pytest.raises(InputError, match="same ids for other questions"):
        compare(before, other)


def test_questions_are_paired_by_what_they_are_whatever_their_ids():
    answers = ["o1" if i % 2 else "o2" for i in range(20)]
    one = make_frame([row(f"q{i}", answer) for i, answer in enumerate(answers)])
    other = make_frame([
        row(f"other{19 - i}", answer, prompt={"stem": f"stem of q{i}"})
        for i, answer in enumerate(answers)
    ])  # fmt: skip
    (found,) = compare(one, other, ["accuracy"])
    assert (found.n, found.difference, found.before_only, found.after_only) == (20, 0, 0, 0)
    (part,) = compare(one, other[other["question_id"] != "other3"], ["accuracy"])
    assert (part.n, part.unmatched) == (19, 1)


def test_few_values_that_agree_have_wide_intervals_or_none():
    frame = make_frame([row(f"q{i}", reasoned={"o1": "for"}) for i in range(2)])
    found = value(frame, "coverage")
    assert found.value == 0.25 and found.low < 0.1 and found.high > 0.9
    (tokens,) = compare(frame, frame, ["tokens"])
    assert (tokens.difference, tokens.low, tokens.high, tokens.p) == (0, None, None, None)


def test_forty_questions_without_a_change_do_not_prove_that_there_is_none():
    found = paired_rate(np.ones(40), np.ones(40), np.arange(40)).difference
    assert found.value == 0 and found.low < -0.047 and found.high > 0.047


def test_a_change_in_every_question_is_significant_in_the_largest_family():
    conditions = ["plain", *(f"own{i}" for i in range(13))]
    sides = [
        make_frame([row(f"q{i}", reasoned=reasons, condition=c) for c in conditions
                    for i in range(40)])
        for reasons in (None, ALL)
    ]  # fmt: skip
    found = compare(*sides)
    assert len(found) > 150
    assert all(row.p_adjusted < 1e-9 for row in found if row.metric == "coverage")
    moved = paired_mean(np.full(97, 10.0), 80 + np.arange(97.0), np.arange(97))
    assert moved.p < 1e-25


def test_the_primary_outcome_pays_for_no_other():
    before = make_frame([row(f"q{i}") for i in range(12)])
    after = make_frame([row(f"q{i}", "o2", ALL if i < 7 else None) for i in range(12)])
    found = {one.metric: one for one in compare(before, after)}
    primary = found["full_breakdown"]
    assert (primary.role, primary.p_adjusted) == ("primary", primary.p)
    assert {name for name, one in found.items() if one.role == "secondary"} == {
        "coverage", "accuracy", "outcome_answered",
    }  # fmt: skip
    asked = {one.role for one in contrasts(make_frame([row("q"), row("q", condition="direct")]))}
    assert asked == {"exploratory"}


def test_alpha_takes_the_question_as_its_unit():
    rng, held = np.random.default_rng(5), []
    for _ in range(150):
        ease = rng.beta(0.5, 0.5, 30)
        truth = rng.random((30, 8)) < ease[:, None]
        votes = [
            ["Y" if (rng.random() < 0.8) == said else "N" for _ in range(3)]
            for said in truth.ravel()
        ]
        questions = [str(i) for i in np.repeat(np.arange(30), 8)]
        found = krippendorff_alpha(count_choices(votes, ("Y", "N")), questions)
        held.append(found.low <= 0.36 <= found.high)
    # Errors of a fifth in two equally frequent choices: alpha is (1 - 2 * 0.2)^2.
    assert np.mean(held) >= 0.9


def test_prompts_that_show_one_order_of_the_options_say_nothing_of_orders():
    rows = [
        row(f"q{i}", f"o{1 + (i + k) % 4}", prompt={"order": k, "id": f"q{i}/plain/{k}"})
        for i in range(20)
        for k in range(3)
    ]
    names = {metric.name for metric in measure(make_frame(rows))}
    assert not names & {"flip_rate", "right_in_every_order", "accuracy_spread"}


def test_questions_asked_in_one_order_do_not_count_as_right_in_every_order():
    rows = [row("turned", "o2" if order else "o1", order=order) for order in range(3)]
    rows += [row(f"q{i}") for i in range(9)]
    found = value(make_frame(rows), "right_in_every_order")
    assert (found.value, found.n) == (0, 1)


def three_models():
    rows = []
    for number, model in enumerate(("scripted:one", "scripted:two", "scripted:three")):
        rows += [
            row(f"q{i}", reasoned=ALL if i < (2, 4, 30)[number] else None, model=model)
            for i in range(40)
        ]
    return make_frame(rows)


def test_models_are_compared_with_each_other_and_ranked_in_groups_that_are_told_apart():
    found = {
        (one.model_before, one.model_after): one
        for one in between_models(three_models())
        if one.metric == "full_breakdown"
    }
    assert found["scripted:one", "scripted:three"].verdict == "more"
    assert found["scripted:one", "scripted:two"].verdict == "undecided"
    ranks = [(one.model, one.best_rank, one.worst_rank) for one in standings(three_models())]
    assert ranks == [("scripted:three", 1, 1), ("scripted:two", 2, 3), ("scripted:one", 2, 3)]
    with pytest.raises(InputError, match="no model 'x' here"):
        between_models(three_models(), ["x", "scripted:one"])


def test_other_words_labels_and_orders_are_held_against_plain():
    rows = [row(f"q{i}", order=order) for i in range(6) for order in range(2)]
    for condition in ("paraphrase1", "labels_digits", "few_shot"):
        rows += [row(f"q{i}", condition=condition) for i in range(6)]
    found = {one.condition for one in contrasts(make_frame(rows))}
    assert found == {
        "plain -> paraphrase1", "plain -> labels_digits", "plain -> few_shot",
        "plain, order 0 -> 1",
    }  # fmt: skip


def test_each_set_is_shown_and_weighs_as_much_as_its_questions():
    rows = [row(f"a{i}", prompt={"probes": "small"}) for i in range(5)]
    rows += [row(f"b{i}", "o2", prompt={"probes": "large"}) for i in range(15)]
    frame = make_frame(rows)
    sets = measure_sets(frame)
    shares = {
        name: next(metric.value for metric in found if metric.name == "accuracy")
        for name, found in sets.items()
    }
    assert shares == {"small": 1.0, "large": 0.0}
    assert value(frame, "accuracy").value == 0.25
    assert measure_sets(make_frame(rows[:5])) == {}


def test_a_comparison_is_stored_as_it_is_said():
    frame = three_models()
    for one in between_models(frame):
        assert json.loads(one.model_dump_json())["verdict"] in {
            "more",
            "less",
            "alike",
            "undecided",
        }
        assert (one.questions_needed is None) or one.verdict == "undecided"
