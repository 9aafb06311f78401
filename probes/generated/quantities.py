"""Dates, times and units: quantities that are worked out, with the mistakes that people make.

The verifiers count with the calendar and in fractions of base units, apart from how a question is
drawn.
"""

from __future__ import annotations

import random
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from starprobe.probes.generated import NAMES, SLIP, Family, Item, Tier, near

Facts = Mapping[str, Any]


def _item(
    facts: Facts,
    wordings: tuple[str, ...],
    answer: int,
    wrong: Mapping[int, str],
    write: Callable[[int], str],
) -> Item:
    """The question whose right and wrong numbers are written like this."""
    return Item(facts, wordings, write(answer), {write(one): what for one, what in wrong.items()})


def _drawn(
    makers: Mapping[Tier, tuple[Callable[[random.Random], Item], ...]],
) -> Callable[[Tier, random.Random], Item]:
    """Draws of a tier by any of its makers."""
    return lambda tier, rng: rng.choice(makers[tier])(rng)


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January February March April May June July August September October November December"
).split()
PLACES = ("Lima", "Accra", "Hanoi", "Oslo", "Cairo", "Quito", "Perth", "Turin")
YEAR = 2023
"""Of dates without a year; they never come near February, so that none depends on it."""


def _weekday(rng: random.Random) -> Item:
    start, count = rng.randrange(7), rng.choice([*range(3, 7), *range(8, 20)])
    back = rng.random() < 0.4
    name, thing = rng.choice(NAMES), rng.choice(["letter", "parcel", "book", "lamp", "map", "coat"])
    facts = {"what": "weekday", "start": start, "count": count, "back": back, "who": [name, thing]}
    sign = -1 if back else 1
    answer = (start + sign * count) % 7
    wrong = {
        (start + sign * (count - 1)) % 7: "the first day counted as one",
        (start - sign * count) % 7: "counted in the other direction",
        (start + sign * (count + 1)) % 7: "one day too many",
        start: "the day it began",
    }
    wrong = _other_days(answer, wrong, rng)
    day = WEEKDAYS[start]
    if back:
        wordings = (
            f"{name}'s {thing} arrived on a {day}, exactly {count} days after it was sent. On which "
            f"day of the week was it sent?",
            f"A {thing} for {name} was under way for {count} days and came on a {day}. Which day of "
            f"the week was it when it left?",
            f"If {name} got a {thing} on a {day}, and it had been posted {count} days before, what "
            f"day of the week was it posted?",
        )
    else:
        wordings = (
            f"{name} sends a {thing} on a {day}. It arrives exactly {count} days later. On which day "
            f"of the week does it arrive?",
            f"A {thing} that {name} posts on a {day} is under way for {count} days. Which day of the "
            f"week is it when it comes?",
            f"If {name} hands over a {thing} on a {day} and it takes {count} days, what day of the "
            f"week does it reach its goal?",
        )
    return _item(facts, wordings, answer, wrong, WEEKDAYS.__getitem__)


def _other_days(answer: int, wrong: Mapping[int, str], rng: random.Random) -> dict[int, str]:
    """All days but the right one, those of a known mistake first."""
    days = dict(wrong)
    for gap in rng.sample(range(7), 7):
        days.setdefault((answer + gap) % 7, SLIP)
    days.pop(answer)
    return days


def _clock(rng: random.Random) -> Item:
    start, count = 5 * rng.randrange(72, 252), 5 * rng.choice([*range(5, 12), *range(13, 24)])
    name = rng.choice(NAMES)
    act = rng.choice(["walks", "reads", "paints", "swims", "cooks", "rows"])
    facts = {"what": "clock", "start": start, "count": count, "who": [name, act]}
    answer = start + count
    wrong = {
        answer + 60: "an hour too many",
        answer - 60: "the hour not carried",
        answer + 40: "an hour taken for 100 minutes",
        answer - 40: "an hour taken for 100 minutes",
        answer + 10: SLIP,
        answer - 10: SLIP,
    }
    long, begun = f"{count // 60} hour{'s' * (count >= 120)} and " * (count >= 60), _hour(start)
    span = f"{long}{count % 60} minutes" if count % 60 else f"{count // 60} hours"
    wordings = (
        f"{name} {act} from {begun} on, for {span}. At what time does {name} stop?",
        f"At {begun} {name} begins. {name} {act} for {span}. What time is it at the end?",
        f"When does {name} finish, if {name} {act} for {span} and starts at {begun}?",
    )
    return _item(facts, wordings, answer, near(answer, wrong, rng, 15), _hour)


