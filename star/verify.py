"""What is right, and what is a valid working: verifiers, built in or of one's own.

A verifier takes a question and the text of a response and says what it answers, whether that is
right, and what is wrong with its working (`Checked`). One of one's own is named `module:function`.
Statements about numbers are checked wherever they stand, with no model: the equation check of Yuan
et al. 2023, section 3. GSM8K writes its key behind `####`; commas in thousands, currency and units
are taken off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.plugins import declared, is_own, load
from starprobe.probes.schema import Question, Record


class Checked(Record):
    """What a verifier says of a response."""

    right: bool | None
    """Whether the answer is right; None where there is no answer, or no key to hold it against."""
    answer: str | None = None
    """The answer as read; None where there is none."""
    faults: tuple[str, ...] = ()
    """What does not hold in the working; a right answer from it is not trained on."""


Verifier = Callable[[Question, str], Checked]


def load_verifier(name: str) -> Verifier:
    """A built-in verifier, or a function of one's own.

    A function may give a `Checked`, or only whether the response is right.

    Raises:
        InputError: there is none of this name, or it cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name not in declared("verifiers") and not is_own(name):
        raise InputError(
            f"verify={name}: no verifier is called that; built in are {', '.join(BUILT_IN)}, or "
            f"name one of your own module:function"
        )
    found = load("verifiers", name)
    if not callable(found):
        raise InputError(f"verify={name}: is no function")

    def checked(question: Question, text: str) -> Checked:
        try:
            said = found(question, text)
        except Exception as error:
            raise InputError(f"verify={name}: {type(error).__name__}: {error}") from error
        if isinstance(said, Checked):
            return said
        if isinstance(said, bool) or said is None:
            return Checked(right=said, answer=free_answer(text))
        raise InputError(f"verify={name}: gives {said!r:.60}; give a Checked, or true or false")

    return checked


def verify(question: Question, text: str, verifiers: Sequence[Verifier]) -> Checked:
    """What all verifiers say together; with none, the key is compared as what it is.

    The first one that finds an answer gives it; right is what all that can say call right.
    """
    if not verifiers:
        return of_key(question)(question, text)
    said = [one(question, text) for one in verifiers]
    answer = next((one.answer for one in said if one.answer is not None), None)
    rights = [one.right for one in said if one.right is not None]
    faults = tuple(fault for one in said for fault in one.faults)
    return Checked(right=all(rights) if rights else None, answer=answer, faults=faults)


def of_key(question: Question) -> Verifier:
    """How an answer is compared where nothing is said: as a number where the key is one."""
    return by_number if key_number(question.answer_text or "") is not None else by_text


def by_number(question: Question, text: str) -> Checked:
    """The number that closes the text equals that of the key, whatever way it is written."""
    number = closing_number(text)
    if number is None or question.answer_text is None:
        return Checked(right=None, answer=number)
    return Checked(right=same_number(number, question.answer_text), answer=number)


def by_text(question: Question, text: str) -> Checked:
    """The text behind `The answer is` is the key's, but for case, spacing and punctuation."""
    said = free_answer(text)
    if said is None or question.answer_text is None:
        return Checked(right=None, answer=said)
    return Checked(right=plain(said) == plain(free_key(question)), answer=said)


def by_steps(question: Question, text: str) -> Checked:
    """As the number, and every equation, comparison and remainder that is stated holds."""
    found = by_number(question, text)
    return found.model_copy(update={"faults": tuple(false_claims(text))})


def by_math(question: Question, text: str) -> Checked:
    r"""As a mathematical expression, by math-verify: `\frac{1}{2}` is 0.5.

    Raises:
        MissingError: the package is not installed.
    """
    try:
        from math_verify import parse
        from math_verify import verify as same
    except ModuleNotFoundError:
        raise MissingError(
            "verify=math needs the package math-verify: pip install math-verify"
        ) from None
    found = parse(text)
    if not found:
        return Checked(right=None)
    key = parse(free_key(question)) if question.answer_text is not None else None
    return Checked(right=bool(same(key, found)) if key else None, answer=str(found[-1]))


BUILT_IN: dict[str, Verifier] = {
    "number": by_number, "text": by_text, "steps": by_steps, "math": by_math,
}  # fmt: skip


_NUMBER = r"(?:(?<![\d)])[-−](?=[\d$]))?(?:\$ ?)?\d[\d,]*(?:\.\d+)?(?:/\d+)?"
_LEFT_SIDE = r"(?:(?:[^\n=.]|\.(?=\d)){0,60}= *)*"
"""`5 + 3 = ` in `The answer is 5 + 3 = 8.`"""
_CLOSING = re.compile(
    rf"(?:answer is:?|####|\\boxed\{{)\s*{_LEFT_SIDE}[^\d\n−-]{{0,12}}({_NUMBER})", re.IGNORECASE
)
_CLOSING_TEXT = re.compile(r"(?:\banswer is:?|####)[ \t]*([^\n]+)", re.IGNORECASE)
_ANY = re.compile(_NUMBER)


