"""Overlap between sets: what counts as the same question."""

from pathlib import Path

import pytest

from starprobe.probes.checks import normalise, overlap
from starprobe.probes.loading import load_probe_set
from starprobe.probes.schema import Option, Question

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
