"""Numbers in free answers: finding the one that a text ends with, and comparing two.

GSM8K writes its key behind `####`; commas in thousands, currency and units are taken off.
"""

from __future__ import annotations

import re
from fractions import Fraction

_NUMBER = r"[-−]?\$? ?\d[\d,]*(?:\.\d+)?(?:/\d+)?"
_CLOSING = re.compile(rf"(?:answer is:?|####)\s*[^\d\n−-]{{0,12}}({_NUMBER})", re.IGNORECASE)
_ANY = re.compile(_NUMBER)


def closing_number(text: str) -> str | None:
    """The number of the last closing sentence (`The answer is 42.`); None where there is none."""
    found = _CLOSING.findall(text)
    return _plain(found[-1]) if found else None


def key_number(text: str) -> str | None:
    """The number of an answer key: behind `####`, or the last one of the text."""
    behind = text.rpartition("####")[2]
    found = _ANY.findall(behind)
    return _plain(found[-1]) if found else None


def numbers_of(text: str) -> list[str]:
    """Every number of a text, in order, without commas and currency."""
    return [_plain(found) for found in _ANY.findall(text)]


def same_number(found: str, key: str) -> bool:
    """Whether a number found equals an answer key's."""
    wanted = key_number(key)
    if wanted is None:
        return False
    left, right = _value(found), _value(wanted)
    return left is not None and left == right


def _plain(text: str) -> str:
    return text.replace(",", "").replace("$", "").replace(" ", "").replace("−", "-")


def _value(text: str) -> Fraction | None:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
