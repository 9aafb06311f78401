"""The built-in sets: sizes, fields, and what holds across them."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

import starprobe.probes
from starprobe.bench.readers.wording import answered_openly
from starprobe.probes.checks import guess, overlap
from starprobe.probes.errors import InputError
from starprobe.probes.rendering import accepted_texts, refused_texts
from starprobe.probes.schema import CANARY
from starprobe.probes.sets import BUILT_IN, load_probe_set

WRITTEN = [name for name, entry in BUILT_IN.items() if entry.file]
SIZES = {"everyday": 80, "science": 60, "traps": 60, "unanswerable": 60}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_written_set_is_as_large_as_promised(name):
    assert len(load_probe_set(name).questions) >= SIZES[name]


def test_the_videos_questions_are_there_as_it_shows_them():
    dog, grapes, party = load_probe_set("everyday").questions[:3]
    texts = [option.text for option in dog.options]
    assert texts == ["swimming pool", "basket", "dog show", "backyard", "own home"]
    assert dog.option(dog.answer_id).text == "basket"
    assert grapes.option(grapes.answer_id).text == "grocery cart"
    assert party.answer_id is None and party.metadata["invented"] is True
    assert party.marked("preferred").text == "behind the decorations"
    assert party.marked("tempting").text == "under the table"


def test_a_trap_names_the_tempting_option_which_is_wrong_and_says_why():
    for question in load_probe_set("traps").questions:
        (tempting,) = [o.id for o in question.options if o.label == question.metadata["tempting"]]
        assert tempting != question.answer_id and question.metadata["why"].endswith(".")


def test_no_option_of_an_unanswerable_question_is_what_its_truth_says():
    questions = load_probe_set("unanswerable").questions
    for question in questions:
        assert question.answer_id is None and question.metadata["unanswerable"] is True
        assert question.metadata["truth"] not in {option.text for option in question.options}
    topics = Counter(question.metadata["topic"] for question in questions)
    assert set(topics) == {"missing", "false_premise", "unknowable"} and min(topics.values()) >= 20


HASHES = {
    "everyday": "23b91fb38e2afc71",
    "science": "888c66c324e5b8d2",
    "traps": "aae30a713b1a4489",
    "unanswerable": "23e5aa8c9437db56",
    "orderings": "63f0745deefad6fa",
    "grids": "b03a3c62ec29819c",
    "dates": "c54785190b52af60",
    "units": "b63a810bfcaae772",
    "rules": "1444d88bd1f0120d",
    "stories": "038b5911ee62b128",
    "numbers": "96024351415a63f9",
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_questions_of_a_set_change_only_on_purpose(name):
    found = load_probe_set(name)
    assert found.hash == HASHES[name], "other questions: pin the new hash, and tell the changelog"
    assert load_probe_set(f"{name}@{found.hash[:8]}") is not None
    with pytest.raises(InputError, match="other questions"):
        load_probe_set(f"{name}@0123456789")


def test_no_two_sets_share_an_id_or_a_question():
    sets = [load_probe_set(name) for name in BUILT_IN]
    ids = [question.id for one in sets for question in one.questions]
    assert len(set(ids)) == len(ids)
    for one, other in combinations(sets, 2):
        assert overlap(one, other, near=0.6) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_every_question_has_two_other_wordings_and_the_canary(name):
    for question in load_probe_set(name).questions:
        wordings = [question.stem, *question.metadata["paraphrases"]]
        assert len(set(wordings)) == 3, question.id
        assert all(wording.strip() == wording and wording[-1] in "?." for wording in wordings)
        assert question.metadata["canary"] == CANARY


@pytest.mark.parametrize("name", WRITTEN)
def test_every_question_has_five_options(name):
    assert {len(question.options) for question in load_probe_set(name).questions} == {5}


def test_every_alias_is_a_right_open_answer_and_no_wrong_option_is_one():
    for name in ("everyday", "science", "traps"):
        for question in load_probe_set(name).questions:
            accepted, refused = accepted_texts(question), refused_texts(question)
            for alias in question.metadata.get("aliases", ()):
                assert answered_openly(alias, accepted, refused) is True, (question.id, alias)
            for wrong in refused:
                assert answered_openly(wrong, accepted, refused) is not True, (question.id, wrong)


@pytest.mark.parametrize(
    "name",
    [
        *BUILT_IN,
        *(f"numbers:train:n=600,level={level}" for level in (1, 2, 3)),
        *(f"{name}:train:n=120" for name, entry in BUILT_IN.items() if not entry.file),
    ],
)
def test_a_guesser_by_the_surface_is_at_chance_on_every_set(name):
    found = guess(load_probe_set(name).questions)
    assert found.p > 0.05, f"{found.share:.1%} of {found.n}, chance {found.chance:.0%}"


def test_the_readme_of_the_data_gives_the_true_sizes():
    text = (Path(starprobe.probes.__file__).parent / "data" / "README.md").read_text("utf-8")
    for name in WRITTEN:
        assert f"| `{name}.jsonl` | {len(load_probe_set(name).questions)} |" in text
