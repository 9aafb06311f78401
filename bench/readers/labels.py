"""Which letters and numbers of a response are labels of options, and which are other words.

"A basket" holds no label and "I think" none; "(A)", "**A)**", "Option A:", "A is wrong" and "A, C
and D" do. Knows one text with its tokens and segments, and the options.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

from starprobe.bench.readers.lexicon import (
    AFTER_LABEL,
    COPULA,
    NOT_LABEL_AFTER,
    OPTION_WORDS,
    ORDINALS,
)
from starprobe.bench.readers.numbering import without_numbering
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.segments import Segment
from starprobe.bench.readers.tokens import LABEL, LEAD, Document, Mention

_COORDINATION = re.compile(r"[)\]\"' ]*(?:,|&|/|,? ?\b(?:and|or|nor)\b)[(\[\"' ]*")
_COUNTED = frozenset({"option", "choice", "answer", "statement", "alternative"})
_SMALL = frozenset({"the", "for", "so", "as"})
_SIGNS = frozenset("&/+=<>^_$%~\\{}|")


class Spot(NamedTuple):
    """A place where the form of a label stands, and what is around it."""

    form: str
    start: int
    end: int
    token: int
    segment: Segment
    previous: str
    """The word before, however far."""
    before: str
    """The sign before, past blanks and quotes; empty at the start of the text."""
    after: str
    """Up to three characters behind."""
    opens: bool
    """Nothing but signs stands before it in its segment."""
    exact: bool
    """In the very case of the label."""


def find_labels(document: Document, options: Options) -> list[Mention]:
    """Every label of the text that is used as a label, in order."""
    found: list[Mention] = []
    starts, segments = document.starts, document.segments
    if not segments:
        return found
    token = place = 0
    for match in options.label_pattern.finditer(document.text):
        start, end = match.span()
        while place < len(segments) - 1 and segments[place].end <= start:
            place += 1
        token = bisect_left(starts, start, token)
        if options.scheme != "word" and _is_article(document, start, end, token):
            continue
        spot = _spot(document, options, start, end, token, segments[place])
        kind = _kind(document, options, spot, found)
        if kind:
            stop = bisect_left(starts, end, token)
            found.append(Mention(options.by_label[spot.form], token, stop, start, end, kind, 1.0))
    return without_numbering(document, options, found) if options.scheme == "digit" else found


def _is_article(document: Document, start: int, end: int, token: int) -> bool:
    """A small letter before a word, as most are: told at once, for they are frequent."""
    text = document.text
    if text[end : end + 1] != " " or not text[end + 1 : end + 2].isalpha():
        return False
    if not text[start:end].islower() or text[start - 1 : start] in ("(", "["):
        return False
    return not token or document.words[token - 1] not in OPTION_WORDS


def find_ordinals(document: Document, options: Options, first: int, stop: int) -> list[Mention]:
    """Such as "The second option": a label in words, between two tokens."""
    words = document.words
    return [
        Mention(place, at, at + 2, document.starts[at], document.ends[at + 1], LABEL, 1.0)
        for at in range(first, stop - 1)
        if words[at + 1] in _COUNTED
        and (place := _place(words[at], len(options.labels))) is not None
    ]


def _place(word: str, count: int) -> int | None:
    place = count - 1 if word == "last" else ORDINALS.get(word)
    return place if place is not None and 0 <= place < count else None


def _spot(
    document: Document, options: Options, start: int, end: int, token: int, segment: Segment
) -> Spot:
    text = document.text
    head = text[max(segment.start, start - 14) : start]
    form = text[start:end]
    return Spot(
        form,
        start,
        end,
        token,
        segment,
        document.words[token - 1] if token else "",
        text[max(0, start - 3) : start].rstrip(" \"'")[-1:],
        text[end : end + 3],
        start - segment.start <= 14 and not any(map(str.isalnum, head)),
        form in options.labels,
    )


def _kind(document: Document, options: Options, spot: Spot, found: list[Mention]) -> int:
    """LEAD, LABEL, or 0 for a word like any other."""
    if _is_named(document, spot):
        return _named_kind(document, spot)
    closing = spot.after.lstrip(" \"'")[:1]
    if spot.before in ("(", "[") and closing in (")", "]") and closing:
        return _enclosed_kind(document, options, spot)
    if spot.after[:1] == ")" and spot.before in ("", ".", ",", ";", ":", "-", "|", "\n"):
        return _bracketed_kind(options, spot)
    if spot.opens:
        kind = _opening_kind(options, spot, closing)
        if kind:
            return kind
    if not spot.exact or spot.form.isdigit() or options.scheme == "lower":
        return 0
    if spot.after[:2] in (". ", ": ") and spot.form.isupper() and _starts(document, spot):
        return LEAD
    return _bare_kind(document, options, spot, found)


def _is_named(document: Document, spot: Spot) -> bool:
    """Right behind "option", "choice", "answer"."""
    if not spot.token or spot.previous not in OPTION_WORDS:
        return False
    end = document.ends[spot.token - 1]
    return spot.start - end <= 4 and "\n" not in document.text[end : spot.start]


def _named_kind(document: Document, spot: Spot) -> int:
    closing = spot.after.lstrip(" \"'")[:1]
    verb = spot.token + 1 >= len(document.words) or document.flags[spot.token + 1] & COPULA
    if spot.form == "a" and closing not in tuple(").:,-]") and closing and not verb:
        return 0
    if spot.form == "I" and spot.after[:1] == " " and closing.islower():
        # "The option I chose"; but "Option I holds water".
        label = verb or document.text[document.starts[spot.token - 1]].isupper()
        if not label:
            return 0
    near = spot.start - spot.segment.content <= 18
    return LEAD if near and _only_option_words(document, spot) else LABEL


def _only_option_words(document: Document, spot: Spot) -> bool:
    at = spot.token - 1
    while at >= 0 and document.starts[at] >= spot.segment.content:
        if document.words[at] not in OPTION_WORDS and document.words[at] not in _SMALL:
            return False
        at -= 1
    return True


def _enclosed_kind(document: Document, options: Options, spot: Spot) -> int:
    """Such as "(A)" and "[A]"; "f(A)" is a function."""
    text = document.text
    touches = spot.token and text[document.ends[spot.token - 1] : spot.start] == "("
    if touches and len(spot.previous) == 1:
        return 0
    if spot.form in options.enumerated and not (spot.opens and spot.exact):
        return 0
    if not spot.exact and (spot.form.lower() in "ivx" or options.scheme == "digit"):
        return 0
    if spot.form.isdigit() and not spot.opens:
        return LABEL
    return LEAD if spot.opens or _starts(document, spot) else LABEL


def _bracketed_kind(options: Options, spot: Spot) -> int:
    """Such as "A)" at the start of something."""
    if spot.form.isdigit():
        return LEAD if spot.opens else 0
    if spot.exact or options.scheme in ("upper", "lower"):
        return LEAD if spot.opens or spot.before in (".", ";", ":") else LABEL
    return 0


def _opening_kind(options: Options, spot: Spot, closing: str) -> int:
    """Such as "A. text", "A: text", "A - text", a line that is only "A", a JSON key."""
    marked = spot.after[:1] in tuple(".:|)]") or spot.after[:2] in (" -", " :", " |", " =")
    if marked and (spot.exact or (options.scheme == "lower" and spot.form.isupper())):
        return LEAD
    if not spot.exact:
        return 0
    if spot.end >= spot.segment.end or closing == "\n":
        alone = spot.segment.end - spot.segment.start <= 4
        return LEAD if alone or not spot.form.isdigit() else 0
    return LEAD if spot.before == "" and spot.after[:1] == '"' else _keyed(spot)


def _keyed(spot: Spot) -> int:
    return LEAD if spot.after[:2] == '":' else 0


def _starts(document: Document, spot: Spot) -> bool:
    """A sentence begins here."""
    before = document.text[max(0, spot.start - 6) : spot.start].rstrip(" ([\"'")
    return before == "" or before[-1:] in ".?!;:\n"


def _bare_kind(document: Document, options: Options, spot: Spot, found: list[Mention]) -> int:
    """A capital letter, or a longer label, that stands alone inside a sentence."""
    text, start, end = document.text, spot.start, spot.end
    around = text[max(0, start - 2) : start].rstrip()[-1:] + text[end : end + 2].lstrip()[:1]
    if not _SIGNS.isdisjoint(around) or "-" in text[max(0, start - 1) : end + 1]:
        return 0
    if len(spot.form) > 1:
        return LABEL if spot.form.isupper() and spot.form not in options.texts else 0
    if (
        found
        and 0 < start - found[-1].end <= 7
        and _COORDINATION.fullmatch(text, found[-1].end, start)
    ):
        return LABEL
    if "=" in text[start - 80 if start > 80 else 0 : end + 80] or spot.form == "I":
        return 0
    if spot.form in options.content_letters or spot.previous in NOT_LABEL_AFTER:
        return 0
    if spot.form != "A" or text[end : end + 3].lstrip(" ")[:1] in ("", *".,;:)?!"):
        return LABEL
    following = document.words[spot.token + 1] if spot.token + 1 < len(document.words) else ""
    return LABEL if following in AFTER_LABEL else 0
