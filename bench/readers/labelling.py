"""How the labels of a question look, and how each may be spelled in a response.

Kept for each set of labels, of which there are few: A to D, 1 to 4, i to iv.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from starprobe.bench.readers.lexicon import FLAGS, STOP
from starprobe.bench.readers.words import words_of

_SIGNS = " ()[]{}.:"
"""What may stand around a label and is no part of it."""


class Labelling(NamedTuple):
    """The labels of one question."""

    labels: tuple[str, ...]
    pattern: re.Pattern[str]
    """Every form of a label, not inside of a word."""
    by_label: dict[str, int]
    """Label in any accepted case -> option."""
    words: frozenset[str]
    """The labels as tokens, where they are no words: what is said is not said by a label."""
    scheme: str
    """upper, lower, digit or word: how the labels look."""


@lru_cache(maxsize=512)
def labelling(given: tuple[str, ...]) -> Labelling:
    """All that is known of these labels; "(a)" is looked for as "a"."""
    stripped = tuple(label.strip(_SIGNS) for label in given)
    plain = all(stripped) and len(set(stripped)) == len(given)
    labels = stripped if plain else tuple(label.strip() for label in given)
    words = {word for label in labels for word in words_of(label)}
    kept = frozenset(word for word in words if not FLAGS.get(word, 0) & STOP)
    return Labelling(labels, _pattern(labels), _index(labels), kept, _scheme(labels))


def _scheme(labels: tuple[str, ...]) -> str:
    if all(label.isdigit() for label in labels):
        return "digit"
    if all(len(label) == 1 and label.isupper() for label in labels):
        return "upper"
    if all(len(label) == 1 and label.islower() for label in labels):
        return "lower"
    return "word"


def _index(labels: tuple[str, ...]) -> dict[str, int]:
    index = {label: i for i, label in enumerate(labels)}
    for i, label in enumerate(labels):
        index.setdefault(label.upper(), i)
        index.setdefault(label.lower(), i)
    return index


def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    forms = {form for label in labels for form in (label, label.upper(), label.lower()) if form}
    if forms and all(len(form) == 1 for form in forms):
        # The same as below, but what comes first is a set of characters, which is found at once.
        one = "".join(map(re.escape, sorted(forms)))
        return re.compile(rf"[{one}](?<!\w.)(?<!\w['’].)(?!\w|['’]\w)", re.DOTALL)
    alternatives = "|".join(sorted(map(re.escape, forms), key=lambda form: (-len(form), form)))
    return re.compile(
        rf"(?<!\w)(?<!\w['’])(?:{alternatives or '(?!)'})(?!\w|['’]\w)",
    )
