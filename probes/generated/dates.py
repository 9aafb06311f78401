"""Dates and times: days of the week, spans of days and hours, with the mistakes that people make.

The verifier counts with the calendar, apart from how a question is drawn.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from starprobe.probes.generated import NAMES, SLIP, Family, Item, Tier, near

Facts = Mapping[str, Any]
Made = tuple[dict[str, Any], tuple[str, ...], str, dict[str, str]]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
YEAR = 2023
"""Of dates without a year; they never come near February, so that none depends on it."""


def _weekday(rng: random.Random) -> Made:
    start, count, back = (
        rng.randrange(7),
        rng.choice([*range(3, 7), *range(8, 20)]),
        rng.random() < 0.4,
    )
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
    for gap in rng.sample(range(7), 7):
        wrong.setdefault((answer + gap) % 7, SLIP)
    wrong.pop(answer, None)
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
    return facts, wordings, WEEKDAYS[answer], {WEEKDAYS[one]: what for one, what in wrong.items()}


def _clock(rng: random.Random) -> Made:
    start, count = 5 * rng.randrange(72, 252), 5 * rng.choice([*range(5, 12), *range(13, 24)])
    name, act = (
        rng.choice(NAMES),
        rng.choice(["walks", "reads", "paints", "swims", "cooks", "rows"]),
    )
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
    chosen = near(answer, wrong, rng, 15)
    long, begun = f"{count // 60} hour{'s' * (count >= 120)} and " * (count >= 60), _hour(start)
    span = f"{long}{count % 60} minutes" if count % 60 else f"{count // 60} hours"
    wordings = (
        f"{name} {act} from {begun} on, for {span}. At what time does {name} stop?",
        f"At {begun} {name} begins. {name} {act} for {span}. What time is it at the end?",
        f"When does {name} finish, if {name} {act} for {span} and starts at {begun}?",
    )
    return facts, wordings, _hour(answer), {_hour(one): what for one, what in chosen.items()}


def _hour(minutes: int) -> str:
    return f"{minutes // 60 % 24}:{minutes % 60:02}"


def _date(rng: random.Random) -> Made:
    start, count = date(YEAR, rng.randrange(3, 11), rng.randrange(8, 31)), rng.randrange(11, 46)
    name = rng.choice(NAMES)
    thing = rng.choice(["ticket", "visa", "voucher", "pass", "permit", "offer", "licence"])
    facts = {"what": "date", "start": start.isoformat(), "count": count, "who": [name, thing]}
    answer = start + timedelta(days=count)
    length = _length(start.month)
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
    base = answer.timetuple().tm_yday
    wrong.pop(0, None)
    chosen = near(base, {base + gap: what for gap, what in wrong.items()}, rng, 3)
    said = _day(start)
    wordings = (
        f"{name} buys a {thing} that ends exactly {count} days after {said}. On which date does it "
        f"end?",
        f"What date is it {count} days after {said}, when the {thing} of {name} runs out?",
        f"The {thing} of {name} was made out on {said} and ends {count} days after that day. Which "
        f"date is that?",
    )
    texts = {_day(_of_year(one)): what for one, what in chosen.items()}
    return facts, wordings, _day(answer), texts


def _length(month: int) -> int:
    return (date(YEAR + month // 12, month % 12 + 1, 1) - date(YEAR, month, 1)).days


def _of_year(number: int) -> date:
    return date(YEAR, 1, 1) + timedelta(days=number - 1)


def _day(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _night(rng: random.Random) -> Made:
    start = 60 * rng.randrange(19, 24) + rng.randrange(3, 58)
    count = 1440 - start + rng.randrange(125, 520)
    kind = rng.choice(["train", "bus", "ferry", "flight", "night shift", "film night", "storm"])
    place = rng.choice(["Lima", "Accra", "Hanoi", "Oslo", "Cairo", "Quito", "Perth", "Turin"])
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
    chosen = near(count, wrong, rng, 20)
    wordings = (
        f"A {kind} near {place} begins at {begun} and ends at {ended} the next morning. How long "
        f"does it last?",
        f"How long is a {kind} near {place} that goes from {begun} in the evening to {ended} on the "
        f"following day?",
        f"From {begun} until {ended} the next day there is a {kind} near {place}. How much time "
        f"passes?",
    )
    return facts, wordings, _span(count), {_span(one): what for one, what in chosen.items()}


def _span(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02} min"


def _series(rng: random.Random) -> Made:
    start, gap = date(YEAR, rng.randrange(3, 8), rng.randrange(2, 29)), rng.choice([*range(8, 20)])
    count = rng.randrange(4, 9)
    club = rng.choice(["choir", "chess club", "hiking club", "book club", "drama group", "band"])
    place = rng.choice(["Lima", "Accra", "Hanoi", "Oslo", "Cairo", "Quito", "Perth", "Turin"])
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
    chosen = near(base, wrong, rng, 3)
    said, nth = _day(start), f"{count}th"
    wordings = (
        f"A {club} in {place} meets every {gap} days. Its first meeting is on {said}. On which date "
        f"is its {nth} meeting?",
        f"Every {gap} days, starting with {said}, a {club} comes together in {place}. What is the "
        f"date when it does so for the {nth} time?",
        f"On {said} a {club} in {place} meets for the first time, and then again every {gap} days. "
        f"When does it meet for the {nth} time?",
    )
    texts = {_day(_of_year(one)): what for one, what in chosen.items()}
    texts.pop(_day(_of_year(base)), None)
    return facts, wordings, _day(_of_year(base)), texts


def _calendar(rng: random.Random) -> Made:
    start, count = date(YEAR, rng.randrange(3, 9), rng.randrange(2, 31)), rng.randrange(34, 110)
    fair = rng.choice(["market", "concert", "picnic", "wedding", "parade", "fair", "race", "match"])
    place = rng.choice(["Lima", "Accra", "Hanoi", "Oslo", "Cairo", "Quito", "Perth", "Turin"])
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
    for gap in rng.sample(range(7), 7):
        wrong.setdefault((answer + gap) % 7, SLIP)
    wrong.pop(answer, None)
    wordings = (
        f"In a certain year {_day(start)} is a {WEEKDAYS[weekday]}. A {fair} in {place} is on "
        f"{_day(end)} of that year. Which day of the week is that?",
        f"There is a {fair} in {place} on {_day(end)}. In the same year {_day(start)} falls on a "
        f"{WEEKDAYS[weekday]}. On what day of the week is the {fair}?",
        f"On what day of the week does a {fair} in {place} on {_day(end)} fall, if {_day(start)} of "
        f"that year is a {WEEKDAYS[weekday]}?",
    )
    return facts, wordings, WEEKDAYS[answer], {WEEKDAYS[one]: what for one, what in wrong.items()}


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


DATES: Mapping[Tier, tuple[Callable[[random.Random], Made], ...]] = {
    "easy": (_weekday, _clock),
    "medium": (_date, _night),
    "hard": (_series, _calendar),
}


def draw_date(tier: Tier, rng: random.Random) -> Item:
    """A question on dates or times.

    Easy: days of the week and times of day. Medium: over a month's end or midnight. Hard: a row of
    dates, or the weekday of a date months away.
    """
    return Item(*rng.choice(DATES[tier])(rng))


FAMILY = Family(
    "dates",
    "Generated: days, dates and times worked out; five options, three tiers.",
    draw_date,
    verify_date,
)
