"""Text -> tokens and segments: sentences, list items, headings, rows, JSON fields.

Knows nothing of options, except that a single letter before a full stop ends no sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import accumulate, repeat
from typing import NamedTuple

from starprobe.bench.readers.text.words import FLAGS, TOKEN, normalise, stem, word_set

_LINE = re.compile(r"[^\n]+")
_MARKER = re.compile(
    r"(?:[ >|]*+(?:-{1,3}+(?=[ (])|\+ |#{1,6}+|[{\[,](?= {0,4}[\"'{\[])|"
    r"[\"'](?=[\w(\[]))){0,4}+[ >|\"']*+"
)
_NUMBER = re.compile(
    r"(?:(?:step|point|item) {1,3})?[(\[]?(\d{1,3})[.):\]](?: ?[-:])? {1,9}(?=\D)|"
    r"step {1,3}\d{1,3} {0,3}[:.)-]++ {0,3}",
    re.I,
)
_END = re.compile(r"[.!?]['\")\]]*(?= +\S|$)")
_STARTERS = re.compile(
    r" *['\"(]*(?:so|therefore|thus|this|these|the|it|because|however|hence|explanation|reason|in|"
    r"here|we|i|based|that|although|while|since|since|option|choice|answer|my|note|step|let|for|"
    r"and|but|question|q|a)\b",
    re.I,
)
_ABBREVIATIONS = word_set(
    "e.g i.e vs etc dr mr mrs ms prof st no fig eq al cf approx inc ltd co u.s u.k jr sr ca"
)
_LONG = frozenset({"prof", "prox"})
"""The ends of those of more than three letters."""
_LAST_WORD = re.compile(r"[\w.]+$")
_FIELD = re.compile(r"\"(?P<key>\w[\w -]{0,40})\" {0,4}: {0,4}")
LABEL_KEY = 4
MAX_SENTENCE = 4000
"""Characters after which a sentence is cut, so that a text without full stops stays linear."""


class Segment(NamedTuple):
    """One stretch of text that says one thing."""

    start: int
    end: int
    """[start, end) in characters, without surrounding blanks."""
    content: int
    """Where the words begin, after a bullet, a number or a quote mark."""
    kind: str
    """sentence, item, heading, row or field."""
    line: int
    paragraph: int
    opens: bool
    """First of its line."""
    number: int
    """Of a numbered item; 0 for none."""
    indent: int
    key: str
    """Of a JSON field; empty for none."""


def split(text: str) -> list[Segment]:
    """The segments of a normalised text, in order and apart. Linear in the length of the text."""
    segments: list[Segment] = []
    paragraph, previous_end = 0, 0
    is_json = text[:400].lstrip(" \n`'jsonJSON").startswith(("{", "["))
    for number, line in enumerate(_LINE.finditer(text)):
        start, end = line.span()
        while end > start and text[end - 1] == " ":
            end -= 1
        if start == end or not any(map(str.isalnum, text[start:end])):
            continue
        if text.count("\n", previous_end, start) > 1:
            paragraph += 1
        previous_end = end
        if is_json and '"' in line[0]:
            segments += _fields(text, start, end, number, paragraph)
        else:
            segments += _sentences(text, start, end, number, paragraph)
    return segments


def _fields(text: str, start: int, end: int, line: int, paragraph: int) -> list[Segment]:
    """The values of one line of JSON, each with its key."""
    keys = list(_FIELD.finditer(text, start, end))
    if not keys:
        return _sentences(text, start, end, line, paragraph)
    found: list[Segment] = []
    if keys[0].start() > start and any(map(str.isalnum, text[start : keys[0].start()])):
        found += _sentences(text, start, keys[0].start(), line, paragraph)
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        stop = following.start() if following else end
        name = key["key"].strip().lower()
        # A short key may be a label; it then is part of what it says.
        begin = key.start() if len(name) <= LABEL_KEY else key.end()
        found += _sentences(text, begin, stop, line, paragraph, name)
    return found


def _sentences(
    text: str, start: int, end: int, line: int, paragraph: int, key: str = ""
) -> list[Segment]:
    """The sentences of one line."""
    indent = 0
    while start < end and text[start] == " ":
        start += 1
        indent += 1
    marker = _MARKER.match(text, start, end)
    content = marker.end() if marker else start
    number = _NUMBER.match(text, content, end)
    kind = _kind(text, start, content, end, bool(number), key)
    words = number.end() if number else content
    value = int(number[1]) if number and number[1] else 0
    found: list[Segment] = []
    at, opens = start, True
    for stop in _stops(text, words, end) if kind != "row" else [end]:
        if any(map(str.isalnum, text[at:stop])):
            begin = words if opens else at
            found.append(Segment(at, stop, begin, kind, line, paragraph, opens, value, indent, key))
            opens = False
        at = stop
        while at < end and text[at] == " ":
            at += 1
    return found


def _kind(text: str, start: int, content: int, end: int, numbered: bool, key: str) -> str:
    marks = text[start:content]
    if key:
        return "field"
    if "#" in marks:
        return "heading"
    if text.count("|", start, end) >= 2:
        return "row"
    if numbered or "-" in marks or "+" in marks:
        return "item"
    return "sentence"


def _stops(text: str, start: int, end: int) -> list[int]:
    """Where the sentences between start and end end; the last is `end`."""
    stops, begin = [], start
    for match in _END.finditer(text, start, end):
        stops_here = text[match.start()] != "." or _is_stop(text, begin, match)
        if not stops_here and match.end() - begin < MAX_SENTENCE:
            continue
        if match.end() < end:
            stops.append(match.end())
            begin = match.end()
    return [*stops, end]


def _is_stop(text: str, begin: int, match: re.Match[str]) -> bool:
    at = match.start()
    tail = text[max(begin, at - 4) : at]
    if len(tail) == 4 and tail.isalpha() and tail.lower() not in _LONG:
        return not text[match.end() : match.end() + 24].lstrip(" '\"(")[:1].islower()
    before = _LAST_WORD.search(text, max(begin, at - 12), at)
    word = before[0] if before else ""
    following = text[match.end() : match.end() + 24].lstrip(" '\"(")
    if word.lower() in _ABBREVIATIONS:
        # "no. 5" is a number; "so no. Mars ..." ends a sentence.
        return word.lower() == "no" and not following[:1].isdigit()
    if len(word) == 1 and word.isalpha():
        # "A. Snort" opens an option; "the answer is A. So ..." ends a sentence.
        return at - begin > 8 and bool(_STARTERS.match(following))
    if word.isdigit() and at - begin <= 4:
        return False
    return not following[:1].islower()


LEAD = 4
"""A label at the beginning of a line or of a sentence: "A.", "(b)", "**C)**", "Option D:"."""
LABEL = 3
TEXT = 2
FUZZY = 1
"""Most of the telling words of the option, in one segment."""


class Mention(NamedTuple):
    """One reference to one option."""

    option: int
    first: int
    """First token."""
    stop: int
    """One past the last token."""
    start: int
    end: int
    """Characters."""
    kind: int
    score: float
    """Share of the option's telling words; 1 for a label or the whole text."""


