"""Plain-language verdicts: numbers with intervals as words. Knows no HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from starprobe.bench.annotations.checked import CheckedMetric, ReaderCheck
from starprobe.bench.metrics.compare import said
from starprobe.bench.records import STYLES, Comparison, Metric, Outcome, Style
from starprobe.bench.records import Standing as Rank
from starprobe.bench.results import ReaderRange
from starprobe.bench.statistics.intervals import Estimate
from starprobe.reports.evidence import Results

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
NUMBERS = {"tokens", "chars", "covered_per_100_tokens", "latency_s", "cost"}
"""Metrics that are no shares."""
DECLARED = "scratchpad"
"""The condition that asks for reasons and stands for all such, declared beforehand."""
SHOWS_FROM, RARE_BELOW, UNSURE_ABOVE = 0.5, 0.2, 0.5
"""`shows` where the whole interval lies at or above the first, `rarely` where it lies below the
second, `at times` between; nothing is said where it is wider than the third."""


BREAKS, TIMES, RARELY = "breaks down every option", "does at times", "rarely does"
"""The three things that a verdict can say for sure."""

Shown = Estimate | Metric | CheckedMetric
"""A share with its interval."""


class Standing(NamedTuple):
    """What the first screen says of one model."""

    model: str
    full: Shown
    accuracy: Shown
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


def with_interval(found: Shown) -> str:
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


def short_p(p: float) -> str:
    """`0.012`, `< 0.0001`."""
    return p_value(p).removeprefix("p = ").removeprefix("p ")


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


def standing(results: Results, frame: pd.DataFrame, model: str, condition: str) -> Standing | None:
    """What can be said of this model under this condition; None where it was not asked so.

    Args:
        results: the numbers.
        frame: of `reports.evidence.gather`, for examples.
        model: as shown.
        condition: usually the headline condition.
    """
    own = frame[frame["model"] == model]
    rows = own[own["condition"] == condition]
    found = results.of(model, condition)
    if not len(rows) or not found:
        return None
    full, accuracy = found["full_breakdown"], found["accuracy"]
    shares = {style: found[f"style_{style}"].value or 0.0 for style in STYLES}
    how = ", unasked" if asks_for(condition, rows) == "nothing" else ""
    kind = "the" if condition == "imported" else condition
    sentence = f"gives a reason for every option in {with_interval(full)} of {kind} questions{how}"
    checked = results.checked(model, condition, "full_breakdown")
    more = [
        *([f"as labelled: {with_interval(checked)}, {checked.labels} labels"] if checked else []),
        *_asked(results, own, condition),
        *_right(results.by_set(model, condition, "accuracy"), accuracy, full.n),
    ]
    examples = tuple(_examples(rows, model, condition))
    return Standing(model, full, accuracy, shares, verdict(full), sentence, tuple(more), examples)


TRANSFER = {
    "PASS": "The reader’s error here is within",
    "FAIL": "The reader’s error here is beyond",
    "INCONCLUSIVE": "Too few labels to say whether the reader’s error here is within",
}


def reader_check(
    check: ReaderCheck, folder: str, ranges: Sequence[ReaderRange] = ()
) -> tuple[str, str]:
    """(verdict, sentences): whether the reader can be believed on these responses."""
    first = check.transfer[0]
    if first.verdict != "NOT CHECKED":
        by = ", ".join(check.by) + (" (a model)" if check.machine else "")
        error = ""
        if first.error is not None and first.low is not None and first.high is not None:
            value, low, high = (round(100 * end) for end in (first.error, first.low, first.high))
            error = f": it says “every option” {value} points too often ({low} to {high})"
        return (
            first.verdict,
            f"{TRANSFER[first.verdict]} {100 * check.margin:.0f} points{error}; {first.labels} "
            f"labels by {by}.",
        )
    total = sum(row.responses for row in check.unlabelled)
    hints = []
    unsure = [row for row in check.unlabelled if row.grey is not None]
    if unsure:
        grey = sum((row.grey or 0) * row.responses for row in unsure)
        share = grey / sum(row.responses for row in unsure)
        hints.append(f"{percent(share)} were read with a probability between 0.1 and 0.9")
    if total:
        unlike = sum(row.unlike * row.responses for row in check.unlabelled) / total
        hints.append(f"{percent(unlike)} are unlike the texts that the reader was fitted on")
        unclaimed = sum(row.unclaimed * row.responses for row in check.unlabelled) / total
        hints.append(
            f"{percent(unclaimed)} hardly speak of any option (of those texts "
            f"{percent(check.unlabelled[0].unclaimed_trained)})"
        )
    widest = max((row.range for row in ranges), default=None)
    if widest is not None:
        hints.append(
            f"and the share of full breakdowns differs by up to {100 * widest:.0f} points between "
            f"readers"
        )
    told = f" Of these responses {', '.join(hints)}." if hints else ""
    return (
        first.verdict,
        f"Every number is as read by {check.reader}, which nobody has checked on these responses."
        f"{told} To check it (50 responses, about 15 minutes): starprobe annotate {folder} --n 50 "
        f"--page label.html",
    )


def _examples(
    rows: pd.DataFrame, model: str, condition: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """The responses that the sentence speaks of, then the others, a link a style."""
    for style in STYLES:
        count = int((rows["style"] == style).sum())
        if count:
            where = {"model": model, "condition": condition, "style": style}
            yield f"{STYLE_WORDS[style]} ({count:,})", where


def verdict(full: Shown) -> str:
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


def _asked(results: Results, own: pd.DataFrame, headline: str) -> list[str]:
    """What it does where reasons are asked for and nothing is hinted: `scratchpad`, else the range.

    Never the highest of several conditions, which would be too high by chance alone.
    """
    found = {}
    for condition, rows in own.groupby("condition", sort=False):
        asked = asks_for(str(condition), own) == "reasons" and rows["hinted"].isna().all()
        metrics = results.of(str(own["model"].iloc[0]), str(condition))
        if condition != headline and asked and metrics:
            share = metrics["full_breakdown"]
            if share.value is not None:
                found[str(condition)] = share
    if DECLARED in found or len(found) == 1:
        name = DECLARED if DECLARED in found else next(iter(found))
        return [f"asked to ({name}): {with_interval(found[name])}"]
    values = [share.value for share in found.values() if share.value is not None]
    if not values:
        return []
    return [f"asked to, in {len(values)} ways: {percent(min(values))} to {percent(max(values))}"]


def _right(sets: Mapping[str, Metric], accuracy: Shown, questions: int) -> list[str]:
    """Accuracy, apart for each question set where there are several."""
    if accuracy.value is None:
        return []
    if not sets:
        over = "" if accuracy.n == questions else f", n = {accuracy.n}"
        return [f"right answer: {with_interval(accuracy)}{over}"]
    return [
        f"right on {name}: {with_interval(one)}"
        for name, one in sets.items()
        if one.value is not None
    ]


def groups_of(standings: Sequence[Rank]) -> list[list[Rank]]:
    """The models in groups: each of a group is told apart from each of every other group."""
    found: list[list[Rank]] = []
    taken, lowest = 0, 0
    for one in standings:
        if taken >= lowest:
            found.append([])
        found[-1].append(one)
        taken, lowest = taken + 1, max(lowest, one.worst_rank)
    return found


def ranking(standings: Sequence[Rank], pairs: Sequence[Comparison]) -> str:
    """What the ranks leave open, in a sentence; empty for one model."""
    groups, primary = groups_of(standings), [row for row in pairs if row.role == "primary"]
    if len(standings) < 2:
        return ""
    if len(standings) == 2 and primary:
        return f"{one_pair(primary[0])} "
    if len(groups) == len(standings):
        return f"All {len(standings)} models are told apart. "
    if len(groups) == 1:
        limits = [row.detectable for row in primary if row.detectable is not None]
        over = f"; differences from {100 * max(limits):.0f} points would show" if limits else ""
        return f"No model stands above or below all others: the order is undecided{over}. "
    return (
        f"Ranked in {len(groups)} groups: models of one group are not all told apart, those of two "
        f"groups are. "
    )


def one_pair(row: Comparison) -> str:
    """Two models in a sentence."""
    two, one = row.model_after, row.model_before
    if row.verdict in ("more", "less"):
        return f"{two} does so {row.verdict} often than {one}: {change(row)}, {p_value(row.p)}."
    if row.verdict == "alike":
        return f"{two} and {one} do so alike: {change(row)}, inside the margin."
    return f"Between {one} and {two} it is {said(row)}."


def change(row: Comparison) -> str:
    """`+83 points (76 to 88)`."""
    if row.difference is None:
        return "no value"
    limits = ""
    if row.low is not None and row.high is not None:
        low, high = (signed(row.metric, end).removesuffix(" points") for end in (row.low, row.high))
        limits = f" ({low} to {high})"
    return f"{signed(row.metric, row.difference)}{limits}"


def signed(name: str, value: float) -> str:
    """`+83 points`, `−12.4`."""
    amount = f"{abs(value) * 100:.0f}" if is_share(name) else f"{abs(value):.3g}"
    sign = "" if float(amount) == 0 else "+" if value > 0 else "−"
    return f"{sign}{amount} points" if is_share(name) else f"{sign}{amount}"


def is_share(name: str) -> bool:
    """Whether a metric runs from 0 to 1 and reads as a percentage."""
    return name not in NUMBERS