def _hour(minutes: int) -> str:
    return f"{minutes // 60 % 24}:{minutes % 60:02}"


def _date(rng: random.Random) -> Item:
    start, count = date(YEAR, rng.randrange(3, 11), rng.randrange(8, 31)), rng.randrange(11, 46)
    name = rng.choice(NAMES)
    thing = rng.choice(["ticket", "visa", "voucher", "pass", "permit", "offer", "licence"])
    facts = {"what": "date", "start": start.isoformat(), "count": count, "who": [name, thing]}
    base = (start + timedelta(days=count)).timetuple().tm_yday
    length = monthrange(YEAR, start.month)[1]
    other = 61 - length
    wrong = {
        1: "one day too many" if length == 31 else "a month of 30 days taken for 31 the wrong way",
        -1: "one day too few",
        length - other: "31 days taken for 30, or 30 for 31",
        30: "a month too many",
        -30: "a month too few",
        10: SLIP,
        -10: SLIP,
        2: SLIP,
        -2: SLIP,
    }
    said = _day(start)
    wordings = (
        f"{name} buys a {thing} that ends exactly {count} days after {said}. On which date does it "
        f"end?",
        f"What date is it {count} days after {said}, when the {thing} of {name} runs out?",
        f"The {thing} of {name} was made out on {said} and ends {count} days after that day. Which "
        f"date is that?",
    )
    days = {base + gap: what for gap, what in wrong.items()}
    return _item(facts, wordings, base, near(base, days, rng, 3), _of_year)


def _of_year(number: int) -> str:
    return _day(date(YEAR, 1, 1) + timedelta(days=number - 1))


def _day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _night(rng: random.Random) -> Item:
    start = 60 * rng.randrange(19, 24) + rng.randrange(3, 58)
    count = 1440 - start + rng.randrange(125, 520)
    kind = rng.choice(["train", "bus", "ferry", "flight", "night shift", "film night", "storm"])
    place = rng.choice(PLACES)
    facts = {"what": "night", "start": start, "end": (start + count) % 1440, "who": [kind, place]}
    begun, ended = _hour(start), _hour(start + count)
    wrong = {
        count + 60: "an hour too many",
        count - 60: "an hour too few",
        count + 40: "an hour taken for 100 minutes",
        count - 40: "an hour taken for 100 minutes",
        abs(start - (start + count) % 1440): "subtracted without midnight",
        count + 120: "the hours counted from the wrong end",
        count - 120: SLIP,
    }
    wordings = (
        f"A {kind} near {place} begins at {begun} and ends at {ended} the next morning. How long "
        f"does it last?",
        f"How long is a {kind} near {place} that goes from {begun} in the evening to {ended} on the "
        f"following day?",
        f"From {begun} until {ended} the next day there is a {kind} near {place}. How much time "
        f"passes?",
    )
    return _item(facts, wordings, count, near(count, wrong, rng, 20), _span)


def _span(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02} min"


def _series(rng: random.Random) -> Item:
    start, gap = date(YEAR, rng.randrange(3, 8), rng.randrange(2, 29)), rng.choice([*range(8, 20)])
    count = rng.randrange(4, 9)
    club = rng.choice(["choir", "chess club", "hiking club", "book club", "drama group", "band"])
    place = rng.choice(PLACES)
    facts = {"what": "series", "start": start.isoformat(), "gap": gap, "count": count}
    facts["who"] = [club, place]
    base = (start + timedelta(days=gap * (count - 1))).timetuple().tm_yday
    wrong = {
        base + gap: "as many gaps as meetings",
        base - gap: "a gap too few",
        base + 1: "a month taken for 30 days",
        base - 1: "a month taken for 31 days",
        base + gap + 1: "a gap too many and a slip",
        base - gap - 1: "a gap too few and a slip",
        base + 2: SLIP,
        base - 2: SLIP,
    }
    said, nth = _day(start), f"{count}th"
    wordings = (
        f"A {club} in {place} meets every {gap} days. Its first meeting is on {said}. On which date "
        f"is its {nth} meeting?",
        f"Every {gap} days, starting with {said}, a {club} comes together in {place}. What is the "
        f"date when it does so for the {nth} time?",
        f"On {said} a {club} in {place} meets for the first time, and then again every {gap} days. "
        f"When does it meet for the {nth} time?",
    )
    return _item(facts, wordings, base, near(base, wrong, rng, 3), _of_year)


