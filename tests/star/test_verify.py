"""Verifiers: what is right, what is a valid working, and statements that can be told to be true."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starprobe.probes.errors import InputError
from starprobe.probes.rendering import rationale
from starprobe.probes.schema import Question
from starprobe.star.prompts import exemplars
from starprobe.star.verify import Checked, claims, false_claims, load_verifier, results, verify

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
        "1/2 * 1/2 = 1/4",
        "1,200 + 300 = 1,500",
        "10 / 3 = 3.33, so 2/3 = 0.67 of it",
        "(5+3)*2 - 1 = 15",
        "50 * 20% = 10",
        "20% + 30% = 50%",
        "5/20 = 25%",
        "$5 + $3 = $8",
        "1 1/2 + 1 = 2 1/2",
        "3*8=<<3*8=24>>24",
        "Step 1: 3+4=7 and 7+1=8",
        "3 + 4 = 7 8 + 1 = 9",
        "2^3 = 8",
        "12 / 5 = 2 2/5",
        "5. 3 + 4 = 7",
        "2,000 / 4 = 500, and 500 + 1 = 501",
        "3 + 4 = 7 - which is it",
        "8.314 * 33.33 = 277",
        "4 × (2 + 3) = 20 = 10 + 10",
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
        "1/2 + 1/2 = 2",
        "1,200 + 300 = 1,600",
        "10/3 = 3.5",
        "10 / 3 = 3",
        "(5+3)*2 = 13",
        "2.5 * 3 = 7.6",
    ],
)
def test_false_statements_are_told(text: str) -> None:
    assert false_claims(text)


@pytest.mark.parametrize(
    "text",
    [
        "2x + 3 = 11",
        "y - 3 = 5",
        "x + 2 = 4",
        "17 / 5 = 3 remainder 2",
        "2y=10",
        "a3 + 4 = 9",
        r"16 \times (l/2) \times 1/2 = 4l",
        r"\frac{5}{2} \times 8.0 \times (1500 - 500) = 4 \mathrm{kJ}",
        "(1) = 3 apples - 1",
    ],
)
def test_what_is_no_equation_of_numbers_is_left_alone(text: str) -> None:
    assert list(claims(text)) == []


@given(st.text(alphabet="120.- +x*/÷=(,)%^$", max_size=40))
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


SUM = Question(id="s", stem="What is 357 + 486?", answer_text="843")
CAPITAL = Question(id="c", stem="What is the capital of France?", answer_text="Paris")


def test_results_are_what_equations_come_to() -> None:
    assert results("7 + 6 = 13, write 3. 1,000 + 200 = 1,200.00") == ["13", "1200"]


def test_with_no_verifier_a_free_answer_is_compared_as_what_its_key_is() -> None:
    assert verify(SUM, "The answer is 843.0.", []) == Checked(right=True, answer="843")
    assert verify(SUM, "The answer is 842.", []).right is False
    assert verify(SUM, "I do not know.", []) == Checked(right=None)
    assert verify(CAPITAL, "So the answer is  paris.", []).right is True
    assert verify(CAPITAL, "The answer is Lyon.", []).right is False


def test_steps_must_hold_whatever_the_answer() -> None:
    steps = load_verifier("steps")
    good = steps(SUM, "7 + 6 = 13, write 3, carry 1. The answer is 843.")
    assert good.right is True and good.faults == ()
    bad = steps(SUM, "7 + 6 = 14, write 3. The answer is 843.")
    assert bad.right is True and bad.faults == ("7 + 6 = 14",)


def test_several_verifiers_must_all_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_checks.py").write_text(
        "def short(question, text):\n    return len(text) < 30\n"
        "def broken(question, text):\n    return 1 / 0\n"
        "def odd(question, text):\n    return 'yes'\n"
    )
    monkeypatch.chdir(tmp_path)
    both = [load_verifier("number"), load_verifier("my_checks:short")]
    assert verify(SUM, "The answer is 843.", both) == Checked(right=True, answer="843")
    assert verify(SUM, "Well, as I see it, the answer is 843.", both).right is False
    with pytest.raises(InputError, match="verify=my_checks:broken: ZeroDivisionError"):
        load_verifier("my_checks:broken")(SUM, "")
    with pytest.raises(InputError, match="gives 'yes'"):
        load_verifier("my_checks:odd")(SUM, "")


@pytest.mark.parametrize("name", ["numbr", "no_such_module:f"])
def test_a_verifier_that_is_not_there_is_one_line(name: str) -> None:
    with pytest.raises(InputError, match=f"verify={name}"):
        load_verifier(name)


def test_a_mathematical_expression_is_compared_by_its_value() -> None:
    pytest.importorskip("math_verify")
    half = Question(id="h", stem="What is half of one?", answer_text="1/2")
    assert load_verifier("math")(half, r"The answer is $\\frac{2}{4}$.").right is True
