"""The stages that every reader of our own shares, from a text to evidence, and from there back.

`examine` runs them; a reader decides on what it finds; `verdict` puts the decisions into a record.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from starprobe.bench.readers.answers import (
    CROSSES,
    SPOKEN,
    TICKS,
    Answer,
    implied,
    outcome_of,
    stated,
)
from starprobe.bench.readers.attribution import DECLARES, INSIDE, Unit, units_of
from starprobe.bench.readers.base import Reading
from starprobe.bench.readers.cues import ANNOUNCES
from starprobe.bench.readers.derivation import derivation
from starprobe.bench.readers.evidence import Evidence, gather, spans_of
from starprobe.bench.readers.lexicon import JUDGE, STOP, words_in
from starprobe.bench.readers.mentions import FUZZY, Document, find
from starprobe.bench.readers.options import Options, prepare
from starprobe.bench.readers.styles import coverage_of, style_of
from starprobe.bench.readers.turns import own_end
from starprobe.bench.readers.words import OPENING, openings, words_of
from starprobe.bench.records import MULTI, Side, Treatment, TreatmentCode, Verdict

_REJECTING = re.compile(
    r"\b(?:other|others|remaining|rest|incorrect|wrong)\b[^.!?\n]{0,40}"
    r"(?:\bnot\b|n't\b|\bincorrect\b|\bwrong\b|\bless\b|\bfalse\b|:)|"
    r"\bwhy\b[^.!?\n]{0,20}\b(?:not|n't|others?|incorrect|wrong)\b",
    re.I,
)
_TURNING = words_in("other others remaining rest incorrect wrong why")
"""One of these stands wherever `_REJECTING` fits."""


COPIED = 0.6
"""Share of its runs of three words that makes a sentence a copy of the question."""
MIN_FOCUS = 3
"""Stems of what is asked for that make it a test which options can fail."""
_MARK = re.compile(f"[{TICKS}{CROSSES}]")


class Examined(NamedTuple):
    """All that is known of a response before anything is decided."""

    options: Options
    document: Document
    units: list[Unit]
    evidence: dict[int, Evidence]
    answer: Answer
    restated: frozenset[int]
    """Options that occur only in a copy of the option list."""
    loose: int
    """Distinct content stems outside of all units."""
    equations: int
    """Equals signs in them."""
    loose_tokens: int
    loose_numbers: int
    marked: dict[int, bool]
    """Options with a tick (True) or a cross on their line."""
    rejecting: int
    """Segment from which on options are taken up to be rejected: "why the others are wrong"."""
    answering: int
    """Segment that first declares the answer."""
    stem: str
    """The question as asked."""
    tested: bool
    """Of the answered option, outside of declarations, is said what is asked for."""


class Decision(NamedTuple):
    """What a reader decides of one option."""

    treatment: TreatmentCode
    side: Side | None
    probability: float
    """That it is reasoned about."""


def examine(reading: Reading) -> Examined:
    """Cut up, find, attribute and count. Never raises on any text."""
    options = prepare(reading.shown, reading.stem)
    document = find(reading.text[: own_end(reading.text, options.question)], options)
    units = units_of(document, options)
    answer = stated(document, options)
    if answer.answer is not None:
        units += derivation(document, options, units, answer.answer)
    evidence = gather(document, options, units)
    answer = implied(document, options, answer, evidence)
    restated = _restated(document, options, evidence)
    loose = _loose(document, options, units, reading.stem)
    chosen = evidence.get(-1 if answer.answer is None else answer.answer)
    tested = (
        chosen is not None
        and len(options.focus) >= MIN_FOCUS
        and any(
            count.focus >= SPOKEN and unit.how != DECLARES
            for unit, count in zip(chosen.units, chosen.counts, strict=True)
        )
    )
    return Examined(
        options,
        document,
        units,
        evidence,
        answer,
        restated,
        *loose,
        _marked(document),
        *_turns(document, chosen),
        reading.stem,
        tested,
    )


def _marked(document: Document) -> dict[int, bool]:
    found: dict[int, bool] = {}
    if not _MARK.search(document.text):
        return found
    for segment, mentions in zip(document.segments, document.mentions, strict=True):
        if mentions and segment.opens:
            begin = document.text.rfind("\n", 0, segment.start) + 1
            mark = _MARK.search(document.text, begin, segment.end)
            if mark:
                found[mentions[0].option] = mark[0] in TICKS
    return found


def _turns(document: Document, chosen: Evidence | None) -> tuple[int, int]:
    """The segments that turn to the rejected options, and that first declare the answer."""
    never = len(document.segments)
    rejecting = never
    if not _TURNING.isdisjoint(document.words):
        for index, segment in enumerate(document.segments):
            if _REJECTING.search(document.text, segment.start, segment.end):
                rejecting = index
                break
    units = chosen.units if chosen else []
    return rejecting, min((unit.segment for unit in units if unit.how == DECLARES), default=never)


def _restated(
    document: Document, options: Options, evidence: dict[int, Evidence]
) -> frozenset[int]:
    """Options that are only listed again, at least three or all, with nothing said of any."""
    listed = frozenset(option for option, found in evidence.items() if _only_listed(found))
    return listed if len(listed) >= min(3, len(options.labels)) else frozenset()


def _only_listed(found: Evidence) -> bool:
    named = False
    for unit, count in zip(found.units, found.counts, strict=True):
        named = named or unit.kind > FUZZY
        if unit.how == DECLARES or (unit.how == INSIDE and unit.shared > 2):
            continue
        if count.novel or count.asked or count.judge or count.symbols or count.negations:
            return False
    return named


def _loose(
    document: Document, options: Options, units: list[Unit], stem: str
) -> tuple[int, int, int, int]:
    """What stands outside of all units: stems, equations, tokens, numbers."""
    covered = bytearray(len(document.words))
    for unit in units:
        covered[unit.first : unit.stop] = b"\1" * (unit.stop - unit.first)
    stems: set[str] = set()
    equations = tokens = numbers = 0
    near = openings(options.question)
    for index, (first, stop) in enumerate(document.bounds):
        if covered.find(0, first, stop) < 0:
            continue
        segment = document.segments[index]
        own, fresh = [], set()
        for at in range(first, stop):
            if covered[at] or document.flags[at] & (STOP | JUDGE):
                continue
            key = document.stems[at]
            own.append(key)
            if key not in options.question and len(key) > 1 and key[:OPENING] not in near:
                fresh.add(key)
        signs = document.text.count("=", segment.start, segment.end)
        if not signs and _says_nothing(document, index, stem, own, fresh):
            continue
        equations += signs
        stems |= fresh
        tokens += len(own)
        numbers += sum(key[0].isdigit() for key in own)
    return len(stems), equations, tokens, numbers


@lru_cache(maxsize=512)
def runs_of(text: str) -> frozenset[tuple[str, ...]]:
    """Every three words in a row."""
    words = words_of(text)
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _says_nothing(
    document: Document, index: int, stem: str, own: list[str], fresh: set[str]
) -> bool:
    """Only announces what will be done, or only repeats the question."""
    segment = document.segments[index]
    if ANNOUNCES.match(document.text, segment.content, segment.end):
        return len(fresh) <= 4
    if len(own) < 5 or len(fresh) > len(own) // 5:
        return False
    first, stop = document.bounds[index]
    runs = set(zip(*(document.words[first + i : stop - 2 + i] for i in range(3)), strict=True))
    return len(runs & runs_of(stem)) >= COPIED * len(runs)


def verdict(
    reading: Reading,
    examined: Examined,
    decisions: dict[int, Decision],
    answer: Answer,
    general: bool,
    p_option_by_option: float | None,
    name: str,
) -> Verdict:
    """The record of these decisions, keyed by label."""
    labels = [shown.label for shown in reading.shown]
    treatments: dict[str, Treatment] = {}
    codes: dict[str, TreatmentCode] = {}
    for index, label in enumerate(labels):
        decision = decisions.get(index)
        if decision is None or decision.treatment == "none":
            treatments[label] = Treatment()
            codes[label] = "none"
            continue
        evidence = examined.evidence.get(index)
        spans = spans_of(examined.document, evidence.units) if evidence else ()
        treatments[label] = Treatment(treatment=decision.treatment, side=decision.side, spans=spans)
        codes[label] = decision.treatment
    said = MULTI if answer.multi else None if answer.answer is None else labels[answer.answer]
    return Verdict(
        id=reading.id,
        options=treatments,
        answer=said,
        outcome=outcome_of(
            reading.text, examined.document, examined.options, answer, reading.finish_reason
        ),
        general=general,
        style=style_of(codes, said, general),
        coverage=coverage_of(codes),
        p_option_by_option=p_option_by_option,
        classifier=name,
    )
