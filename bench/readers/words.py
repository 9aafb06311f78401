"""Text -> tokens with offsets: normalised with every offset kept, lower-cased, lightly stemmed.

Knows nothing of options. Offsets are characters of the original text, always.
"""

from __future__ import annotations

import re
from functools import lru_cache

TOKEN = re.compile(r"non-[^\W_]+|\d+(?:[.,:]\d+)+|[^\W_]+(?:'[^\W_]+)?(?:\+\+|#)?", re.IGNORECASE)

_SINGLES = {
    "\u2018": "'", "\u2019": "'", "\u201b": "'", "\u02bc": "'", "`": "'",
    "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ", "\u200b": " ", "\ufeff": " ",
    "\t": " ", "\r": " ", "\x0b": " ", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n",
    "\uff1a": ":", "\uff0e": ".", "\uff09": ")", "\uff08": "(", "\u3002": ".", "\uff0c": ",",
    "\u2022": "-", "\u25cf": "-", "\u25aa": "-", "\u25e6": "-", "\u2023": "-", "\u00b7": "-",
}  # fmt: skip
_SINGLES |= {chr(0xFF21 + i): chr(65 + i) for i in range(26)}
_SINGLES |= {chr(0xFF41 + i): chr(97 + i) for i in range(26)}
_TABLE = str.maketrans(_SINGLES)

_SPECIAL = re.compile(r"[^\n !-$&-)+-;=-Z\]^_a-~]|__")
"""What `normalise` may change."""
_BULLET_STAR = re.compile(r"^([ >|]*)\*(?= )", re.MULTILINE)
_JSON_START = re.compile(r"\s*(?:'''?|```)?\s*(?:json)?\s*[{\[]\s*[\"'{\[]")
_JSON_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_TAG = re.compile(
    r"(?<!<)<\|?/?\s*\|?(?P<tag>[a-zA-Z][\w-]{0,24})(?:[ :=][^<>\n]{0,60})?\|?>"
    r"|[%\[]/?(?P<plain>(?:ant)?think(?:ing)?|scratchpad|reasoning|reflection)[%\]]",
    re.IGNORECASE,
)
_ANSWER_TAGS = frozenset({"answer", "final_answer", "final", "choice", "output", "result"})


def normalise(text: str) -> str:
    """The text with typographic variants, JSON escapes, tags and emphasis made plain.

    Same length as the text, so that every offset in the result is an offset in the text.
    """
    if not _SPECIAL.search(text):
        return text
    plain = text.translate(_TABLE)
    if "\\" in plain and _JSON_START.match(plain[:200]):
        plain = _JSON_ESCAPE.sub(_unescape, plain)
    if "*" in plain:
        plain = _BULLET_STAR.sub(r"\1-", plain).replace("*", " ")
    if "__" in plain:
        plain = plain.replace("__", "  ")
    if "<" in plain or "%" in plain or "[" in plain:
        plain = _TAG.sub(_untag, plain)
    return plain


def _unescape(match: re.Match[str]) -> str:
    return {"n": " \n", "t": "  ", "r": "  ", '"': ' "', "/": " /"}.get(match[1], match[0])


def _untag(match: re.Match[str]) -> str:
    # A tag is a line break: what stands before and after it are different parts.
    width = len(match[0])
    if width >= 8 and "/" not in match[0] and (match["tag"] or "").lower() in _ANSWER_TAGS:
        return "\nanswer:".ljust(width)
    return "\n" + " " * (width - 1)


_SUFFIXES = (
    "izations", "isations", "ization", "isation", "ational", "ations", "ation", "ities", "ments",
    "ment", "ances", "ance", "ences", "ence", "ness", "ings", "ing", "ity", "ously", "ious",
    "ally", "ical", "able", "ible", "tions", "tion", "sions", "sion", "ions", "ion", "ies", "ied",
    "ers", "est", "ors", "ed", "er", "or", "es", "ly", "al", "ic", "ive", "ous", "age",
    "s", "e", "y",
)  # fmt: skip


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A short form that most inflections and many derivations of a lower-case word share."""
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) <= 3 or not word.isalpha():
        return word
    for _ in range(2):
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 4 - (len(suffix) == 1):
                word = word[: -len(suffix)]
                break
        else:
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word


OPENING = 6
"""Letters of a stem that two words of one root share: "president", "presidential"."""


@lru_cache(maxsize=512)
def openings(stems: frozenset[str]) -> frozenset[str]:
    """The first letters of those stems that are long enough to be told by them."""
    return frozenset(key[:OPENING] for key in stems if len(key) >= OPENING)


def word_set(words: str) -> frozenset[str]:
    """The words of a string that lists them."""
    return frozenset(words.split())


def tokens_of(plain: str) -> list[str]:
    """Lower-case tokens of a text that is normalised."""
    return TOKEN.findall(plain.lower())


def words_of(text: str) -> list[str]:
    """Lower-case tokens of a short text, such as an option."""
    return tokens_of(normalise(text))
