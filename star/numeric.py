"""Numbers in free answers: finding the one that a text ends with, and comparing two.

GSM8K writes its key behind `####`; commas in thousands, currency and units are taken off.
"""

from __future__ import annotations

import re
from fractions import Fraction

_NUMBER = r"(?:(?<![\d)])[-−](?=[\d$]))?(?:\$ ?)?\d[\d,]*(?:\.\d+)?(?:/\d+)?"
_SUM = r"(?:(?:[^\n=.]|\.(?=\d)){0,60}= *)*"
"""`5 + 3 = ` in `The answer is 5 + 3 = 8.`"""
_CLOSING = re.compile(
    rf"(?:answer is:?|####|\\boxed\{{)\s*{_SUM}[^\d\n−-]{{0,12}}({_NUMBER})", re.IGNORECASE
)
_ANY = re.compile(_NUMBER)


def closing_number(text: str) -> str | None:
    r"""The number of the last closing sentence (`The answer is 42.`); None where there is none.

    `#### 42` and `\boxed{42}` close a text as well.
    """
    found = _CLOSING.findall(text)
    return _plain(found[-1]) if found else None


def last_number(text: str) -> str | None:
    """The last number of a text, whatever stands around it."""
    found = numbers_of(text)
    return found[-1] if found else None


def key_number(text: str) -> str | None:
    """The number of an answer key: behind `####`, or the last one of the text."""
    return last_number(text.rpartition("####")[2])


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
    """One way of writing a number: no commas, currency, or noughts behind the point."""
    bare = text.replace(",", "").replace("$", "").replace(" ", "").replace("−", "-")
    value = _value(bare)
    if value is None or "/" in bare:
        return bare
    return str(value.numerator) if value.denominator == 1 else bare.rstrip("0")


def _value(text: str) -> Fraction | None:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