def closing_number(text: str) -> str | None:
    r"""The number of the last closing sentence (`The answer is 42.`); None where there is none.

    `#### 42` and `\boxed{42}` close a text as well.
    """
    found = _CLOSING.findall(text)
    return _plain(found[-1]) if found else None


def free_answer(text: str) -> str | None:
    """What stands behind the last `The answer is`; None where nothing does."""
    found = _CLOSING_TEXT.findall(text)
    return (found[-1].strip().rstrip(".").strip() or None) if found else None


def free_key(question: Question) -> str:
    """The key of a question without options as its answer is to be written: a number, or a text."""
    key = (question.answer_text or "").rpartition("####")[2].strip()
    return key_number(key) or key


def plain(text: str) -> str:
    """Text without case, spacing and outer punctuation."""
    return " ".join(text.casefold().split()).strip(" .,;:!?\"'()")


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
        return Fraction(text.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None


class Claim(NamedTuple):
    """A statement found, and whether it holds."""

    text: str
    holds: bool


_N = r"(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"
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


def claims(text: str) -> Iterator[Claim]:
    """The checkable statements of a text: equations, comparisons, remainders, last digits."""
    yield from equations(text)
    for found in _MORE.finditer(text):
        gap = _number(found[1]) - _number(found[4])
        yield Claim(found[0], gap == _number(found[2]) * (1 if found[3] in _UP else -1))
    for found in _THAN.finditer(text):
        left = _number(found[1])
        others = [_number(one) for one in re.findall(_N, found[3])]
        sign = 1 if found[2].split()[0] in _UP else -1
        yield Claim(found[0], all((left - other) * sign > 0 for other in others))
    for found in _LEAVES.finditer(text):
        divisor = _number(found[2])
        yield Claim(found[0], divisor != 0 and _number(found[1]) % divisor == _number(found[3]))
    for found in _ENDS.finditer(text):
        digit = found[1][-1 if found[2] == "ends" else 0]
        yield Claim(found[0], digit == found[3])
    for found in _DIGIT.finditer(text):
        yield Claim(found[0], found[1][0 if found[2] == "first" else -1] == found[3])
    for found in _DIVIDES.finditer(text):
        divides = int(found[2]) != 0 and int(found[1]) % int(found[2]) == 0
        yield Claim(found[0], divides == (found[3] == "divides"))
    for found in _EQUALS.finditer(text):
        yield Claim(found[0], _number(found[1]) == _number(found[2]))


def false_claims(text: str) -> list[str]:
    """The statements of a text that do not hold."""
    return [claim.text for claim in claims(text) if not claim.holds]


def results(text: str) -> list[str]:
    """What the equations of a text come to, in the way in which `numbers_of` writes numbers."""
    found = [one.right.strip() for one in _equations(text)]
    return [_plain(right) for right in found if _ANY.fullmatch(right)]


def equations(text: str) -> Iterator[Claim]:
    """Every equation of numbers, and whether its two sides are the same.

    Fractions, thousands, percent, brackets and mixed numbers are read; a decimal on the right may
    be rounded or cut. What cannot be read as a whole is no equation.
    """
    for one in _equations(text):
        yield Claim(f"{one.left.strip()} = {one.right.strip()}", _same(one))


class _Equation(NamedTuple):
    left: str
    right: str


_RUN = re.compile(r"(?:[\d.,$%()+\-−–×*/÷^=≈ ]|(?<=[\d )])[xX](?=[ \d($-]))+")
"""What an equation is made of; an x between numbers is a product."""
_TOKEN = re.compile(
    r"(?P<number>\$? ?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\$? ?\.\d+)(?P<percent> ?%)?"
    r"|(?P<sign>[-+×*/÷^()xX−–])|(?P<space>\s+)|(?P<bad>.)"
)
_OPERATION = re.compile(r"[\d.)%] *[-+×*/÷^xX−–] *[-$(\d.]")
_LATEX = re.compile(r"(?:\\[a-zA-Z]+|\})\s*\Z")
_REMAINDER = re.compile(r"\s*(?:\\|r\b|R\b|rem\b|remainder|with a remainder|and a remainder)")


def _equations(text: str) -> Iterator[_Equation]:
    for run in _RUN.finditer(text):
        if "=" not in run[0] and "≈" not in run[0]:
            continue
        sides = re.split(r"[=≈]", run[0])
        # "2y + 3 = 11", "y - 3 = 5": what begins beside a letter says nothing of numbers alone.
        before = text[run.start() - 1 : run.start()] if run[0][0] not in " .," else ""
        # LaTeX goes on here: what stands before it is not read.
        joined = before.isalnum() or _LATEX.search(text, 0, run.start()) is not None
        first = sides[0].lstrip()
        if joined or (first[:1] in "+×*/÷^)xX" and first):
            sides[0] = ""
        if first[:1] in "-−–" and run.start() > 0 and first[1:2] == " ":
            sides[0] = ""
        # "= 4l", "= 3 remainder 2", "= 4 \\text": more than a number.
        letter = text[run.end() : run.end() + 1].isalpha() and run[0][-1:].isdigit()
        if letter or _REMAINDER.match(text, run.end()):
            sides[-1] = ""
        for before_sign, behind in pairwise(sides):
            left, right = _last_part(before_sign), _first_part(behind)
            worked_out = _OPERATION.search(left) or _OPERATION.search(right)
            readable = _read(left) is not None or _divides_by_nothing(left)
            if worked_out and readable and _read(right) is not None:
                yield _Equation(left, right)


def _same(one: _Equation) -> bool:
    left, right = _read(one.left), _read(one.right)
    if left is None or right is None:
        return False
    for first, second in zip(left, right, strict=True):
        if first == second:
            return True
        # A decimal may be rounded or cut at its last digit.
        for value, exact, side in ((second, first, one.right), (first, second, one.left)):
            digits = re.fullmatch(r"[\s$]*-?[\s$]*[\d,]*\.(\d+)\s*%?[\s.,]*", side)
            if digits:
                percent = Fraction(1, 100) if "%" in side and left[0] != left[1] else 1
                if abs(value - exact) < Fraction(1, 10 ** len(digits[1])) * percent:
                    return True
            # 8.314 * 33.33 = 277: a whole number for what was measured.
            whole = value.denominator == 1 and re.search(r"\.\d\d", one.left)
            if side is one.right and whole and abs(value - exact) < Fraction(1, 2):
                return True
    return False


def _last_part(side: str) -> str:
    """A left side from its beginning, or from where a number ends a sentence before it."""
    side = re.split(r"\.(?!\d)|,(?!\d{3})|(?<=\d) +(?=\(?\d)(?!\d+ ?/ ?\d)", side)[-1]
    while side.count("(") > side.count(")") and side.lstrip().startswith("("):
        side = side.lstrip()[1:]
    return side


def _first_part(side: str) -> str:
    """A right side up to the end of its sentence, or to a number of its own behind it."""
    side = re.split(r"\.(?!\d)|,(?!\d{3})|(?<=\d) +(?=\(?\d)(?!\d+ ?/ ?\d)|\.$", side)[0]
    # "= 13 - which is", "= 8 (of them)".
    side = re.sub(r"[\s+×*/÷^xX(−–-]+$", "", side)
    while side.count(")") > side.count("(") and side.rstrip().endswith(")"):
        side = side.rstrip()[:-1]
    return side


def _divides_by_nothing(side: str) -> bool:
    return re.search(r"[/÷] *0+(?:\.0*)?(?![\d.])", side) is not None


def _read(side: str) -> tuple[Fraction, Fraction] | None:
    """The value of an expression with percent as hundredths, and with percent signs left out."""
    tokens: list[tuple[str, bool]] = []
    for found in _TOKEN.finditer(side):
        if found["bad"]:
            return None
        if found["number"]:
            number = found["number"].replace(",", "").replace("$", "").strip()
            tokens.append((number, bool(found["percent"])))
        elif found["sign"]:
            tokens.append((found["sign"].replace("−", "-").replace("–", "-"), False))
    if not tokens or len(tokens) > 60:
        return None
    try:
        return _Parser(tokens, True).value(), _Parser(tokens, False).value()
    except (ValueError, ZeroDivisionError, IndexError):
        return None


class _Parser:
    """Plain arithmetic by recursive descent: powers, then products, then sums."""

    def __init__(self, tokens: Sequence[tuple[str, bool]], hundredths: bool) -> None:
        self.tokens, self.at, self.hundredths = list(tokens), 0, hundredths

    def value(self) -> Fraction:
        found = self.sums()
        if self.at != len(self.tokens):
            raise ValueError("something is left over")
        return found

    def next(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, bool]:
        self.at += 1
        return self.tokens[self.at - 1]

    def sums(self) -> Fraction:
        found = self.products()
        while self.next() in ("+", "-"):
            sign = 1 if self.take()[0] == "+" else -1
            found += sign * self.products()
        return found

    def products(self) -> Fraction:
        found = self.powers()
        while self.next() and self.next() in "×*/÷xX":
            divide = self.take()[0] in "/÷"
            other = self.powers()
            found = found / other if divide else found * other
        return found

    def powers(self) -> Fraction:
        base = self.atom()
        if self.next() != "^":
            return base
        self.take()
        power = self.atom()
        if power.denominator != 1 or abs(power) > 64:
            raise ValueError("no power that is worked out")
        return Fraction(base ** int(power))

    def atom(self) -> Fraction:
        text, percent = self.take()
        if text == "-":
            return -self.atom()
        if text == "(":
            found = self.sums()
            if self.take()[0] != ")":
                raise ValueError("a bracket is open")
            return found
        found = Fraction(text)
        if percent and self.hundredths:
            found /= 100
        if text.isdigit() and self._mixed():
            above, _, below = (self.take()[0] for _ in range(3))
            found += Fraction(int(above), int(below))
        return found

    def _mixed(self) -> bool:
        """Whether a fraction below one follows at once, as in 2 1/2."""
        three = [one[0] for one in self.tokens[self.at : self.at + 3]]
        if len(three) < 3 or three[1] != "/" or not (three[0].isdigit() and three[2].isdigit()):
            return False
        return int(three[0]) < int(three[2])


def _number(text: str) -> Fraction:
    return Fraction(text.replace(",", ""))
