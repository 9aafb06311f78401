"""Each stage of the reader by itself: segments, labels, mentions, attribution, styles."""

from __future__ import annotations

import pytest

from starprobe.bench.readers.base import coverage_of, style_of
from starprobe.bench.readers.text.attribution import OPENS, units_of
from starprobe.bench.readers.text.document import normalise, split, stem, words_of
from starprobe.bench.readers.text.mentions import find
from starprobe.bench.readers.text.options import prepare
from starprobe.bench.records import TreatmentCode
from starprobe.probes.schema import ShownOption

STEM = "What can be used to carry a small dog?"
TEXTS = ("swimming pool", "basket", "dog show", "backyard", "own home")


def options(texts: tuple[str, ...] = TEXTS, labels: str = "ABCDEFGHIJ") -> tuple[ShownOption, ...]:
    return tuple(
        ShownOption(label=label, option_id=label, text=text)
        for label, text in zip(labels, texts, strict=False)
    )


def mentioned(text: str, texts: tuple[str, ...] = TEXTS, labels: str = "ABCDEFGHIJ") -> list[str]:
    document = find(text, prepare(options(texts, labels), STEM))
    return [labels[mention.option] for own in document.mentions for mention in own]


def pieces(text: str) -> list[str]:
    return [text[segment.start : segment.end] for segment in split(normalise(text))]


def test_sentences_end_at_full_stops_but_not_after_labels_and_abbreviations() -> None:
    text = "A. Snort is a tool, e.g. for networks. B. Nessus scans. The answer is A. So be it."
    assert pieces(text) == [
        "A. Snort is a tool, e.g. for networks.",
        "B. Nessus scans.",
        "The answer is A.",
        "So be it.",
    ]


def test_bullets_numbers_headings_and_rows_are_told_apart() -> None:
    text = "# Head\n- one\n2. two\n| a | b |\nplain"
    kinds = [segment.kind for segment in split(text)]
    assert kinds == ["heading", "item", "item", "row", "sentence"]


def test_fields_of_json_carry_their_keys_and_escaped_newlines_end_lines() -> None:
    text = '{"reasoning": "One thing.\\nAnother thing.", "answer": "B"}'
    found = split(normalise(text))
    assert [segment.key for segment in found] == ["reasoning", "", "answer"]
    assert text[found[2].start : found[2].end].startswith('"B"')


@pytest.mark.parametrize("tag", ["think", "thinking", "antThinking", "scratchpad", "reasoning"])
def test_a_tag_is_a_break_and_no_text(tag: str) -> None:
    assert pieces(f"<{tag}>Inside.</{tag}>Outside.") == ["Inside.", "Outside."]


def test_inflections_share_a_stem() -> None:
    assert len({stem(word) for word in ("build", "builds", "building")}) == 1
    assert stem("baskets") == stem("basket")
    assert words_of("the dogs' C++ **code**") == ["the", "dogs", "c++", "code"]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("(B)", "B"),
        ("[B]", "B"),
        ("**B)** it holds", "B"),
        ("B. it holds", "B"),
        ("option B holds", "B"),
        ("Choice (b) holds", "B"),
        ("so B holds", "B"),
        ("A, C and D are out", "ACD"),
        ("A is out", "A"),
        ("A dog is out", ""),
        ("I think it is", ""),
        ("vitamin C is good", ""),
        ("The second option holds", "B"),
        ("F = m A and C = 3", ""),
        ("f(A) grows", ""),
        ("in plan B we go", ""),
    ],
)
def test_labels_are_found_in_their_usual_forms_only(text: str, labels: str) -> None:
    assert mentioned(text) == list(labels)


def test_an_option_is_found_by_its_text_in_other_inflections() -> None:
    assert mentioned("Baskets hold things.") == ["B"]
    assert mentioned("Swimming pools hold water.") == ["A"]


def test_the_longest_option_wins_where_one_contains_the_other() -> None:
    texts = ("the Sun", "the Sun and the Moon")
    assert mentioned("The Sun and the Moon shine.", texts) == ["B"]
    assert mentioned("The Sun shines.", texts) == ["A"]


def test_a_paraphrase_with_most_words_is_a_mention() -> None:
    texts = ("the mucosa above the folds is more vascular", "the glands are numerous", "none")
    assert mentioned("Vascularity of the mucosa above the folds is increased.", texts)[0] == "A"


def test_a_number_inside_a_calculation_is_no_mention() -> None:
    assert mentioned("We add 12 + 3 = 15 to 40 and go on.", ("12", "15", "40")) == []
    assert mentioned("So the answer is 15.", ("12", "15", "40")) == ["B"]


def test_a_section_belongs_to_the_option_that_opens_it() -> None:
    text = "A. swimming pool\nIt is wet. People swim there.\n\nB. basket\nIt has a handle."
    document = find(text, prepare(options(), STEM))
    units = units_of(document, prepare(options(), STEM))
    by_option = {unit.option: [] for unit in units}
    for unit in units:
        by_option[unit.option].append(document.words[unit.first])
    assert by_option == {0: ["a", "it", "people"], 1: ["b", "it"]}
    assert units[0].how == OPENS


CODES: dict[str, TreatmentCode] = {"0": "none", "n": "named", "r": "reasoned"}


@pytest.mark.parametrize(
    ("codes", "answer", "general", "style"),
    [
        ("rrr", "A", True, "option_by_option"),
        ("rr0", "A", False, "partial"),
        ("0r0", "A", False, "partial"),
        ("r0n", "A", True, "chosen_only"),
        ("r00", None, False, "partial"),
        ("n00", "A", True, "general_reasoning"),
        ("n00", "A", False, "direct"),
        ("", None, True, "general_reasoning"),
        ("r", "A", False, "chosen_only"),
    ],
)
def test_the_style_follows_the_guideline(
    codes: str, answer: str | None, general: bool, style: str
) -> None:
    treated = {label: CODES[code] for label, code in zip("ABC", codes, strict=False)}
    assert style_of(treated, answer, general) == style


def test_coverage_is_the_share_of_options_reasoned_about() -> None:
    assert coverage_of({"A": "reasoned", "B": "named", "C": "none", "D": "none"}) == 0.25
    assert coverage_of({}) is None
