"""The check finds what is planted, and nothing in our own sets."""

import pytest

from starprobe.probes.checks import check_questions
from starprobe.probes.loading import load_probe_set
from starprobe.probes.schema import Option, Question
from starprobe.probes.sets import BUILT_IN

WORDS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heron", "ivory", "jewel")


def question(number, texts=("red", "blue", "green", "grey"), right=None, stem=None, **metadata):
    options = tuple(Option(id=f"o{i}", text=text) for i, text in enumerate(texts, 1))
    first, second = WORDS[number % 10], WORDS[number // 10 % 10]
    return Question(
        id=f"q{number}",
        stem=stem or f"Why {first} {second}?",
        options=options,
        answer_id=f"o{number % 4 + 1}" if right is None else right or None,
        metadata=metadata,
    )


def kinds(questions):
    return [finding.kind for finding in check_questions(questions)]


@pytest.mark.parametrize("name", [*BUILT_IN, "numbers:train:n=600,level=2", "numbers:level=3"])
def test_nothing_is_found_in_our_own_sets(name):
    assert check_questions(load_probe_set(name).questions) == []


def test_nothing_is_found_in_a_clean_set():
    assert kinds([question(number) for number in range(40)]) == []


def test_repeated_ids_and_stems_are_found():
    found = kinds([question(1), question(1)])
    assert found == ["duplicate_id", "equal_stems"]


def test_nearly_equal_stems_are_found_and_different_numbers_are_not():
    stem = "When the baker in the village opens his shop at dawn, what does he sell first of all"
    assert kinds([question(1, stem=f"{stem}?"), question(2, stem=f"{stem} today?")]) == [
        "near_stems"
    ]
    assert (
        kinds([question(1, stem=f"{stem} on day 1?"), question(2, stem=f"{stem} on day 2?")]) == []
    )


def test_equal_options_are_found_whatever_their_case_and_signs():
    assert kinds([question(1, texts=("Red", "red.", "green", "grey"))]) == ["equal_options"]


def test_signs_of_numbers_make_options_different():
    assert kinds([question(1, texts=("-5", "5", "0.5", "1/5"))]) == []


def test_a_missing_answer_is_found_unless_the_question_says_that_it_has_none():
    assert kinds([question(1, right="")]) == ["no_answer"]
    assert kinds([question(1, right="", unanswerable=True)]) == []
    assert kinds([question(1, right="o1", unanswerable=True)]) == ["no_answer"]


def test_answers_that_favour_a_place_are_found():
    assert "positions" in kinds([question(number, right="o2") for number in range(40)])


def test_an_answer_much_longer_or_shorter_than_the_rest_is_found():
    long = ("red", "the colour of a clear sky at noon", "green", "grey")
    assert kinds([question(1, texts=long, right="o2")]) == ["length"]
    assert kinds([question(1, texts=long, right="o1")]) == []
    short = ("red", *(f"the colour of a {word} sky" for word in WORDS[:3]))
    assert kinds([question(1, texts=short, right="o1")]) == ["length"]


def test_a_slight_length_bias_over_the_whole_set_is_found():
    longer = [
        question(n, texts=[f"colour {'x' * (i == n % 4)}" for i in range(4)]) for n in range(40)
    ]
    findings = [f for f in check_questions(longer) if f.kind == "length"]
    assert len(findings) == 1 and "longest in 40 of 40" in findings[0].message
