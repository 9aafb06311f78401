"""Statements about numbers that can be told to be true or false."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starprobe.probes.examples import rationale
from starprobe.star.prompts import exemplars
from starprobe.star.verify import claims, false_claims

LABELS = {"o1": "A", "o2": "B", "o3": "C", "o4": "D"}


@pytest.mark.parametrize(
    "text",
    [
        "8 + 5 = 13.",
        "2 + 3 x 4 = 14",
        "7 - -2 = 9",
        "7--2+-1 = 8",
        "-3 x -2 -1 = 5",
        "10 / 4 = 2.5",
        "47 is less than 85, 86 and 90",
        "24 is 1 more than 23",
        "-3 is below 2",
        "dividing 42 by 5 leaves 2",
        "(A) 41: it ends in 1, so 5 does not divide it.",
        "(B) 65: it ends in 5, so 5 divides it.",
        "47: it starts with 4, so 47 leads",
        "8 equals 8",
    ],
)
def test_true_statements_are_found_and_hold(text: str) -> None:
    assert [claim.holds for claim in claims(text)]
    assert false_claims(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "8 + 5 = 14.",
        "(2 + 3 x 4 = 20)",
        "10 / 0 = 0",
        "7 - -2 = 5",
        "47 is less than 85, 46 and 90",
        "24 is 2 more than 23",
        "dividing 42 by 5 leaves 3",
        "(A) 41: it ends in 4, so 5 does not divide it.",
        "(B) 65: it ends in 5, so 5 does not divide it.",
        "47: it starts with 7",
        "8 equals 9",
    ],
)
def test_false_statements_are_told(text: str) -> None:
    assert false_claims(text)


@given(st.text(alphabet="120.- +x*/÷=", max_size=40))
def test_whatever_a_model_writes_of_numbers_is_judged(text: str) -> None:
    assert all(isinstance(claim.holds, bool) for claim in claims(text))


def test_prose_makes_no_claims() -> None:
    assert not list(claims("Take 3 apples, or 4; the dog is less than happy. In 2024 it was 5 x."))


@pytest.mark.parametrize("name", ["probes", "numbers", "word_problems"])
def test_no_worked_example_states_what_is_false(name: str) -> None:
    for example in exemplars(name):
        labels = dict(list(LABELS.items())[: len(example.options)])
        for style in ("option_by_option", "paper", "free"):
            assert false_claims(rationale(example, style, labels)) == []