def _calendar(rng: random.Random) -> Item:
    start, count = date(YEAR, rng.randrange(3, 9), rng.randrange(2, 31)), rng.randrange(34, 110)
    fair = rng.choice(["market", "concert", "picnic", "wedding", "parade", "fair", "race", "match"])
    place = rng.choice(PLACES)
    weekday = rng.randrange(7)
    end = start + timedelta(days=count)
    facts: dict[str, Any] = {"what": "calendar", "start": start.isoformat()}
    facts["end"] = end.isoformat()
    facts |= {"weekday": weekday, "who": [fair, place]}
    answer = (weekday + count) % 7
    months = end.month - start.month
    wrong = {
        (weekday + end.day - start.day + 28 * months) % 7: "every month taken for four weeks",
        (weekday + end.day - start.day + 30 * months) % 7: "every month taken for 30 days",
        (weekday + end.day - start.day + 31 * months) % 7: "every month taken for 31 days",
        (weekday - count) % 7: "counted in the other direction",
    }
    wrong = _other_days(answer, wrong, rng)
    wordings = (
        f"In a certain year {_day(start)} is a {WEEKDAYS[weekday]}. A {fair} in {place} is on "
        f"{_day(end)} of that year. Which day of the week is that?",
        f"There is a {fair} in {place} on {_day(end)}. In the same year {_day(start)} falls on a "
        f"{WEEKDAYS[weekday]}. On what day of the week is the {fair}?",
        f"On what day of the week does a {fair} in {place} on {_day(end)} fall, if {_day(start)} of "
        f"that year is a {WEEKDAYS[weekday]}?",
    )
    return _item(facts, wordings, answer, wrong, WEEKDAYS.__getitem__)


def verify_date(facts: Facts) -> str:
    """The right option of a question on dates, by Python's calendar.

    Raises:
        KeyError: facts that this module did not make.
    """
    what = facts["what"]
    if what == "weekday":
        monday = datetime(YEAR, 5, 1) + timedelta(days=facts["start"])
        end = monday + timedelta(days=facts["count"] * (-1 if facts["back"] else 1))
        return WEEKDAYS[end.weekday()]
    if what in ("clock", "night"):
        start = datetime(YEAR, 5, 1) + timedelta(minutes=facts["start"])
        if what == "clock":
            end = start + timedelta(minutes=facts["count"])
            return f"{end.hour}:{end.minute:02}"
        end = datetime(YEAR, 5, 2) + timedelta(minutes=facts["end"])
        seconds = int((end - start).total_seconds())
        return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
    start = datetime.fromisoformat(facts["start"])
    if what == "calendar":
        days = (datetime.fromisoformat(facts["end"]) - start).days
        return WEEKDAYS[(facts["weekday"] + days) % 7]
    steps = facts["count"] if what == "date" else facts["gap"] * (facts["count"] - 1)
    end = start + timedelta(days=steps)
    return f"{end.day} {MONTHS[end.month - 1]}"


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


def _convert(rng: random.Random) -> Item:
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
    unit, asked = _plural(given, source), _plural(2, target)
    wordings = (
        f"{name} says that {thing} {measured} {given} {unit}. How many {asked} is that?",
        f"How many {asked} make up {given} {unit}, which is what {name} says of {thing}?",
        f"{name} writes down {given} {unit} for {thing}. Give the same in {asked}.",
    )
    return _item(
        facts, wordings, answer, near(answer, wrong, rng, 1 if back else factor), _amounts(target)
    )


