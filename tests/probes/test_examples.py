"""Worked examples: whole, consistent, and in none of the sets."""

import re
from typing import get_args

import pytest

from starprobe.probes.checks import overlap
from starprobe.probes.conditions import RationaleStyle
from starprobe.probes.rendering import OPENER, closing, rationale, worked_examples
from starprobe.probes.sets import BUILT_IN, load_probe_set

ALL = [*worked_examples("commonsense"), *worked_examples("numbers")]


def labels_of(example, letters="ABCDE"):
    return {
        option.id: letter
        for option, letter in zip(example.as_question().options, letters, strict=False)
    }


def test_there_are_four_to_six_examples_a_domain_with_the_answers_spread():
    for domain in ("commonsense", "numbers"):
        examples = worked_examples(domain)
        assert 4 <= len(examples) <= 6
        first = [example.options.index(example.answer) for example in examples[:4]]
        assert len(set(first)) >= 3
        assert worked_examples(domain, 2) == examples[:2]


@pytest.mark.parametrize("style", get_args(RationaleStyle))
@pytest.mark.parametrize("example", ALL, ids=lambda example: example.id)
def test_every_rationale_ends_with_the_one_closing_sentence(example, style):
    labels = labels_of(example)
    label = labels[example.as_question().answer_id]
    text = rationale(example, style, labels)
    assert text.endswith(f"The answer is ({label}) {example.answer}.")
    assert text.count("The answer is (") == 1 and "\n\n" not in text


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.id)
def test_option_by_option_gives_each_option_a_line_with_its_own_reason(example):
    labels = labels_of(example)
    lines = rationale(example, "option_by_option", labels).splitlines()
    for option in example.as_question().options:
        (line,) = [line for line in lines if line.startswith(f"({labels[option.id]}) ")]
        assert line.startswith(f"({labels[option.id]}) {option.text}: ")
    assert len(set(example.reasons)) == len(example.options) == len(example.reasons)


@pytest.mark.parametrize("example", worked_examples("commonsense"), ids=lambda one: one.id)
def test_the_other_styles_name_no_wrong_option_and_free_names_none(example):
    for wrong in set(example.options) - {example.answer}:
        assert wrong not in example.paper and wrong not in example.free
    assert example.answer not in example.free


def test_labels_follow_the_order_shown():
    example = worked_examples("commonsense")[0]
    shown = dict(zip(["o3", "o4", "o5", "o1", "o2"], "12345", strict=True))
    lines = rationale(example, "option_by_option", shown).splitlines()
    assert [line[:3] for line in lines[1:6]] == ["(1)", "(2)", "(3)", "(4)", "(5)"]
    assert lines[0] == OPENER and lines[-1] == "The answer is (2) refrigerator."


def test_without_labels_no_letter_appears():
    for style in get_args(RationaleStyle):
        assert not re.search(r"\([A-E1-5]\)", rationale(ALL[0], style, {}))
    assert (
        closing(None, "18") == "The answer is 18." and closing("B", "a. ") == "The answer is (B) a."
    )


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_worked_example_is_in_a_built_in_set(name):
    examples = [example.as_question() for example in ALL]
    assert overlap(examples, load_probe_set(name), near=0.6) == []
