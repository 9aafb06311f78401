"""What is wrong with a set is found, and what two sets share."""

from __future__ import annotations

from pathlib import Path

import pytest

from starprobe.probes.checks import check_questions, normalise, overlap
from starprobe.probes.schema import Option, Question
from starprobe.probes.sets import BUILT_IN, load_probe_set

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
    assert len(findings) == 1 and "longest option in 40 of 40" in findings[0].message


SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def ask(name, stem, *texts):
    options = tuple(Option(id=f"o{i}", text=text) for i, text in enumerate(texts, 1))
    return Question(id=name, stem=stem, options=options)


def test_case_accents_signs_and_spaces_make_no_difference():
    a = ask("a", "Où  est le CAFÉ?", "ici", "là")
    b = ask("b", "ou est, le cafe", "Ici.", "ailleurs")
    assert [(match.a, match.b, match.kind) for match in overlap([a], [b])] == [("a", "b", "exact")]


def test_a_changed_word_in_a_long_stem_is_near():
    stem = "A cook drops a glass on the stone floor of the kitchen and it breaks into pieces, why"
    (match,) = overlap([ask("a", f"{stem}?", "x", "y")], [ask("b", f"{stem} then?", "z", "w")])
    assert match.kind == "near" and 0.75 <= match.similarity < 1


def test_other_numbers_make_another_question():
    a, b = ask("a", "What is 12 + 7?", "19", "20"), ask("b", "What is 12 + 8?", "19", "20")
    assert overlap([a], [b]) == []
    assert len(overlap([a], [ask("c", "what is 12 + 7", "19", "21")])) == 1


def test_a_short_stem_is_the_same_question_only_with_a_shared_option():
    a = ask("a", "Which one is a mammal?", "cat", "trout")
    assert overlap([a], [ask("b", "Which one is a mammal?", "dog", "eel")]) == []
    assert len(overlap([a], [ask("c", "Which one is a mammal?", "cat", "eel")])) == 1


def test_matches_come_in_the_order_of_the_first_set():
    stems = [f"Why does the {word} need so much water in the summer?" for word in ("oak", "elm")]
    a = [ask("a1", stems[0], "x", "y"), ask("a2", stems[1], "x", "y")]
    b = [ask("b1", stems[1], "x", "y"), ask("b2", stems[0], "x", "y")]
    exact = [(match.a, match.b) for match in overlap(a, b) if match.kind == "exact"]
    assert exact == [("a1", "b2"), ("a2", "b1")]


def test_a_piece_that_every_stem_shares_hides_no_exact_match():
    a = [ask(f"a{n}", f"What is the use of {'x' * (n + 1)}?", "p", "q") for n in range(300)]
    found = [match for match in overlap(a[:5], a) if match.kind == "exact"]
    assert [match.b for match in found] == ["a0", "a1", "a2", "a3", "a4"]


def test_normalising_keeps_numbers_and_operators():
    assert normalise("What is 3.5 - 1,000?") == "what is 3.5 - 1,000"


def test_everyday_shares_only_the_videos_question_with_commonsenseqa():
    files = [SHARED / f"commonsenseqa_{part}.jsonl" for part in ("train", "dev")]
    if not all(path.exists() for path in files):
        pytest.skip(f"no question sets in {SHARED}")
    for path in files:
        found = overlap(load_probe_set("everyday"), load_probe_set(path), near=0.5)
        assert {match.a for match in found} <= {"small-dog", "grapes"}
