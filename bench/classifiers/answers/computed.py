"""A result that is worked out at the end and is the value of just one option.

Knows numbers only: the same value in another spelling ("6" for "6.0 kg") is the same.
"""

from __future__ import annotations

import re

from bench.classifiers.mentions import Document
from bench.classifiers.options import Options

_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_RESULT = re.compile(
    r"(?:=|\u2248|\bequals\b|\bis\b)[ $\\(]{0,4}(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"
    r"(?![\d.,]*\d)(?:[^=\d\n]{0,30})\Z"
)
WORDS = 5
"""Words that may follow the result: its unit."""


def computed(document: Document, options: Options) -> int | None:
    """The option with the value that the last sentence ends in, if its sentence calculates."""
    if not document.segments:
        return None
    segment = document.segments[-1]
    sentence = document.text[segment.content : segment.end]
    if "=" not in sentence and "\u2248" not in sentence:
        return None
    result = _RESULT.search(sentence.rstrip(" .!$)\\]}"), max(0, len(sentence) - 80))
    if result is None or len(sentence[result.end(1) :].split()) > WORDS:
        return None
    value = _value(result[1])
    fitting = [i for i, text in enumerate(options.texts) if value in _values(text)]
    return (
        fitting[0] if len(fitting) == 1 and _values(options.texts[fitting[0]]) == [value] else None
    )


def _values(text: str) -> list[float]:
    return [_value(number) for number in _NUMBER.findall(text[:80])]


def _value(number: str) -> float:
    return float(number.replace(",", ""))
