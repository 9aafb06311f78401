"""Orderings and logic grids: who is where in a row, and who has what, from clues.

Both are solved by elimination: the verifier tries every arrangement against the clues.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.probes.generated import NAMES, Family, Item, Tier, listed, upper_first

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Scene(NamedTuple):
    """Something in which people can be compared."""

    intro: str
    compared: str
    """A predicate with a gap for the comparative."""
    ranked: str
    """The same with a gap for the superlative."""
    more: str
    less: str
    most: str
    least: str


SCENES = (
    Scene("compare their heights", "is {}", "is the {}", "taller", "shorter", "tallest", "shortest"),
    Scene("talk about their ages", "is {}", "is the {}", "older", "younger", "oldest", "youngest"),
    Scene("run around a lake", "is {}", "is the {}", "faster", "slower", "fastest", "slowest"),
    Scene(
        "come to a meeting one by one", "comes {}", "comes the {}",
        "earlier", "later", "earliest", "latest",
    ),
    Scene(
        "pack for a journey", "carries a {} bag", "carries the {} bag",
        "heavier", "lighter", "heaviest", "lightest",
    ),
    Scene(
        "buy tickets for a concert", "has a {} ticket", "has the {} ticket",
        "more expensive", "cheaper", "most expensive", "cheapest",
    ),
    Scene(
        "look for shells on a beach", "finds a {} shell", "finds the {} shell",
        "larger", "smaller", "largest", "smallest",
    ),
    Scene(
        "cook soup in one kitchen", "cooks a {} soup", "cooks the {} soup",
        "hotter", "colder", "hottest", "coldest",
    ),
)  # fmt: skip
COUNTS = {5: "Five", 7: "Seven"}
ORDINALS = ("", "second ", "third ", "fourth ")


def draw_ordering(tier: Tier, rng: random.Random) -> Item:
    """A row of people, from clues that name each of them twice.

    Easy: five, the clues in order and in one direction. Medium: in any order and both directions.
    Hard: seven people.
    """
    row = rng.sample(NAMES, 7 if tier == "hard" else 5)
    # The clue from the first to the last makes a ring: nobody is named more often than others.
    clues = [*pairwise(row), (row[0], row[-1])]
    turned = [False] * len(clues)
    if tier != "easy":
        rng.shuffle(clues)
        turned = [rng.random() < 0.5 for _ in clues]
    rank = rng.randrange(len(row))
    facts = {
        "scene": rng.randrange(len(SCENES)),
        "people": sorted(row),
        "clues": [list(clue) for clue in clues],
        "turned": turned,
        "rank": rank,
    }
    mistakes = {row[-1 - rank]: "counted from the other end"} if row[-1 - rank] != row[rank] else {}
    for gap in range(1, len(row)):
        for place in (rank - gap, rank + gap):
            if 0 <= place < len(row):
                what = "one place off" if gap == 1 else "another place"
                mistakes.setdefault(row[place], what)
    return Item(facts, _ordering_wordings(facts), row[rank], mistakes)


def _ordering_wordings(facts: Mapping[str, Any]) -> tuple[str, ...]:
    scene, people = SCENES[facts["scene"]], facts["people"]
    told: list[list[str]] = [[], [], []]
    for (more, less), turned in zip(facts["clues"], facts["turned"], strict=True):
        one, other = (less, more) if turned else (more, less)
        claim = scene.compared.format(scene.less if turned else scene.more)
        told[0].append(f"{one} {claim} than {other}.")
        told[1].append(f"Compared with {other}, {one} {claim}.")
        told[2].append(f"It is {one} who {claim} than {other}.")
    from_end = len(people) - 1 - facts["rank"]
    best = facts["rank"] <= from_end
    count = ORDINALS[facts["rank"] if best else from_end]
    asked = scene.ranked.format(f"{count}{scene.most if best else scene.least}")
    intro = f"{COUNTS[len(people)]} people {scene.intro}."
    return (
        f"{intro} {' '.join(told[0])} Who {asked}?",
        f"{intro} This is known of them. {' '.join(told[1])} Which of them {asked}?",
        f"Who {asked}, if all of this is true? {intro} {' '.join(told[2])}",
    )


def verify_ordering(facts: Mapping[str, Any]) -> str:
    """The one name that stands at the rank in every row that the clues allow.

    Raises:
        ValueError: the clues leave more than one, or none.
    """
    rows = (
        row
        for row in permutations(facts["people"])
        if all(row.index(more) < row.index(less) for more, less in facts["clues"])
    )
    return _only({row[facts["rank"]] for row in rows})


def _only(found: set[str]) -> str:
    if len(found) != 1:
        raise ValueError(f"the clues leave {sorted(found)}")
    return found.pop()


class Trait(NamedTuple):
    """Something of which each person has another."""

    noun: str
    values: tuple[str, ...]
    has: str
    """A predicate with a gap for the value."""
    lacks: str
    asks: str
    """A question with a gap for the person."""


TRAITS = (
    Trait(
        "animal", ("cat", "dog", "parrot", "rabbit", "turtle", "goat", "pony"),
        "keeps the {}", "does not keep the {}", "Which animal does {} keep?",
    ),
    Trait(
        "drink", ("tea", "coffee", "juice", "milk", "water", "cocoa", "lemonade"),
        "drinks {}", "does not drink {}", "What does {} drink?",
    ),
    Trait(
        "instrument", ("flute", "drum", "violin", "guitar", "trumpet", "harp", "piano"),
        "plays the {}", "does not play the {}", "Which instrument does {} play?",
    ),
    Trait(
        "city", ("Cairo", "Lima", "Oslo", "Hanoi", "Accra", "Quito", "Delhi"),
        "travels to {}", "does not travel to {}", "To which city does {} travel?",
    ),
    Trait(
        "coat", ("red", "blue", "green", "yellow", "black", "white", "brown"),
        "wears the {} coat", "does not wear the {} coat", "Which coat does {} wear?",
    ),
    Trait(
        "fruit", ("mango", "banana", "pear", "plum", "melon", "fig", "papaya"),
        "brings the {}", "does not bring the {}", "Which fruit does {} bring?",
    ),
)  # fmt: skip
SIZE = 5


@cache
def _worlds() -> NDArray[np.int64]:
    """All ways to give five values to five people, a row each: person -> value."""
    import numpy as np

    return np.array(list(permutations(range(SIZE))), dtype=np.int64)


def draw_grid(tier: Tier, rng: random.Random) -> Item | None:
    """A small logic grid: five people, and what each of them has.

    Easy: three are told, and one clue settles the other two. Medium: what people do not have.
    Hard: two traits, and clues that link them.
    """
    people = rng.sample(NAMES, SIZE)
    traits = rng.sample(range(len(TRAITS)), 2 if tier == "hard" else 1)
    values = [rng.sample(TRAITS[trait].values, SIZE) for trait in traits]
    truth = [rng.sample(range(SIZE), SIZE) for _ in traits]
    asked = rng.randrange(SIZE)
    if tier == "easy":
        clues = _easy_clues(truth[0], rng)
    else:
        found = _clues(truth, asked, rng)
        if found is None:
            return None
        clues = found
    facts = {
        "people": people,
        "traits": traits,
        "values": values,
        "clues": clues,
        "asked": asked,
    }
    answer = values[0][truth[0][asked]]
    denied = {clue[2] for clue in clues if clue[0] == "not" and clue[1][0] == asked}
    mistakes = {}
    for owner, value in sorted(enumerate(truth[0]), key=lambda pair: pair[1] in denied):
        if owner != asked:
            what = "said not to be" if value in denied else f"belongs to {people[owner]}"
            mistakes[values[0][value]] = what
    return Item(facts, _grid_wordings(facts), answer, mistakes)


def _easy_clues(truth: Sequence[int], rng: random.Random) -> list[list[Any]]:
    """Three people's values, and what one of the other two does not have."""
    order = rng.sample(range(SIZE), SIZE)
    clues: list[list[Any]] = [["is", [person, 0], truth[person]] for person in order[:3]]
    clues.append(["not", [order[3], 0], truth[order[4]]])
    rng.shuffle(clues)
    return clues


