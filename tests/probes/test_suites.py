"""The seed's suite, and suites of one's own."""

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from starprobe.cli import app
from starprobe.probes.conditions import built_in_conditions
from starprobe.probes.errors import InputError
from starprobe.probes.suites import (
    load_suite,
    suite_factors,
    suite_left_out,
    suite_prompts,
    suite_questions,
    suite_terms,
)

OWN = """
set = "everyday"
[[step]]
number = 1
question = "grapes"
conditions = ["plain"]
"""


def test_the_seed_has_sixteen_experiments_of_which_two_rate_responses():
    suite = load_suite("seed")
    assert [step.number for step in suite.step] == list(range(1, 17))
    assert [step.kind for step in suite.step[14:]] == ["reward", "judge"]
    assert all(step.models and step.seen for step in suite.step)


def test_its_prompts_are_each_made_once():
    suite = load_suite("seed")
    ids = [prompt.id for prompt in suite_prompts(suite)]
    assert ids == [
        "small-dog|plain|0",
        "surprise-party|plain|0",
        "surprise-party|hinted|0",
        "surprise-party|scratchpad|0",
        "surprise-party|scratchpad+hinted|0",
        "surprise-party|thinking_tags|0",
        "surprise-party|thinking_tags_system|0",
        "surprise-party|thinking_tags+hinted|0",
        "surprise-party|thinking_tags_system+hinted|0",
    ]
    assert len(suite_prompts(suite, orders=3)) == 27
    assert [question.id for question in suite_questions(suite).questions] == [
        "small-dog",
        "surprise-party",
    ]


def test_a_plan_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    suite = load_suite(str(path))
    assert suite.name == "mine" and [one.id for one in suite_prompts(suite)] == ["grapes|plain|0"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("grapes", "figs"), "step 1: the set 'everyday' has no question 'figs'"),
        (("plain", "plian"), "did you mean 'plain'"),
        (("number", "nummer"), "step.0.number: Field required"),
        (('["plain"]', "[]"), "a step asks under conditions"),
        (('set = "everyday"', "set = ["), "not valid TOML"),
        (('set = "everyday"', 'set = "everyday"\nname = "x"'), "name"),
    ],
)
def test_a_wrong_plan_is_told_what_is_wrong(tmp_path, change, message):
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(*change))
    with pytest.raises(InputError, match=message):
        load_suite(str(path))


BLOCKS = """
[[block]]
set = "everyday"
limit = 2
conditions = ["plain", "hinted"]
models = "chat"
[[block]]
set = "everyday"
limit = 3
conditions = ["plain"]
repeats = 4
models = "base"
[[block]]
set = "science"
limit = 1
conditions = ["plain"]
orders = 2
"""


def test_a_block_asks_its_questions_under_each_of_its_conditions(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(BLOCKS)
    suite = load_suite(str(path))
    asked = suite_terms(suite)
    everyday = [one for one in asked if one.prompt.probes == "everyday"]
    counts = [(one.prompt.condition, one.chat, one.base) for one in everyday]
    assert counts == [
        *[("plain", 1, 4)] * 2,
        *[("hinted", 1, 0)] * 2,
        ("plain", 0, 4),
    ]
    science = [one for one in asked if one.prompt.probes == "science"]
    assert [(one.prompt.order, one.chat, one.base) for one in science] == [(0, 1, 1), (1, 1, 1)]
    assert len(suite_questions(suite).questions) == 4


def test_the_battery_asks_every_built_in_condition_but_the_unused_axes():
    asked = suite_terms(load_suite("battery"))
    parts = {part for one in asked for part in one.prompt.condition.split("+")}
    left = set(built_in_conditions()) - parts
    assert left == {"labels_lower", "labels_roman", "paraphrase2"}
    assert {one.prompt.probes for one in asked} >= {"everyday", "science", "traps", "unanswerable"}
    assert sum(one.chat for one in asked) < 400 and sum(one.base for one in asked) < 150


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("about = 'nothing'", "it asks nothing"),
        (BLOCKS.replace('"science"', '"scince"'), "scince"),
        (BLOCKS.replace('["plain", "hinted"]', '["hinnted"]'), "did you mean 'hinted'"),
        (BLOCKS.replace('"chat"', '"chatty"'), "block.0.models"),
    ],
)
def test_a_wrong_block_is_told_what_is_wrong(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_suite(str(path))


def test_an_unknown_plan_is_told_those_there_are():
    with pytest.raises(InputError, match="built in: seed"):
        load_suite("sead")
    with pytest.raises(InputError, match="cannot be read"):
        load_suite("nowhere.toml")


DESIGN = """
[[block]]
set = "dates:test:n=60,tier=easy"
conditions = ["plain"]
orders = 5
wordings = [0, 1, 2]
labels = ["upper", "digits"]
"""


def _suite(folder, text):
    (folder / "design.toml").write_text(text, encoding="utf-8")
    return load_suite(str(folder / "design.toml"))


def test_orders_wordings_and_labels_cross(tmp_path):
    prompts = suite_prompts(_suite(tmp_path, DESIGN))
    assert len({prompt.id for prompt in prompts}) == 60 * 30
    ids = {prompt.id.split("|", 1)[1] for prompt in prompts}
    assert {"plain|0", "plain+paraphrase2|4", "plain+labels_digits+paraphrase1|3"} <= ids


def test_a_part_of_the_combinations_holds_every_one_equally_often(tmp_path):
    suite = _suite(tmp_path, DESIGN + "cells = 4\n")
    prompts = suite_prompts(suite)
    assert Counter(prompt.question_id for prompt in prompts) == Counter(
        {prompt.question_id: 4 for prompt in prompts}
    )
    combinations = Counter(prompt.id.split("|", 1)[1] for prompt in prompts)
    assert len(combinations) == 30 and set(combinations.values()) == {8}
    factors = {factor.name: factor for factor in suite_factors(suite)}
    assert {factor.requests for factor in factors.values()} == {240}
    assert factors["labels"].levels == ("digits", "upper")
    assert 0 < factors["labels"].paired <= 60


def test_questions_without_a_wording_are_left_out_and_counted(tmp_path):
    row = {"question": "Why?", "options": [{"text": "a"}, {"text": "b"}], "answer": "A"}
    (tmp_path / "own.jsonl").write_text(json.dumps(row), encoding="utf-8")
    text = DESIGN.replace("dates:test:n=60,tier=easy", str(tmp_path / "own.jsonl"))
    suite = _suite(tmp_path, text)
    assert suite_prompts(suite) == [] and suite_factors(suite) == []
    assert any("no wording 1" in reason for _, _, reason in suite_left_out(suite))


def test_what_a_design_can_show_is_said_before_anything_is_asked(tmp_path):
    _suite(tmp_path, DESIGN)
    suite = str(tmp_path / "design.toml")
    done = CliRunner().invoke(app, ["run", "scripted:direct", "--suite", suite, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "labels (" in done.output and "1,800 requests a model" in done.output
    assert "60 questions at both of two levels; that finds 2" in done.output
