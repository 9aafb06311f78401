"""Options are found in the text of a prompt, whatever they look like there."""

from __future__ import annotations

import pytest

from starprobe.probes.choices import options_in_field, options_in_text

DOG = [("basket"), ("pool"), ("own home")]


def found(text: str) -> tuple[str, list[str], list[str]] | None:
    inside = options_in_text(text)
    if inside is None:
        return None
    return inside.stem, [one.label for one in inside.options], [one.text for one in inside.options]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Where does it sleep?\nA. basket\nB. pool\nC. own home", "ABC"),
        ("Where does it sleep?\n\n(A) basket\n(B) pool\n(C) own home\n\nAnswer:", "ABC"),
        ("Question: Where does it sleep?\nOptions:\na) basket\nb) pool\nc) own home", "abc"),
        ("Q: Where does it sleep?\nAnswer Choices:\n(a) basket\n(b) pool\n(c) own home\nA:", "abc"),
        ("Where does it sleep?\n1. basket\n2. pool\n3. own home\nThink.", "123"),
        ("Where does it sleep?\n - A: basket\n - B: pool\n - C: own home", "ABC"),
        ("Where does it sleep? Answer choices: (a) basket, (b) pool, (c) own home", "abc"),
        (
            "**Question:** Where does it sleep?\n\n**A.** basket\n**B.** pool\n**C.** own home",
            "ABC",
        ),
    ],
)
def test_a_list_of_options_is_found(text: str, labels: str) -> None:
    assert found(text) == ("Where does it sleep?", list(labels), DOG)


def test_the_last_question_of_several_is_the_one_asked() -> None:
    text = (
        "Answer the questions.\n\nQ: What barks?\n(A) dog\n(B) cat\nA: A dog barks. So (A).\n\n"
        "Q: What purrs?\n(A) dog\n(B) cat\nA:"
    )
    assert found(text) == ("What purrs?", ["A", "B"], ["dog", "cat"])


def test_without_markers_the_last_paragraph_is_the_stem() -> None:
    text = "What barks?\nA. dog\nB. cat\nAnswer: A\n\nWhat purrs?\nA. dog\nB. cat\nAnswer:"
    assert found(text) == ("What purrs?", ["A", "B"], ["dog", "cat"])


@pytest.mark.parametrize(
    "text",
    [
        "What is 2 + 2?",
        "A. This is a sentence with an initial.\nC. So is this.",
        "B. starts late\nC. and goes on",
        "",
        "(a) alone",
    ],
)
def test_what_is_no_list_of_options_is_none(text: str) -> None:
    assert found(text) is None


def test_a_field_of_options_needs_no_stem() -> None:
    inline = options_in_field("(a) basket (b) pool")
    assert [one.text for one in inline] == ["basket", "pool"]
    assert [one.text for one in options_in_field("A) basket\nB) pool")] == ["basket", "pool"]