def _clues(
    truth: Sequence[Sequence[int]], asked: int, rng: random.Random
) -> list[list[Any]] | None:
    """True clues, drawn until they leave one value for the person asked about."""
    import numpy as np

    size = len(_worlds())
    left = np.ones((size, size if len(truth) > 1 else 1), dtype=bool)
    clues: list[list[Any]] = []
    told, count = 0, int(left.sum())
    for clue in _possible_clues(truth, rng):
        told += clue[0] == "is"
        if told > len(truth) or (clue[0] == "is" and clue[1] == [asked, 0]):
            told -= clue[0] == "is"
            continue
        new = left & holds(clue)
        remaining = int(np.count_nonzero(new))
        if remaining == count:
            continue
        left, count = new, remaining
        clues.append(clue)
        if len(set(_worlds()[left.any(axis=1), asked])) == 1:
            return clues
    return None


def _possible_clues(truth: Sequence[Sequence[int]], rng: random.Random) -> Iterator[list[Any]]:
    """True clues in random order: [what, [person, trait] or a value of the first trait, value]."""
    clues: list[list[Any]] = []
    for trait, values in enumerate(truth):
        for person, own in enumerate(values):
            clues.append(["is", [person, trait], own])
            clues += [["not", [person, trait], value] for value in range(SIZE) if value != own]
    if len(truth) > 1:
        owner = {value: person for person, value in enumerate(truth[0])}
        for value in range(SIZE):
            linked = truth[1][owner[value]]
            clues += 3 * [["link", value, linked]]
    rng.shuffle(clues)
    yield from clues


