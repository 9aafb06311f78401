"""What no text may do: raise, take super-linear time, or get spans outside of itself."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starprobe.bench.readers import load_reader, read_one
from starprobe.bench.readers.base import Reading, code_of
from starprobe.bench.readers.text.document import normalise
from starprobe.bench.readers.text.options import labelling
from starprobe.bench.records import Verdict
from starprobe.probes.schema import ShownOption

READER = load_reader("rules")
PIECES = st.sampled_from(
    [
        *"ABCDEabcde12345",
        "The answer is ",
        "(A)",
        "**B)** ",
        "Option C: ",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "| ",
        '{"answer": "',
        '"}',
        "<think>",
        "</think>",
        "\\boxed{",
        "}",
        "because it is not big",
        " is wrong",
        "basket",
        "swimming pool",
        "=",
        "\u2705",
        "\u2028",
        "\u0130",
        "\ud83d\ude00",
        "\\n",
        "...",
        "[[[[",
        "((((",
    ]
)
MESSY = st.one_of(st.text(max_size=400), st.lists(PIECES, max_size=60).map("".join))
OPTION = st.one_of(
    st.text(min_size=1, max_size=30).filter(str.strip),
    st.sampled_from(
        ["a", "the", "C", "C++", "x^2 + (1", "[a-z]+", "basket", "basket case", "\\d", "A and B"]
    ),
)


def reading(
    text: str, options: list[str], labels: str = "ABCDEFGHIJ", stem: str = "Which?"
) -> Reading:
    shown = tuple(
        ShownOption(label=label, option_id=label, text=option)
        for label, option in zip(labels, options, strict=False)
    )
    return Reading("x", text, stem, shown)


def assert_sound(verdict: Verdict, given_text: str, options: int) -> None:
    assert len(verdict.options) == options
    for treatment in verdict.options.values():
        flat = [place for span in treatment.spans for place in span]
        assert flat == sorted(flat)
        assert all(0 <= place <= len(given_text) for place in flat)
        assert (treatment.side is not None) == (treatment.treatment == "reasoned")
    assert verdict.answer in (None, "multi", *verdict.options)
    if verdict.p_option_by_option is not None:
        assert 0.0 <= verdict.p_option_by_option <= 1.0


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MESSY, st.lists(OPTION, max_size=8), st.text(max_size=80))
def test_any_text_gives_a_sound_verdict(text: str, options: list[str], stem: str) -> None:
    assert_sound(read_one(READER, reading(text, options, stem=stem)), text, len(options))


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_normalising_keeps_every_offset(text: str) -> None:
    assert len(normalise(text)) == len(text)


@settings(max_examples=60, deadline=None)
@given(
    MESSY,
    st.sampled_from(["ABCDE", "abcde", "12345", "PQRST", ["(i)", "(ii)", "(iii)", "(iv)", "(v)"]]),
)
def test_any_labels_give_a_sound_verdict(text: str, labels: str) -> None:
    options = ["basket", "swimming pool", "dog show", "backyard", "own home"]
    assert_sound(read_one(READER, reading(text, options, labels)), text, 5)


HOSTILE = {
    "newlines": "\n" * 1_000_000,
    "spaces": " " * 1_000_000,
    "brackets": "(" * 500_000 + ")" * 500_000,
    "braces": '{"' * 300_000,
    "full stops": "." * 1_000_000,
    "letters": "A" * 1_000_000,
    "labels": "(A) " * 250_000,
    "labels in a row": "A, B, C and D " * 70_000,
    "answers": "the answer is " * 70_000,
    "answers of lines": "Answer: not A\n" * 70_000,
    "one long line": "It is not a basket, because pools are wet, and so it goes on and on "
    * 14_000,
    "quotes": '"' * 1_000_000,
    "stars": "*" * 1_000_000,
    "backslashes": "{\\" * 500_000,
    "pipes": "|" * 1_000_000,
    "hashes": "#" * 1_000_000,
    "dashes": "-" * 1_000_000,
    "bullets": "- \n" * 300_000,
    "angles": "<" * 1_000_000,
    "open tags": "<think " * 140_000,
    "commas": ", " * 500_000,
    "option words": "option " * 140_000,
    "best": "the best " * 110_000,
    "next questions": "\nQ: why is that?" * 66_000,
    "results": "x = 5 and so it is 5, " * 45_000,
    "lines of options": "\n\nbasket\n\nbackyard" * 50_000,
    "headings": "Final answer\n\nnone\n\n" * 45_000,
    "only option that": "the only option that " * 48_000,
    "basket": "basket " * 140_000,
    "basket lines": "basket\n" * 140_000,
    "spaced words": ("basket" + " " * 1000) * 1000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_anything_is_read_in_seconds(name: str) -> None:
    start = time.process_time()
    verdict = read_one(
        READER, reading(HOSTILE[name], ["basket", "swimming pool", "dog show", "backyard"])
    )
    # Under two seconds for prose on a free core; the worst of these take three, shared cores more.
    assert time.process_time() - start < 10.0
    assert len(verdict.options) == 4


def test_a_thousand_options_are_read_in_seconds() -> None:
    options = [f"thing number {number}" for number in range(1000)]
    labels = [f"L{number}" for number in range(1000)]
    text = "\n".join(
        f"{label}. {text}: it is heavy." for label, text in zip(labels, options, strict=True)
    )
    start = time.process_time()
    verdict = read_one(READER, reading(text, options, labels))  # type: ignore[arg-type]
    assert time.process_time() - start < 10.0
    assert len(verdict.options) == 1000


def test_options_that_contain_each_other_are_told_apart() -> None:
    verdict = read_one(
        READER,
        reading(
            "A basket case is a figure of speech for a nervous person. A basket is woven from "
            "willow and "
            "carries things by its handle. The answer is B.",
            ["basket case", "basket"],
        ),
    )
    text = verdict.options
    assert text["A"].spans[0][1] <= text["B"].spans[0][0]
    assert verdict.answer == "B"


def test_regular_expressions_in_options_are_only_text() -> None:
    options = ["[a-z]+", ".*", "(x|y)", "\\d{2}"]
    verdict = read_one(READER, reading("B. .* matches any run of characters, so B.", options))
    assert verdict.answer == "B" and code_of(verdict.options["A"]) == "0"


@given(st.text(alphabet="aAbBcC12iI' ’().-_\n", max_size=40))
def test_labels_of_one_letter_stand_where_they_stand_beside_longer_ones(text):
    short, long = labelling(("A", "B", "2")).pattern, labelling(("A", "B", "2", "zz")).pattern
    assert [m.span() for m in short.finditer(text)] == [m.span() for m in long.finditer(text)]
