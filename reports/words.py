"""Plain-language verdicts: numbers with intervals as words. Knows no HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from starprobe.bench.metrics.definitions import numbers, right_of_all
from starprobe.bench.records import STYLES, Outcome, Style
from starprobe.bench.statistics.intervals import Estimate, rate

if TYPE_CHECKING:
    import pandas as pd

STYLE_WORDS: dict[Style, str] = {
    "option_by_option": "every option",
    "partial": "some options",
    "chosen_only": "its choice only",
    "general_reasoning": "reasons, no option",
    "direct": "no reason",
}
STYLE_MEANING: dict[Style, str] = {
    "option_by_option": "a reason for or against every option",
    "partial": "reasons about some options, not all",
    "chosen_only": "reasons about the chosen option alone",
    "general_reasoning": "reasoning that is about no option in particular",
    "direct": "no reasoning",
}
OUTCOME_WORDS: dict[Outcome, str] = {
    "answered": "answered",
    "no_answer": "no answer",
    "refused": "refused",
    "multi": "several answers",
    "cut": "cut short",
}
CAVEAT = (
    "A model that gives a reason for every option shows STaR-style option-by-option behaviour. "
    "That does not prove that its maker trained it with STaR, and a model that does not show it "
    "may have been trained so all the same."
)
DECLARED = "scratchpad"
"""The condition that asks for reasons and stands for all such, declared beforehand."""
SHOWS_FROM, RARE_BELOW, UNSURE_ABOVE = 0.5, 0.2, 0.5
"""`shows` where the whole interval lies at or above the first, `rarely` where it lies below the
second, `at times` between; nothing is said where it is wider than the third."""


BREAKS, TIMES, RARELY = "breaks down every option", "does at times", "rarely does"
"""The three things that a verdict can say for sure."""


class Standing(NamedTuple):
    """What the first screen says of one model."""

    model: str
    full: Estimate
    accuracy: Estimate
    shares: dict[Style, float]
    verdict: str
    sentence: str
    more: tuple[str, ...]
    examples: tuple[tuple[str, dict[str, str]], ...] = ()
    """Words, and the filter of the browser that shows such responses."""


def percent(value: float | None) -> str:
    """A share as people write it; never 0 % or 100 % of what is not quite none or all."""
    if value is None or value != value:
        return "no value"
    if 0 < value < 0.005:
        return "under 1\u202f%"
    if 0.995 < value < 1:
        return "over 99\u202f%"
    return f"{value * 100:.0f}\u202f%"


def with_interval(found: Estimate) -> str:
    """`83 % (76 to 88)`, or what is known of it."""
    if found.value is None:
        return "no value"
    if found.low is None or found.high is None:
        return percent(found.value)
    return f"{percent(found.value)} ({found.low * 100:.0f} to {found.high * 100:.0f})"


def p_value(p: float | None) -> str:
    """`p = 0.012`, `p < 0.0001`."""
    if p is None:
        return "not tested"
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def headline_condition(frame: pd.DataFrame) -> str:
    """`plain` where it was asked, else the first condition."""
    there = [str(name) for name in frame["condition"].drop_duplicates()]
    return "plain" if "plain" in there else there[0]


def asks_for(condition: str, frame: pd.DataFrame | None = None) -> str | None:
    """What this condition asks for beyond an answer; None if not known.

    Args:
        condition: a name of `probes.conditions`, or a user's own.
        frame: where a user's own that names its twin says what it asks for.
    """
    from starprobe.probes.conditions import get_condition
    from starprobe.probes.errors import UserError

    try:
        return get_condition(condition).asks
    except UserError:
        if frame is None or "twin" not in frame:
            return None
        own = frame[(frame["condition"] == condition) & (frame["twin"] != "")]
        return str(own["asks"].iloc[0]) if len(own) else None


def standing(frame: pd.DataFrame, model: str, condition: str) -> Standing | None:
    """What can be said of this model under this condition; None where it was not asked so.

    Args:
        frame: of `reports.frames.gather`.
        model: as shown.
        condition: usually the headline condition.
    """
    own = frame[frame["model"] == model]
    rows = own[own["condition"] == condition]
    if not len(rows):
        return None
    questions = rows["question_id"].to_numpy()
    full = rate(numbers(rows, "full"), questions)
    accuracy = rate(right_of_all(rows), questions)
    shares = {style: float((rows["style"] == style).mean()) for style in STYLES}
    how = ", unasked" if asks_for(condition, rows) == "nothing" else ""
    kind = "the" if condition == "imported" else condition
    sentence = f"gives a reason for every option in {with_interval(full)} of {kind} questions"
    more = [*_asked(own, condition), *_right(rows, accuracy, full.n)]
    examples = tuple(_examples(rows, model, condition))
    said = sentence + how
    return Standing(model, full, accuracy, shares, verdict(full), said, tuple(more), examples)


def _examples(
    rows: pd.DataFrame, model: str, condition: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """The responses that the sentence speaks of, then the others, a link a style."""
    for style in STYLES:
        count = int((rows["style"] == style).sum())
        if count:
            where = {"model": model, "condition": condition, "style": style}
            yield f"{STYLE_WORDS[style]} ({count:,})", where


def verdict(full: Estimate) -> str:
    """One of three words for a share of full breakdowns, by its interval."""
    if full.value is None or full.low is None or full.high is None:
        return "cannot be told"
    if full.high - full.low > UNSURE_ABOVE:
        return "too few questions to tell"
    if full.low >= SHOWS_FROM:
        return BREAKS
    if full.high < RARE_BELOW:
        return RARELY
    # Never seen, and yet it may well happen: neither can be said of so few.
    return TIMES if full.value else "too few questions to tell"


def headline(standings: Sequence[Standing], condition: str) -> str:
    """The answer to the page's question in one line."""
    how = ", unasked" if asks_for(condition) == "nothing" else ""
    if not any(one.verdict in (BREAKS, TIMES, RARELY) for one in standings):
        return "Too few questions to tell who breaks down every option"
    if len(standings) == 1:
        said = {
            BREAKS: f"This model breaks down every option{how}",
            TIMES: f"This model breaks down every option at times{how}",
            RARELY: f"This model rarely breaks down every option{how}",
        }
        return said[standings[0].verdict]
    count = _count(standings, BREAKS)
    # Where none does it as a rule, those that do it now and then are the news.
    often, count = ("", count) if count else (" at times", _count(standings, TIMES))
    words = "breaks" if count < 2 else "break"
    if not count:
        return f"None of the {len(standings)} models {words} down every option{how}"
    return f"{count} of {len(standings)} models {words} down every option{often}{how}"


