"""Where a response refers to an option: by label, by text, or by most of its words.

Knows segments and options; does not know what is said about an option.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import accumulate, repeat

from starprobe.bench.readers.labels import find_labels, find_ordinals
from starprobe.bench.readers.lexicon import COPULA, FLAGS, ORDINAL_WORDS
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.segments import Segment, split
from starprobe.bench.readers.texts import (
    TELLING,
    telling_places,
    with_fuzzy,
    with_literals,
    with_texts,
)
from starprobe.bench.readers.tokens import FUZZY, LABEL, LEAD, TEXT, Document, Mention
from starprobe.bench.readers.words import TOKEN, normalise, stem

__all__ = ["FUZZY", "LABEL", "LEAD", "TELLING", "TEXT", "Document", "Mention", "find"]

_PARTS = re.compile(f"({TOKEN.pattern})", TOKEN.flags)
"""Cuts a text into what stands between tokens and tokens, by turns."""
_NEXT_QUESTION = re.compile(r"\n(?:Q|Question|Q\d{1,3}|Question \d{1,3}) {0,3}[:.] {0,3}\S")
_BEFORE, _AFTER = frozenset("=+/^<>\u00d7\u00f7*"), frozenset("+/^<>=\u00d7\u00f7*")
_QUANTITY = re.compile(r"[^\w\s]{0,2}\d[\d.,:]*[^\w\s]{0,2} ?[^\W\d]*[^\w\s]{0,2}\Z")
"""A number with or without a unit."""
_CONCLUDING = frozenset({"answer", "therefore", "thus", "hence", "so", "option", "choice"})


def find(text: str, options: Options) -> Document:
    """The response cut up, with every mention of an option."""
    plain = normalise(text)
    plain = plain[: _own_end(plain)]
    document = _cut(plain)
    labels = find_labels(document, options)
    counted = not ORDINAL_WORDS.isdisjoint(document.words)
    telling = telling_places(document, options)
    at = place = 0
    for segment, (first, stop) in zip(document.segments, document.bounds, strict=True):
        own: list[Mention] = []
        while at < len(labels) and labels[at].start < segment.end:
            if labels[at].start >= segment.start:
                own.append(labels[at])
            at += 1
        if counted and (ordinals := find_ordinals(document, options, first, stop)):
            own = sorted([*own, *ordinals], key=lambda mention: mention.first)
        while place < len(telling) and telling[place] < first:
            place += 1
        begin = place
        while place < len(telling) and telling[place] < stop:
            place += 1
        if place > begin:
            own = with_texts(document, options, own, telling[begin:place], stop)
        if options.literal:
            own = with_literals(document, options, own, segment)
        if place > begin:
            own = with_fuzzy(document, options, own, telling[begin:place], first)
        document.mentions.append(_without_weak(document, options, own, segment, first))
    return document


def _cut(plain: str) -> Document:
    """The tokens and segments of a normalised text, without mentions."""
    parts = _PARTS.split(plain)
    bounds = list(accumulate(map(len, parts)))
    words, starts, ends = list(map(str.lower, parts[1::2])), bounds[0:-1:2], bounds[1::2]
    flags = list(map(FLAGS.get, words, repeat(0)))
    segments = split(plain)
    document = Document(plain, words, list(map(stem, words)), flags, starts, ends, segments, [], [])
    _bound(document)
    return document


def _without_weak(
    document: Document, options: Options, found: list[Mention], segment: Segment, first: int
) -> list[Mention]:
    """A number or a "yes" refers to an option only where it heads or closes a sentence's claim."""
    if not any(mention.kind == TEXT for mention in found):
        return found
    kept = []
    for mention in found:
        if mention.kind == TEXT and (
            mention.option in options.weak or _QUANTITY.match(options.texts[mention.option])
        ):
            heads = mention.first - first <= 1 and document.text[
                mention.end : mention.end + 2
            ].lstrip(" )\"'")[:1] in (":", "-", ",", "")
            heads = heads or (mention.first - first <= 1 and _is_subject(document, mention))
            closes = segment.end - mention.end <= 25 and _concludes(document, first, mention.first)
            if (not heads and not closes) or _in_working(document, segment, mention):
                continue
        kept.append(mention)
    return kept


def _is_subject(document: Document, mention: Mention) -> bool:
    """A verb follows: "the amount of water is ..."."""
    at = mention.stop
    return at < len(document.flags) and bool(document.flags[at] & COPULA)


def _in_working(document: Document, segment: Segment, mention: Mention) -> bool:
    """A number of a calculation: a sign of one stands right beside it."""
    text = document.text
    before = text[max(segment.start, mention.start - 3) : mention.start].rstrip(" $(\\")[-1:]
    after = text[mention.end : min(segment.end, mention.end + 4)].lstrip(" $)%\\")[:1]
    return before in _BEFORE or after in _AFTER


def _concludes(document: Document, first: int, stop: int) -> bool:
    return not _CONCLUDING.isdisjoint(document.words[first:stop])


def _own_end(text: str) -> int:
    """Where a base model, having answered, goes on to ask itself the next question."""
    for match in _NEXT_QUESTION.finditer(text):
        before = text[: match.start()].strip()
        if before and (len(before) <= 60 or "answer" in before.lower()):
            return match.start()
        if match.start() > 20_000:
            break
    return len(text)


def _bound(document: Document) -> None:
    at, starts = 0, document.starts
    for segment in document.segments:
        first = bisect_left(starts, segment.content, at)
        at = bisect_left(starts, segment.end, first)
        document.bounds.append((first, at))