class Document(NamedTuple):
    """A response cut into tokens and segments, with the mentions of each segment."""

    raw: str
    text: str
    """Normalised: as long as the original."""
    words: list[str]
    stems: list[str]
    flags: list[int]
    starts: list[int]
    ends: list[int]
    segments: list[Segment]
    bounds: list[tuple[int, int]]
    """Of each segment: its first token (after a marker) and one past its last."""
    mentions: list[list[Mention]]
    """Of each segment, in order, apart."""


_PARTS = re.compile(f"({TOKEN.pattern})", TOKEN.flags)
"""Cuts a text into what stands between tokens and tokens, by turns."""


def cut(raw: str) -> Document:
    """The tokens and segments of a text, without mentions."""
    plain = normalise(raw)
    parts = _PARTS.split(plain)
    bounds = list(accumulate(map(len, parts)))
    words, starts, ends = list(map(str.lower, parts[1::2])), bounds[0:-1:2], bounds[1::2]
    flags = list(map(FLAGS.get, words, repeat(0)))
    segments = split(plain)
    document = Document(
        raw, plain, words, list(map(stem, words)), flags, starts, ends, segments, [], []
    )
    _bound(document)
    return document


def _bound(document: Document) -> None:
    at, starts = 0, document.starts
    for segment in document.segments:
        first = bisect_left(starts, segment.content, at)
        at = bisect_left(starts, segment.end, first)
        document.bounds.append((first, at))
