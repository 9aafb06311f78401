"""What can be checked of a text without a model: its closing number, and the equations in it.

GSM8K writes its key behind `####`; commas in thousands, currency and units are taken off. Right
answers from wrong steps are what a trainer must not learn; steps of some forms can be told (the
equation check of Yuan et al. 2023, section 3).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

_NUMBER = r"(?:(?<![\d)])[-−](?=[\d$]))?(?:\$ ?)?\d[\d,]*(?:\.\d+)?(?:/\d+)?"
_LEFT_SIDE = r"(?:(?:[^\n=.]|\.(?=\d)){0,60}= *)*"
"""`5 + 3 = ` in `The answer is 5 + 3 = 8.`"""
_CLOSING = re.compile(
    rf"(?:answer is:?|####|\\boxed\{{)\s*{_LEFT_SIDE}[^\d\n−-]{{0,12}}({_NUMBER})", re.IGNORECASE
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


_N = r"(-?\d+(?:\.\d+)?)"
_SUM = re.compile(rf"(?<![\d.])((?:{_N} *[-+x×*/÷] *)+{_N}) *= *{_N}(?![\d.]*\d)")
_TERM = re.compile(rf"(?:(?<=[\d ])([-+x×*/÷]) *)?{_N}")
"""A number with the sign that joins it to what is before, if anything is: its own may follow."""
_MORE = re.compile(rf"{_N} is {_N} (more|less|larger|smaller|greater) than {_N}")
_THAN = re.compile(
    rf"{_N} is ((?:more|less|larger|smaller|greater|bigger|higher|lower) than|above|below) "
    rf"({_N}(?:(?:, and |, | and ){_N})*)"
)
_LEAVES = re.compile(rf"dividing {_N} by {_N} leaves {_N}", re.IGNORECASE)
_ENDS = re.compile(r"(\d+):? (?:it )?(ends|starts) (?:in|with)(?: a| an)? (\d)(?!\d)")
_DIGIT = re.compile(r"(\d+):? (?:(?:its|the) )?(first|last) digit is (\d)(?!\d)")
_DIVIDES = re.compile(
    r"(\d+):? (?:it )?ends (?:in|with) \d,? so (\d+) (divides|does not divide) it"
)
_EQUALS = re.compile(rf"(?<![-+x×*/÷=] ){_N} equals {_N}(?![\d.]*\d| *[-+x×*/÷])")
_UP = {"more", "larger", "greater", "bigger", "higher", "above"}
_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "x": operator.mul,
    "×": operator.mul,
    "*": operator.mul,
    "/": operator.truediv,
    "÷": operator.truediv,
}


class Claim(NamedTuple):
    """A statement found, and whether it holds."""

    text: str
    holds: bool


def claims(text: str) -> Iterator[Claim]:
    """The checkable statements of a text: equations, comparisons, remainders, last digits."""
    for found in _SUM.finditer(text):
        value = _evaluate(found[1])
        yield Claim(found[0], value is not None and value == Fraction(found[found.lastindex or 1]))
    for found in _MORE.finditer(text):
        gap = Fraction(found[1]) - Fraction(found[4])
        yield Claim(found[0], gap == Fraction(found[2]) * (1 if found[3] in _UP else -1))
    for found in _THAN.finditer(text):
        left = Fraction(found[1])
        others = [Fraction(one) for one in re.findall(_N, found[3])]
        sign = 1 if found[2].split()[0] in _UP else -1
        yield Claim(found[0], all((left - other) * sign > 0 for other in others))
    for found in _LEAVES.finditer(text):
        divisor = Fraction(found[2])
        yield Claim(found[0], divisor != 0 and Fraction(found[1]) % divisor == Fraction(found[3]))
    for found in _ENDS.finditer(text):
        digit = found[1][-1 if found[2] == "ends" else 0]
        yield Claim(found[0], digit == found[3])
    for found in _DIGIT.finditer(text):
        yield Claim(found[0], found[1][0 if found[2] == "first" else -1] == found[3])
    for found in _DIVIDES.finditer(text):
        divides = int(found[2]) != 0 and int(found[1]) % int(found[2]) == 0
        yield Claim(found[0], divides == (found[3] == "divides"))
    for found in _EQUALS.finditer(text):
        yield Claim(found[0], Fraction(found[1]) == Fraction(found[2]))


def false_claims(text: str) -> list[str]:
    """The statements of a text that do not hold."""
    return [claim.text for claim in claims(text) if not claim.holds]


def _evaluate(expression: str) -> Fraction | None:
    """Plain arithmetic, products before sums; None where it divides by zero."""
    terms = _TERM.findall(expression)
    values, signs = [Fraction(terms[0][1])], []
    for sign, number in terms[1:]:
        if sign in "+-":
            signs.append(sign)
            values.append(Fraction(number))
            continue
        try:
            values[-1] = _OPERATIONS[sign](values[-1], Fraction(number))
        except ZeroDivisionError:
            return None
    total = values[0]
    for sign, value in zip(signs, values[1:], strict=True):
        total = _OPERATIONS[sign](total, value)
    return total