def _count(standings: Sequence[Standing], verdict: str) -> int:
    return sum(one.verdict == verdict for one in standings)


def rest(standings: Sequence[Standing]) -> str:
    """What those do that the headline does not tell of, in a sentence; empty for one model."""
    if len(standings) < 2:
        return ""
    at_times = ((TIMES, "at times"),) if _count(standings, BREAKS) else ()
    kinds = (*at_times, (RARELY, "rarely"))
    parts = [
        f"{count} {'does' if count == 1 else 'do'} so {words}"
        for verdict, words in kinds
        if (count := _count(standings, verdict))
    ]
    unsure = sum(one.verdict not in (BREAKS, TIMES, RARELY) for one in standings)
    if unsure:
        parts.append(f"{unsure} answered too few questions to tell")
    joined = ", ".join(parts)
    return f"{joined[0].upper()}{joined[1:]}. " if joined else ""


def _asked(own: pd.DataFrame, headline: str) -> list[str]:
    """What it does where reasons are asked for and nothing is hinted: `scratchpad`, else the range.

    Never the highest of several conditions, which would be too high by chance alone.
    """
    found = {}
    for condition in own["condition"].drop_duplicates():
        rows = own[own["condition"] == condition]
        asked = asks_for(str(condition), own) == "reasons" and rows["hinted"].isna().all()
        if condition != headline and asked:
            share = rate(numbers(rows, "full"), rows["question_id"].to_numpy())
            if share.value is not None:
                found[str(condition)] = share
    if DECLARED in found or len(found) == 1:
        name = DECLARED if DECLARED in found else next(iter(found))
        return [f"asked to ({name}): {with_interval(found[name])}"]
    values = [share.value for share in found.values() if share.value is not None]
    if not values:
        return []
    return [f"asked to, in {len(values)} ways: {percent(min(values))} to {percent(max(values))}"]


def _right(rows: pd.DataFrame, accuracy: Estimate, questions: int) -> list[str]:
    """Accuracy, apart for each question set where there are several."""
    sets = [str(name) for name in rows["probes"].drop_duplicates()]
    if accuracy.value is None:
        return []
    if len(sets) == 1:
        over = "" if accuracy.n == questions else f", n = {accuracy.n}"
        return [f"right answer: {with_interval(accuracy)}{over}"]
    found = []
    for name in sets:
        part = rows[rows["probes"] == name]
        share = rate(right_of_all(part), part["question_id"].to_numpy())
        if share.value is not None:
            found.append(f"right on {name}: {with_interval(share)}")
    return found
