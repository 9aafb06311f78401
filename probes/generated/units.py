"""Unit conversions, real units and invented ones, with the mistakes that people make.

The verifier counts in fractions of base units, apart from how a question is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from starprobe.probes.generated import NAMES, SLIP, Family, Item, Tier, near

Facts = Mapping[str, Any]
Made = tuple[dict[str, Any], tuple[str, ...], str, dict[str, str]]
FACTORS = {
    ("kilometre", "metre"): 1000,
    ("metre", "centimetre"): 100,
    ("centimetre", "millimetre"): 10,
    ("kilogram", "gram"): 1000,
    ("tonne", "kilogram"): 1000,
    ("litre", "millilitre"): 1000,
    ("hour", "minute"): 60,
    ("minute", "second"): 60,
    ("day", "hour"): 24,
    ("week", "day"): 7,
}
THINGS = {
    "metre": ("a road", "a river", "a wall"), "centimetre": ("a plank", "a rope", "a sail"),
    "millimetre": ("a nail", "a shelf", "a brush"), "gram": ("a sack of rice", "a dog", "a stove"),
    "kilogram": ("a boat", "a tower", "a bridge"), "millilitre": ("a can", "a barrel", "a pool"),
    "minute": ("a play", "a match", "a film"), "second": ("a song", "a speech", "a race"),
    "hour": ("a voyage", "a storm", "a course"), "day": ("a holiday", "a tour", "a course"),
}  # fmt: skip
MEASURED = {
    "metre": "measures", "gram": "weighs", "litre": "holds", "minute": "lasts", "second": "lasts",
    "hour": "lasts", "day": "lasts",
}  # fmt: skip
FACTOR = "another factor"


def _convert(rng: random.Random) -> Made:
    (big, small), factor = rng.choice(list(FACTORS.items()))
    count = rng.randrange(2, 40)
    back = rng.random() < 0.5
    given, answer = (count * factor, count) if back else (count, count * factor)
    source, target = (small, big) if back else (big, small)
    thing, name = rng.choice(THINGS[small]), rng.choice(NAMES)
    measured = next(verb for unit, verb in MEASURED.items() if small.endswith(unit))
    facts = {"what": "convert", "given": given, "from": source, "to": target, "who": [name, thing]}
    wrong = {answer * 10: "a power of ten off"} | (
        {answer // 10: "a power of ten off"} if answer % 10 == 0 else {}
    )
    for other in (7, 10, 12, 24, 60, 100, 1000):
        if other != factor:
            wrong.setdefault(given // other if back else given * other, FACTOR)
    chosen = near(answer, wrong, rng, 1 if back else factor)
    unit, asked = _plural(given, source), _plural(2, target)
    wordings = (
        f"{name} says that {thing} {measured} {given} {unit}. How many {asked} is that?",
        f"How many {asked} make up {given} {unit}, which is what {name} says of {thing}?",
        f"{name} writes down {given} {unit} for {thing}. Give the same in {asked}.",
    )
    return facts, wordings, _amount(answer, target), _amounts(chosen, target)


def _amount(count: int, unit: str) -> str:
    return f"{count} {_plural(count, unit)}"


def _amounts(chosen: Mapping[int, str], unit: str) -> dict[str, str]:
    return {_amount(one, unit): what for one, what in chosen.items()}


def _plural(count: int, unit: str) -> str:
    return unit if count == 1 else f"{unit}s"


def _pieces(rng: random.Random) -> Made:
    big, small, whole, part, factor = rng.choice(
        [
            ("metre", "centimetre", "a rope", "pieces", 100),
            ("kilogram", "gram", "a sack of beans", "portions", 1000),
            ("litre", "millilitre", "a barrel of juice", "glasses", 1000),
            ("hour", "minute", "an evening", "talks", 60),
            ("kilometre", "metre", "a path", "stretches", 1000),
        ]
    )
    size = rng.choice(
        [one for one in (5, 8, 12, 15, 20, 25, 40, 50, 125, 200, 250) if one < factor]
    )
    total = rng.randrange(2, 30)
    answer, rest = divmod(total * factor, size)
    if rest or answer < 4:
        return _pieces(rng)
    facts = {"what": "pieces", "total": total, "from": big, "size": size, "to": small}
    facts["who"] = name = rng.choice(NAMES)
    wrong = {total * other // size: FACTOR for other in (10, 60, 100, 1000, 24) if other != factor}
    wrong |= {total * size: "multiplied where it is to be divided", answer - 1: "cuts, not pieces"}
    wrong |= {answer + 1: "counted the ends too", answer * 2: "halved the size"}
    wrong.pop(answer, None)
    chosen = near(answer, wrong, rng, 2)
    unit, bit = _plural(total, big), _plural(size, small)
    wordings = (
        f"{name} divides {whole} of {total} {unit} into {part} of {size} {bit} each. How many "
        f"{part} are there?",
        f"How many {part} of {size} {bit} does {name} get out of {whole} of {total} {unit}?",
        f"There is {whole} of {total} {unit}. {name} makes {part} of it, {size} {bit} each. What is "
        f"the number of {part}?",
    )
    return facts, wordings, str(answer), {str(one): what for one, what in chosen.items()}


def _many(rng: random.Random) -> Made:
    small, big, one, size, factor = rng.choice(
        [
            ("millilitre", "litre", "bottle", (125, 250, 500, 750), 1000),
            ("gram", "kilogram", "parcel", (125, 200, 250, 400, 750), 1000),
            ("centimetre", "metre", "ribbon", (15, 25, 40, 75), 100),
            ("minute", "hour", "lesson", (15, 20, 40, 45, 50), 60),
            ("metre", "kilometre", "lap", (200, 250, 400, 800), 1000),
        ]
    )
    each, count = rng.choice(size), rng.randrange(4, 60)
    answer, rest = divmod(each * count, factor)
    if rest or answer < 2:
        return _many(rng)
    facts = {"what": "many", "each": each, "from": small, "count": count, "to": big}
    facts["who"] = name = rng.choice(NAMES)
    wrong = {each * count // other: FACTOR for other in (10, 24, 60, 100, 1000) if other != factor}
    wrong |= {answer + 1: SLIP, answer - 1: SLIP, answer * 2: "counted twice"}
    wrong |= {each * count // factor // 2: "counted half"} if answer > 3 else {}
    wrong.pop(answer, None)
    chosen = near(answer, wrong, rng, 1)
    units = _plural(2, big)
    wordings = (
        f"{name} counts {count} {one}s of {each} {small}s each. How many {units} is that in all?",
        f"How many {units} do {count} {one}s come to, if each of those of {name} has {each} {small}s?",
        f"Each {one} has {each} {small}s, and {name} has {count} of them. What is the total in "
        f"{units}?",
    )
    return facts, wordings, _amount(answer, big), _amounts(chosen, big)


def _speed(rng: random.Random) -> Made:
    speed, seconds = 18 * rng.randrange(1, 8), 4 * rng.randrange(3, 30)
    who = rng.choice(["cyclist", "bus", "horse", "tram", "runner", "boat", "deer", "car"])
    if who in ("runner", "horse", "deer", "cyclist", "boat") and speed > 54:
        speed = 36
    answer = speed * 1000 * seconds // 3600
    facts = {"what": "speed", "speed": speed, "seconds": seconds, "who": who}
    wrong = {
        speed * seconds: "kilometres and seconds multiplied as they stand",
        speed * 1000 * seconds // 60 // 10: "an hour taken for a minute, and ten",
        speed * 10 * seconds // 36 // 10: "a power of ten off",
        answer * 2: "counted twice",
        answer // 2: "counted half",
        answer + speed: SLIP,
        answer - speed: SLIP,
        speed * seconds // 6: "60 taken where it is to be 3.6 times as much",
    }
    wrong.pop(answer, None)
    chosen = near(answer, wrong, rng, 5)
    wordings = (
        f"A {who} moves at {speed} kilometres an hour. How many metres does it go in {seconds} "
        f"seconds?",
        f"How far, in metres, does a {who} come in {seconds} seconds at {speed} kilometres an hour?",
        f"At a steady {speed} kilometres an hour, what distance in metres does a {who} cover in "
        f"{seconds} seconds?",
    )
    return facts, wordings, _amount(answer, "metre"), _amounts(chosen, "metre")


UNITS = ("blip drop fenn garl hask jorl kemp lumm merk nool pim quell rund sarn tolk vesk").split()


def _invented(rng: random.Random) -> Made:
    small, middle, large = rng.sample(UNITS, 3)
    first, second = rng.sample(range(3, 13), 2)
    high, low = rng.randrange(2, 8), rng.randrange(2, 9)
    answer = (high * second + low) * first
    facts = {"what": "invented", "units": [small, middle, large], "first": first, "second": second}
    facts |= {"high": high, "low": low}
    wrong = {
        high * second * first: f"forgot the {middle}s",
        high * second * first + low: f"took {middle}s for {small}s",
        (high * first + low) * second: "the two factors exchanged",
        high * second + low: f"stopped at {middle}s",
        (high + low) * first: "left out the second factor",
        (high + low) * second * first: f"took all for {large}s",
        answer + first: SLIP,
        answer - first: SLIP,
    }
    wrong.pop(answer, None)
    chosen = near(answer, wrong, rng, first)
    wordings = (
        f"{first} {small}s make one {middle}, and {second} {middle}s make one {large}. How many "
        f"{small}s are {high} {large}s and {low} {middle}s?",
        f"In an old system a {large} is {second} {middle}s, and a {middle} is {first} {small}s. What "
        f"are {high} {large}s and {low} {middle}s in {small}s?",
        f"Somebody owns {high} {large}s and {low} {middle}s. A {large} is worth {second} {middle}s, "
        f"a {middle} {first} {small}s. How many {small}s is it all worth?",
    )
    return facts, wordings, _amount(answer, small), _amounts(chosen, small)


def _flow(rng: random.Random) -> Made:
    each, every = (
        rng.choice([25, 40, 50, 75, 100, 125, 150, 200]),
        rng.choice([2, 3, 4, 5, 6, 10, 12]),
    )
    hours = rng.randrange(2, 9)
    answer, rest = divmod(each * 3600 * hours, every * 1000)
    if rest or answer < 5:
        return _flow(rng)
    what = rng.choice(["tap", "pump", "spring", "pipe", "hose", "fountain"])
    facts = {"what": "flow", "each": each, "every": every, "hours": hours, "who": what}
    wrong = {
        each * 60 * hours // every: "took hours for minutes, and kept millilitres",
        each * 3600 * hours // 1000: "forgot how often",
        each * every * 3600 * hours // 1000: "multiplied where it is to be divided",
        each * 60 * hours // every // 10: "a power of ten off",
        answer // 2: "counted half",
        answer * 2: "counted twice",
        answer * 10: "a power of ten off",
        answer // 10: "a power of ten off",
    }
    wrong.pop(answer, None)
    chosen = near(answer, wrong, rng, 6)
    wordings = (
        f"A {what} gives {each} millilitres every {every} seconds. How many litres does it give in "
        f"{hours} hours?",
        f"How many litres come out of a {what} in {hours} hours, at {each} millilitres every {every} "
        f"seconds?",
        f"Every {every} seconds {each} millilitres flow from a {what}. What does that come to in "
        f"{hours} hours, in litres?",
    )
    return facts, wordings, _amount(answer, "litre"), _amounts(chosen, "litre")


_IN_BASE = {
    "metre": Fraction(1), "kilometre": Fraction(1000), "centimetre": Fraction(1, 100),
    "millimetre": Fraction(1, 1000), "gram": Fraction(1), "kilogram": Fraction(1000),
    "tonne": Fraction(10**6), "litre": Fraction(1), "millilitre": Fraction(1, 1000),
    "second": Fraction(1), "minute": Fraction(60), "hour": Fraction(3600),
    "day": Fraction(86400), "week": Fraction(604800),
}  # fmt: skip
"""What each unit is in the base unit of its kind."""


def verify_unit(facts: Facts) -> str:
    """The right option of a question on units, by fractions of base units.

    Raises:
        ValueError: it is no whole number.
    """
    what = facts["what"]
    if what == "convert":
        found = facts["given"] * _IN_BASE[facts["from"]] / _IN_BASE[facts["to"]]
        return _whole(found, facts["to"])
    if what == "pieces":
        found = facts["total"] * _IN_BASE[facts["from"]] / (facts["size"] * _IN_BASE[facts["to"]])
        return _whole(found, "")
    if what == "many":
        found = facts["count"] * facts["each"] * _IN_BASE[facts["from"]] / _IN_BASE[facts["to"]]
        return _whole(found, facts["to"])
    if what == "speed":
        pace = facts["speed"] * _IN_BASE["kilometre"] / _IN_BASE["hour"]
        return _whole(pace * facts["seconds"], "metre")
    if what == "flow":
        times = facts["hours"] * _IN_BASE["hour"] / facts["every"]
        return _whole(times * facts["each"] * _IN_BASE["millilitre"], "litre")
    middle = Fraction(facts["first"])
    large = middle * facts["second"]
    return _whole(facts["high"] * large + facts["low"] * middle, facts["units"][0])


def _whole(found: Fraction, unit: str) -> str:
    if found.denominator != 1:
        raise ValueError(f"{found} is no whole number")
    return _amount(int(found), unit) if unit else str(found)


CONVERSIONS: Mapping[Tier, tuple[Callable[[random.Random], Made], ...]] = {
    "easy": (_convert,),
    "medium": (_pieces, _many),
    "hard": (_speed, _invented, _flow),
}


def draw_unit(tier: Tier, rng: random.Random) -> Item:
    """A question on units.

    Easy: one conversion. Medium: a conversion and a division or product. Hard: rates, and units
    that were invented.
    """
    return Item(*rng.choice(CONVERSIONS[tier])(rng))


FAMILY = Family(
    "units",
    "Generated: units converted, real ones and invented; five options, three tiers.",
    draw_unit,
    verify_unit,
)
