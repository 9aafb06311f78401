"""A result that the last sentence ends in, and that is the text or the value of just one option.

The same value in another spelling ("6" for "6.0 kg") is the same.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.records import DENY, SUPPOSES
from starprobe.bench.readers.answers.references import reference_at
from starprobe.bench.readers.mentions import Document
from starprobe.bench.readers.options import Options

_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_GIVES = re.compile(
    r"=|\u2248|\b(?:is|are|be|equals?|shows?|prints?|returns?|outputs?|displays?|gives?|yields?|"
    r"get|becomes?|produces?|makes?|means?|totals?|costs?|takes?|has|have)\b",
    re.I,
)
WORDS = 5
"""Words that may follow the result: its unit."""
REACH = 100
"""Characters before the end of the sentence in which its result begins."""


def computed(document: Document, options: Options) -> int | None:
    """The option that the last sentence ends in, as a value or as a whole text, denying nothing."""
    if not document.segments:
        return None
    segment, text = document.segments[-1], document.text
    begin = max(segment.content, segment.end - REACH)
    signs = list(_GIVES.finditer(text, begin, segment.end))
    if not signs or text[segment.end - 1] == "?":
        return None
    at = signs[-1].end()
    if DENY.search(text, segment.content, at) or SUPPOSES.search(text, segment.content, at):
        return None
    found = _by_value(text[at : segment.end], options)
    return _by_text(document, options, at) if found is None else found


def _by_value(rest: str, options: Options) -> int | None:
    """The only option with the number that stands first."""
    number = _NUMBER.match(rest, len(rest) - len(rest.lstrip(" $\\(`'\"")))
    if number is None or len(rest[number.end() :].split()) > WORDS:
        return None
    value = [_value(number[0])]
    fitting = [i for i, known in enumerate(options.texts) if _values(known) == value]
    return fitting[0] if len(fitting) == 1 else None


def _by_text(document: Document, options: Options, at: int) -> int | None:
    """The option whose text, a number or a sign, closes the sentence."""
    found = reference_at(document, options, at)
    if found is None or len(found.options) != 1 or found.options[0] not in options.weak:
        return None
    behind = document.text[found.end : document.segments[-1].end]
    return None if any(map(str.isalnum, behind)) else found.options[0]


def _values(text: str) -> list[float]:
    return [_value(number) for number in _NUMBER.findall(text[:80])]


def _value(number: str) -> float:
    return float(number.replace(",", ""))