def _amount(count: int, unit: str) -> str:
    return f"{count} {_plural(count, unit)}"


def _amounts(unit: str) -> Callable[[int], str]:
    return lambda count: _amount(count, unit)


def _plural(count: int, unit: str) -> str:
    return unit if count == 1 else f"{unit}s"


def _pieces(rng: random.Random) -> Item:
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
    unit, bit = _plural(total, big), _plural(size, small)
    wordings = (
        f"{name} divides {whole} of {total} {unit} into {part} of {size} {bit} each. How many "
        f"{part} are there?",
        f"How many {part} of {size} {bit} does {name} get out of {whole} of {total} {unit}?",
        f"There is {whole} of {total} {unit}. {name} makes {part} of it, {size} {bit} each. What is "
        f"the number of {part}?",
    )
    return _item(facts, wordings, answer, near(answer, wrong, rng, 2), str)


def _many(rng: random.Random) -> Item:
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
    units = _plural(2, big)
    wordings = (
        f"{name} counts {count} {one}s of {each} {small}s each. How many {units} is that in all?",
        f"How many {units} do {count} {one}s come to, if each of those of {name} has {each} {small}s?",
        f"Each {one} has {each} {small}s, and {name} has {count} of them. What is the total in "
        f"{units}?",
    )
    return _item(facts, wordings, answer, near(answer, wrong, rng, 1), _amounts(big))


def _speed(rng: random.Random) -> Item:
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
    wordings = (
        f"A {who} moves at {speed} kilometres an hour. How many metres does it go in {seconds} "
        f"seconds?",
        f"How far, in metres, does a {who} come in {seconds} seconds at {speed} kilometres an hour?",
        f"At a steady {speed} kilometres an hour, what distance in metres does a {who} cover in "
        f"{seconds} seconds?",
    )
    return _item(facts, wordings, answer, near(answer, wrong, rng, 5), _amounts("metre"))


UNITS = ("blip drop fenn garl hask jorl kemp lumm merk nool pim quell rund sarn tolk vesk").split()


def _invented(rng: random.Random) -> Item:
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
    wordings = (
        f"{first} {small}s make one {middle}, and {second} {middle}s make one {large}. How many "
        f"{small}s are {high} {large}s and {low} {middle}s?",
        f"In an old system a {large} is {second} {middle}s, and a {middle} is {first} {small}s. What "
        f"are {high} {large}s and {low} {middle}s in {small}s?",
        f"Somebody owns {high} {large}s and {low} {middle}s. A {large} is worth {second} {middle}s, "
        f"a {middle} {first} {small}s. How many {small}s is it all worth?",
    )
    return _item(facts, wordings, answer, near(answer, wrong, rng, first), _amounts(small))


def _flow(rng: random.Random) -> Item:
    each = rng.choice([25, 40, 50, 75, 100, 125, 150, 200])
    every = rng.choice([2, 3, 4, 5, 6, 10, 12])
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
    wordings = (
        f"A {what} gives {each} millilitres every {every} seconds. How many litres does it give in "
        f"{hours} hours?",
        f"How many litres come out of a {what} in {hours} hours, at {each} millilitres every {every} "
        f"seconds?",
        f"Every {every} seconds {each} millilitres flow from a {what}. What does that come to in "
        f"{hours} hours, in litres?",
    )
    return _item(facts, wordings, answer, near(answer, wrong, rng, 6), _amounts("litre"))


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


FAMILIES = (
    Family(
        "dates",
        "Generated: days, dates and times worked out; five options, three tiers.",
        _drawn(
            {
                "easy": (_weekday, _clock),
                "medium": (_date, _night),  # Over a month's end or midnight.
                "hard": (_series, _calendar),  # A row of dates; the weekday of one months away.
            }
        ),
        verify_date,
    ),
    Family(
        "units",
        "Generated: units converted, real ones and invented; five options, three tiers.",
        _drawn(
            {
                "easy": (_convert,),
                "medium": (_pieces, _many),  # A conversion, and a division or product.
                "hard": (_speed, _invented, _flow),  # Rates, and units that were invented.
            }
        ),
        verify_unit,
    ),
)