def holds(clue: Sequence[Any]) -> NDArray[np.bool_]:
    """Worlds of the first trait x worlds of the second -> whether the clue is true there."""
    import numpy as np

    worlds = _worlds()
    if clue[0] == "link":
        owners = np.argsort(worlds, axis=1)[:, clue[1]]
        return np.asarray(clue[2] == worlds[:, owners].T)
    (person, trait), value = clue[1], clue[2]
    true = worlds[:, person] == value if clue[0] == "is" else worlds[:, person] != value
    return np.asarray(true[None, :] if trait else true[:, None])


def _grid_wordings(facts: Mapping[str, Any]) -> tuple[str, ...]:
    people, values = facts["people"], facts["values"]
    traits = [TRAITS[trait] for trait in facts["traits"]]
    told: list[list[str]] = [[], [], []]
    for what, subject, value in facts["clues"]:
        if what == "link":
            one = traits[0].has.format(values[0][subject])
            other = traits[1].has.format(values[1][value])
            told[0].append(f"Whoever {one} {other}.")
            told[1].append(f"The person who {one} also {other}.")
            told[2].append(f"One and the same person {one} and {other}.")
            continue
        person, trait = people[subject[0]], traits[subject[1]]
        claim = (trait.has if what == "is" else trait.lacks).format(values[subject[1]][value])
        told[0].append(f"{person} {claim}.")
        told[1].append(f"We know that {person} {claim}.")
        told[2].append(f"As for {person}: {person} {claim}.")
    nouns = " and ".join(trait.noun for trait in traits)
    offered = "; ".join(listed(sorted(one)) for one in values)
    intro = f"{listed(sorted(people))} each have a different {nouns} ({offered})."
    asked = traits[0].asks.format(people[facts["asked"]])
    return (
        f"{intro} {' '.join(told[0])} {asked}",
        f"There are five people, {listed(sorted(people))}, and no two of them share the same "
        f"{nouns.replace(' and ', ' or ')}. To choose from: {offered}. {' '.join(told[1])} {asked}",
        f"{asked} {upper_first(intro)} {' '.join(told[2])}",
    )


def verify_grid(facts: Mapping[str, Any]) -> str:
    """The one value that the person asked about has in every world that the clues allow.

    Every assignment is tried, clue by clue, in plain Python.

    Raises:
        ValueError: the clues leave more than one, or none.
    """
    linked = len(facts["traits"]) > 1
    single = [clue for clue in facts["clues"] if clue[0] != "link"]
    worlds = [
        [world for world in permutations(range(SIZE)) if _fits(world, single, trait)]
        for trait in range(len(facts["traits"]))
    ]
    links = [clue for clue in facts["clues"] if clue[0] == "link"]
    found = {
        first[facts["asked"]]
        for first in worlds[0]
        if not linked
        or any(
            all(second[first.index(one)] == other for _, one, other in links)
            for second in worlds[1]
        )
    }
    return _only({facts["values"][0][value] for value in found})


def _fits(world: Sequence[int], clues: Sequence[Sequence[Any]], trait: int) -> bool:
    return all(
        (world[subject[0]] == value) == (what == "is")
        for what, subject, value in clues
        if subject[1] == trait
    )


FAMILIES = (
    Family(
        "orderings",
        "Generated: who stands where in a row, from comparisons; five options, three tiers.",
        draw_ordering,
        verify_ordering,
    ),
    Family(
        "grids",
        "Generated: small logic grids, who has what; five options, three tiers.",
        draw_grid,
        verify_grid,
    ),
)
