"""Rules applied to invented facts, and short invented texts: what follows from what is written.

Nothing in them can be known beforehand. The verifiers apply the rules, and replay the events.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from starprobe.probes.generated import NAMES, Family, Item, Tier, listed, upper_first

Facts = Mapping[str, Any]

GOODS = (
    "vase", "kettle", "chair", "clock", "basket", "drum", "mirror", "statue", "blanket", "tent",
)  # fmt: skip
STORES = (
    "the mill", "the barn", "the tower", "the cellar", "the old school", "the boat house",
    "the market hall", "the chapel", "the stable",
)  # fmt: skip
TRAITS: Mapping[str, tuple[str, str, str]] = {
    "colour": ("red", "blue", "green"),
    "material": ("wooden", "metal", "woollen"),
    "state": ("wet", "dry", "frozen"),
    "size": ("small", "large", "medium-sized"),
    "owner": ("royal", "borrowed", "stolen"),
    "origin": ("northern", "eastern", "western"),
}
"""What a thing can be; the values of a trait exclude each other."""
CHANGES: Mapping[str, tuple[str, str]] = {
    "colour": ("is painted {}", "somebody paints it {}"),
    "material": ("turns out to be {}", "it proves to be {}"),
    "state": ("is found to be {} by now", "it is {} on arrival"),
    "size": ("turns out to be {}", "it proves to be {}"),
    "owner": ("turns out to be {}", "it proves to be {}"),
    "origin": ("turns out to be {}", "it proves to be {}"),
}


def draw_rule(tier: Tier, rng: random.Random) -> Item | None:
    """Where a thing is put by rules, of which the first that fits decides.

    Easy: one rule fits. Medium: rules of two conditions, and two of them fit. Hard: the thing
    changes before it is sorted, and one rule sends things on from one place to another.
    """
    stores = rng.sample(STORES, 5)
    thing = {trait: rng.choice(values) for trait, values in TRAITS.items()}
    shown = rng.sample(list(TRAITS), 3 if tier == "easy" else 4)
    thing = {trait: thing[trait] for trait in shown}
    rules = [(_condition(thing, tier, rng), store) for store in stores[:4]]
    if any(one[0] == other[0] for one, other in combinations(rules, 2)):
        return None
    change: list[str] | None = None
    onward: list[str] | None = None
    if tier == "hard":
        trait = rng.choice(shown)
        change = [trait, rng.choice([one for one in TRAITS[trait] if one != thing[trait]])]
        start, end = rng.sample(stores, 2)
        known = rng.choice([one for one in shown if one != trait])
        onward = [start, end, known, rng.choice(TRAITS[known])]
    facts = {
        "thing": rng.choice(GOODS),
        "town": rng.choice(NAMES),
        "traits": thing,
        "rules": rules,
        "rest": stores[4],
        "change": change,
        "onward": onward,
    }
    answer = verify_rule(facts)
    fitting = [store for condition, store in rules if _fits(condition, _changed(facts))]
    if len(fitting) not in ((0, 1) if tier == "easy" else (1, 2, 3)):
        return None
    if tier == "medium" and len(fitting) < 2:
        return None
    before = verify_rule({**facts, "change": None})
    direct = verify_rule({**facts, "onward": None})
    if tier == "hard" and answer in (before, direct) and rng.random() < 0.8:
        return None
    mistakes: dict[str, str] = {}
    for store, what in (
        (before, "left out that the thing changed"),
        (direct, "left out that things are sent on"),
        *((one, "a later rule that fits too") for one in fitting),
        *((one, "a rule that does not fit") for one in stores),
    ):
        if store != answer:
            mistakes.setdefault(store, what)
    return Item(facts, _rule_wordings(facts), answer, mistakes)


def _condition(thing: Mapping[str, str], tier: Tier, rng: random.Random) -> dict[str, str]:
    count = 1 if tier == "easy" or rng.random() < 0.5 else 2
    own = 0.2 if tier == "easy" else 0.4
    return {
        trait: thing[trait] if rng.random() < own else rng.choice(TRAITS[trait])
        for trait in rng.sample(list(thing), count)
    }


def _fits(condition: Mapping[str, str], traits: Mapping[str, str]) -> bool:
    return all(traits[name] == value for name, value in condition.items())


def _changed(facts: Facts) -> dict[str, str]:
    change = facts["change"]
    return {**facts["traits"], **({change[0]: change[1]} if change else {})}


def verify_rule(facts: Facts) -> str:
    """The place where the thing ends: the first rule that fits it as it is, then what sends on."""
    traits = _changed(facts)
    place = facts["rest"]
    for condition, store in facts["rules"]:
        if all(traits[name] == value for name, value in condition.items()):
            place = store
            break
    onward = facts["onward"]
    if onward and place == onward[0] and traits[onward[2]] == onward[3]:
        place = onward[1]
    return str(place)


def _rule_wordings(facts: Facts) -> tuple[str, ...]:
    town, thing = facts["town"], facts["thing"]
    first, second, third = [], [], []
    for number, (condition, store) in enumerate(facts["rules"], 1):
        what = " and ".join(condition.values())
        first.append(f"{number}. What is {what} goes to {store}.")
        second.append(f"Rule {number} sends everything {what} to {store}.")
        third.append(f"{'If' if number == 1 else 'Else, if'} it is {what}, it is put in {store}.")
    first.append(f"{len(first) + 1}. All else goes to {facts['rest']}.")
    second.append(f"The last rule sends whatever is left to {facts['rest']}.")
    third.append(f"Otherwise it is put in {facts['rest']}.")
    if facts["onward"]:
        start, end, _, value = facts["onward"]
        told = f"that would go to {start} but is {value} goes to {end} instead"
        first.append(f"Anything {told}.")
        second.append(f"There is an exception: a thing {told}.")
        third.append(f"One exception holds: whatever by these rules belongs in {start} but is "
                     f"{value} is put in {end}.")  # fmt: skip
    traits = listed(list(facts["traits"].values()))
    turn = other = ""
    if facts["change"]:
        trait, value = facts["change"]
        turn = f" But before it is sorted, it {CHANGES[trait][0].format(value)}."
        other = f" But then, before the sorting, {CHANGES[trait][1].format(value)}."
    return (
        f"{town} sorts things by these rules, from the top, and the first that fits decides. "
        f"{' '.join(first)} {upper_first(_a(thing))} is {traits}.{turn} Where does it go?",
        f"In the house of {town} the first rule that fits decides where a thing is kept. "
        f"{' '.join(second)} Now {_a(thing)} comes in that is {traits}.{other} Where is it kept?",
        f"{upper_first(_a(thing))} is {traits}.{turn} In which place does {town} put it, by the "
        f"following order? {' '.join(third)}",
    )


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


ROOMS = (
    "kitchen", "attic", "garden", "garage", "library", "workshop", "hall", "cellar", "shed",
    "office", "pantry",
)  # fmt: skip
OBJECTS = (
    "key", "lamp", "map", "ring", "ladder", "camera", "letter", "umbrella", "whistle", "kite",
    "notebook", "candle", "compass", "shovel",
)  # fmt: skip


def draw_story(tier: Tier, rng: random.Random) -> Item | None:
    """Where a thing of a short invented story is at its end.

    Easy: five things are put down. Medium: some are moved. Hard: two are exchanged, one is nearly
    moved, and it may be asked where a thing was before.
    """
    rooms, things = rng.sample(ROOMS, 5), rng.sample(OBJECTS, 5)
    people = rng.sample(NAMES, 3)
    events: list[list[Any]] = [
        ["put", rng.choice(people), thing, room] for thing, room in zip(things, rooms, strict=True)
    ]
    asked = rng.choice(things)
    events += _moves(tier, events, asked, people, rooms, rng)
    places = _places(events, asked)
    if tier != "easy" and len(places) == 1 and rng.random() < 0.8:
        return None
    before = tier == "hard" and rng.random() < 0.4 and len(places) > 1
    facts = {"events": events, "asked": asked, "before": before}
    answer = places[-2] if before else places[-1]
    mistakes: dict[str, str] = {}
    for room in reversed(places):
        mistakes.setdefault(room, "where it was at another time")
    for event in events:
        if event[0] == "meant" and event[2] == asked:
            mistakes.setdefault(event[3], "where it was only meant to go")
    for room in rng.sample(rooms, 5):
        mistakes.setdefault(room, "where another thing is")
    mistakes.pop(answer, None)
    return Item(facts, _story_wordings(facts), answer, mistakes)


def _moves(
    tier: Tier,
    events: Sequence[Sequence[Any]],
    asked: str,
    people: Sequence[str],
    rooms: Sequence[str],
    rng: random.Random,
) -> list[list[Any]]:
    """What happens after all is put down; the thing asked about is moved in most stories."""
    at = {event[2]: event[3] for event in events}
    kinds = {"easy": [], "medium": ["move"] * 3, "hard": ["move", "move", "swap", "meant", "move"]}
    made: list[list[Any]] = []
    for kind in rng.sample(kinds[tier], len(kinds[tier])):
        thing = asked if rng.random() < 0.45 else rng.choice([one for one in at if one != asked])
        who = rng.choice(people)
        if kind == "swap":
            other = rng.choice([one for one in at if at[one] != at[thing]])
            made.append(["swap", who, thing, other])
            at[thing], at[other] = at[other], at[thing]
            continue
        room = rng.choice([one for one in rooms if one != at[thing]])
        made.append([kind, who, thing, room])
        if kind == "move":
            at[thing] = room
    return made


def _places(events: Sequence[Sequence[Any]], thing: str) -> list[str]:
    """Where a thing was, one place after the other."""
    at: dict[str, str] = {}
    places: list[str] = []
    for kind, _, moved, where in events:
        if kind in ("put", "move"):
            at[moved] = where
        elif kind == "swap":
            at[moved], at[where] = at[where], at[moved]
        if thing in at and (not places or places[-1] != at[thing]):
            places.append(at[thing])
    return places


def verify_story(facts: Facts) -> str:
    """Where the thing is at the end, or was before it came there.

    The events are taken back one by one from the end.

    Raises:
        ValueError: it was never put anywhere.
    """
    wanted, skip = facts["asked"], bool(facts["before"])
    for kind, _, thing, where in reversed(facts["events"]):
        if kind == "meant" or wanted not in (thing, where):
            continue
        if skip:
            # The last change of place is taken back; what was there before holds.
            skip = False
            continue
        if kind == "swap":
            wanted = where if wanted == thing else thing
            continue
        if thing == wanted:
            return str(where)
    raise ValueError(f"{facts['asked']} is put nowhere")


def _story_wordings(facts: Facts) -> tuple[str, ...]:
    told: list[list[str]] = [[], [], []]
    forms = {
        "put": (
            "{who} puts the {thing} in the {where}.",
            "The {thing} is left in the {where} by {who}.",
            "In the {where} {who} lays down the {thing}.",
        ),
        "move": (
            "Later {who} takes the {thing} to the {where}.",
            "Then the {thing} is carried to the {where} by {who}.",
            "To the {where} {who} then brings the {thing}.",
        ),
        "swap": (
            "{who} exchanges the {thing} and the {where}, so that each lies where the other lay.",
            "The {thing} and the {where} change places, which {who} sees to.",
            "{who} has the {thing} and the {where} trade places.",
        ),
        "meant": (
            "{who} means to take the {thing} to the {where}, but forgets to.",
            "The {thing} is to go to the {where}, yet {who} never takes it there.",
            "{who} thinks of bringing the {thing} to the {where}, but does not.",
        ),
    }
    for kind, who, thing, where in facts["events"]:
        for place, form in enumerate(forms[kind]):
            told[place].append(form.format(who=who, thing=thing, where=where))
    thing = facts["asked"]
    if facts["before"]:
        asked = (
            f"Where was the {thing} right before it came to the place where it is at the end?",
            f"In which place was the {thing} just before the last one?",
            f"From where did the {thing} come to its last place?",
        )
    else:
        asked = (
            f"Where is the {thing} at the end?",
            f"In which place is the {thing} after all this?",
            f"Where would one find the {thing} now?",
        )
    first, second, third = (" ".join(one) for one in told)
    return (
        f"{first} {asked[0]}",
        f"{second} {asked[1]}",
        f"Read this and say: {upper_first(asked[2][:-1])}? {third}",
    )


FAMILIES = (
    Family(
        "rules",
        "Generated: rules applied to invented things; five options, three tiers.",
        draw_rule,
        verify_rule,
    ),
    Family(
        "stories",
        "Generated: short invented texts, where a thing is at the end; five options, three tiers.",
        draw_story,
        verify_story,
    ),
)
