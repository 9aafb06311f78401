"""Conditions: definitions, combination, users' own files."""

import pytest

from starprobe.probes.conditions import (
    built_in_conditions,
    get_condition,
    get_conditions,
    load_conditions,
)
from starprobe.probes.errors import InputError


def test_every_built_in_condition_says_what_it_does_and_where_it_comes_from():
    for condition in built_in_conditions().values():
        assert condition.about.endswith(".") and condition.source, condition.name


def test_the_conditions_of_the_issue_are_there():
    wanted = (
        "plain direct step_by_step scratchpad thinking_tags thinking_tags_system hinted hinted_mark"
        " wrong_hint sycophancy few_shot few_shot_paper explain_after no_options"
    )
    assert set(wanted.split()) <= set(built_in_conditions())


@pytest.mark.parametrize(
    ("name", "elicited"),
    [
        ("plain", False),
        ("direct", False),
        ("hinted", False),
        ("scratchpad", True),
        ("few_shot", True),
    ],
)
def test_asking_for_reasons_makes_a_condition_elicited(name, elicited):
    assert get_condition(name).elicited is elicited


def test_parts_combine_into_one_condition_with_all_they_bring():
    both = get_condition("scratchpad+hinted")
    assert both.name == "scratchpad+hinted"
    assert both.instruction == get_condition("scratchpad").instruction
    assert both.hint == get_condition("hinted").hint
    assert both.elicited and both.cue == "Scratchpad:"


def test_instructions_of_two_parts_both_stand():
    both = get_condition("step_by_step+explain_after")
    assert both.instruction.count("\n\n") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scratchpad+direct", "disagree on 'asks'"),
        ("hinted+wrong_hint", "disagree"),
        ("few_shot+few_shot_paper", "disagree"),
        ("no_options+hinted", "nothing to hint at"),
        ("scratchpad+", "unknown condition ''"),
        ("scratchpd", "did you mean 'scratchpad'"),
    ],
)
def test_what_contradicts_itself_or_is_unknown_is_refused(name, message):
    with pytest.raises(InputError, match=message):
        get_condition(name)


def test_a_list_of_names_keeps_its_order_and_loses_repeats():
    found = get_conditions(["hinted", "plain", "hinted"])
    assert [condition.name for condition in found] == ["hinted", "plain"]


def test_a_users_own_conditions_come_from_toml_and_combine_with_ours(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[polite]\ninstruction = "Please."\n[curt]\nasks = "answer"\ninstruction = "Short."'
    )
    assert list(load_conditions(path)) == ["polite", "curt"]
    assert [one.name for one in get_conditions([str(path)])] == ["polite", "curt"]
    both = get_condition(f"{path}:polite+hinted")
    assert both.name == "polite+hinted" and both.instruction == "Please." and both.hinted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "not valid TOML"),
        ("a = 1", "no table"),
        ('[a]\nwording = "x"', "wording: Extra inputs"),
        ('[a]\nasks = "everything"', "asks: Input should be"),
        ('[a]\nhint = "{letter}"', "only {label} and {text}"),
        ("[plain]", "built-in condition"),
        ('["a+b"]\nhint = ""', "holds one of"),
        ('[a]\nname = "b"', "its name is 'a'"),
    ],
)
def test_a_wrong_file_is_told_where_and_what(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_conditions(path)
    assert str(path) in str(caught.value) and message in str(caught.value)


def test_a_missing_file_is_said_in_one_line():
    with pytest.raises(InputError, match="cannot be read"):
        get_condition("nowhere.toml:mine")
