"""Families made from code: one right option, told by the text itself; splits, tiers, names."""

import re
from collections import Counter
from datetime import date

import pytest

from starprobe.probes.errors import InputError
from starprobe.probes.generated import TIERS
from starprobe.probes.generated.relations import verify_grid, verify_ordering
from starprobe.probes.schema import CANARY
from starprobe.probes.sets import FAMILIES, load_probe_set


def questions(name):
    return load_probe_set(name).questions


def answer(question):
    return question.option(question.answer_id).text


@pytest.mark.parametrize("name", FAMILIES)
def test_the_verifier_finds_the_answer_among_five_options_of_which_no_other_is_right(name):
    for question in questions(name):
        right = FAMILIES[name].verify(question.metadata["facts"])
        assert [one.id for one in question.options if one.text == right] == [question.answer_id]
        assert len({option.text for option in question.options}) == 5
        wrong = {option.id for option in question.options} - {question.answer_id}
        assert set(question.metadata["mistakes"]) == wrong


@pytest.mark.parametrize("name", FAMILIES)
def test_tiers_and_places_are_even_and_each_question_has_three_wordings_and_the_canary(name):
    found = questions(name)
    assert Counter(one.metadata["tier"] for one in found) == dict.fromkeys(TIERS, 60)
    assert set(Counter(one.answer_id for one in found).values()) == {36}
    assert all(len({one.stem, *one.metadata["paraphrases"]}) == 3 for one in found)
    assert all(one.metadata["canary"] == CANARY for one in found)


@pytest.mark.parametrize("name", FAMILIES)
def test_train_and_test_share_no_facts_and_a_seed_chooses_other_questions(name):
    train, test = questions(f"{name}:train:n=45"), questions(f"{name}:n=45,seed=1")
    facts = [str(one.metadata["facts"]) for one in (*train, *test)]
    assert len(set(facts)) == 90
    assert {one.metadata["split"] for one in test} == {"test"}
    assert {one.metadata["split"] for one in train} == {"train"}


def test_the_clues_of_an_ordering_as_they_are_worded_give_the_answer():
    less = ["shorter", "younger", "slower", "later", "lighter", "cheaper", "smaller", "colder"]
    for question in questions("orderings"):
        clues = []
        for clue in re.findall(r"(\w+) (?:is|comes|carries|has|finds|cooks) ([^.]+) than (\w+)\.",
                               question.stem):  # fmt: skip
            clues.append((clue[2], clue[0]) if set(clue[1].split()) & set(less) else clue[::2])
        people = sorted({name for clue in clues for name in clue})
        counts = Counter(name for clue in clues for name in clue)
        assert set(counts.values()) == {2}
        rank = _rank(question.stem.split("Who ")[1], len(people))
        assert verify_ordering({"people": people, "clues": clues, "rank": rank}) == answer(question)


def _rank(asked, size):
    count = next((n for n, word in enumerate(("second", "third", "fourth"), 1) if word in asked), 0)
    lowest = [
        "shortest",
        "youngest",
        "slowest",
        "latest",
        "lightest",
        "cheapest",
        "smallest",
        "coldest",
    ]
    return size - 1 - count if any(word in asked for word in lowest) else count


def test_rules_as_they_are_worded_lead_to_the_answer():
    for question in questions("rules"):
        rules = re.findall(r"\d\. What is ([^.]+) goes to ([^.]+)\.", question.stem)
        rest = re.search(r"All else goes to ([^.]+)\.", question.stem).group(1)
        thing = re.search(r"(?:A|An) \w+ is ([^.]+)\.", question.stem).group(1)
        traits = set(re.split(r", | and ", thing))
        changed = re.search(
            r"before it is sorted, it .* ([\w-]+)\. Where", question.stem.replace(" by now", "")
        )
        if changed:
            kinds = ("red blue green", "wooden metal woollen", "wet dry frozen",
                     "small large medium-sized", "royal borrowed stolen",
                     "northern eastern western")  # fmt: skip
            (kind,) = [set(one.split()) for one in kinds if changed.group(1) in one.split()]
            traits = (traits - kind) | {changed.group(1)}
        fits = [place for what, place in rules if set(what.split(" and ")) <= traits]
        place = fits[0] if fits else rest
        onward = re.search(r"would go to (.+) but is ([\w-]+) goes to (.+) instead", question.stem)
        if onward and onward.group(1) == place and onward.group(2) in traits:
            place = onward.group(3)
        assert place == answer(question), question


def test_stories_as_they_are_told_end_at_the_answer():
    for question in questions("stories"):
        at, was = {}, {}
        for line in question.stem.split(". ")[:-1]:
            if found := re.match(r"\w+ puts the (\w+) in the (\w+)", line):
                at[found[1]] = found[2]
            elif found := re.match(r"Later \w+ takes the (\w+) to the (\w+)", line):
                was[found[1]], at[found[1]] = at[found[1]], found[2]
            elif found := re.match(r"\w+ exchanges the (\w+) and the (\w+),", line):
                one, other = found[1], found[2]
                was |= {one: at[one], other: at[other]}
                at[one], at[other] = at[other], at[one]
            else:
                assert "but forgets to" in line
        asked = re.search(r"Where (?:is|was) the (\w+) ", question.stem)[1]
        assert (was if "right before" in question.stem else at)[asked] == answer(question)


def test_dates_as_they_are_worded_give_the_answer():
    names = "March April May June July August September October November December"
    months = {name: number for number, name in enumerate(names.split(), 3)}
    seen = 0
    for question in questions("dates"):
        found = re.search(r"ends exactly (\d+) days after (\d+) (\w+)\.", question.stem)
        if found:
            start = date(2023, months[found[3]], int(found[2]))
            end = date.fromordinal(start.toordinal() + int(found[1]))
            day, month = answer(question).split()
            assert (end.day, end.month) == (int(day), months[month])
            seen += 1
    assert seen > 10


def test_a_grid_with_too_few_clues_and_one_with_none_that_fits_are_refused():
    facts = questions("grids:tier=easy,n=5")[0].metadata["facts"]
    with pytest.raises(ValueError, match="the clues leave"):
        verify_grid({**facts, "clues": []})
    clues = [["is", [0, 0], 1], ["is", [1, 0], 1]]
    with pytest.raises(ValueError, match=r"the clues leave \[\]"):
        verify_grid({**facts, "clues": clues})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dates:tier=huge", "tier"),
        ("dates:n=0", "n:"),
        ("dates:level=1", "'level=1' is none of n=, seed=, tier="),
        ("grids:test:n=3:more", "'more' is too much"),
    ],
)
def test_a_name_that_does_not_fit_is_told_the_pattern(name, words):
    with pytest.raises(InputError, match="the pattern is") as raised:
        load_probe_set(name)
    assert words in str(raised.value)


def test_too_many_questions_are_refused_in_one_line():
    with pytest.raises(InputError, match="there are no 90000 test questions of dates"):
        from starprobe.probes.generated import Spec, make_questions

        family = FAMILIES["dates"]
        few = family._replace(draw=lambda tier, rng: family.draw(tier, type(rng)(rng.randrange(9))))
        make_questions(few, Spec(n=90000, tier=("easy",)))
