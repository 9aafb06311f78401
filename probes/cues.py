"""What gives a right option away without its question: surface features, and a guesser over them.

The guesser sees lengths, places, words shared with the stem, numbers and the like, never what an
option means. It learns from all questions of a set but one which features right options have, and
guesses that one: a set without cues leaves it at chance. (Gururangan et al. 2018, arXiv 1803.02324,
show such cues in sets that people wrote.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from starprobe.probes.schema import Option, Question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_SMALL = frozenset(("a an the of to in on at it is are be and or for with by from as its").split())
_ABSOLUTE = frozenset(
    ("always never all none every no nobody nothing only everything everybody must").split()
)
_HEDGED = frozenset(
    ("may might can could some sometimes often usually mostly probably likely").split()
)
FEATURES = (
    "characters",
    "the longest",
    "the shortest",
    "words",
    "words of the stem",
    "mentions in the stem",
    "first mention",
    "last mention",
    "digits",
    "value",
    "the lowest or highest value",
    "round number",
    "absolute words",
    "hedging words",
    "words of other options",
    "commas",
    "alphabet",
    "place",
    "place in the middle",
)
RIDGE = 3.0
"""Questions' worth of doubt that any feature tells something."""


class Guess(NamedTuple):
    """How often the guesser is right."""

    right: float
    """Questions guessed right; a tie counts in part."""
    n: int
    chance: float
    """Share of them that blind choice gets right."""
    p: float
    """Probability of so many right ones, or more, by chance (binomial)."""

    @property
    def share(self) -> float:
        """Right guesses as a share."""
        return self.right / self.n if self.n else 0.0


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers."""
    return _WORD.findall(text.casefold())


def content_words(text: str) -> set[str]:
    """Its words without the small ones, endings of plurals and verbs cut off."""
    return {_stemmed(word) for word in words_of(text) if word not in _SMALL}


def _stemmed(word: str) -> str:
    for ending in ("ing", "es", "ed", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word[: -len(ending)]
    return word


def stem_overlap(question: Question) -> list[float]:
    """For each option, the share of its content words that stand in the stem."""
    stem = content_words(question.stem)
    shares = []
    for option in question.options:
        own = content_words(option.text)
        shares.append(len(own & stem) / len(own) if own else 0.0)
    return shares


def features(question: Question) -> NDArray[np.float64]:
    """Options x features, in the order of FEATURES; each less its mean over the options.

    Numbers that have a scale of their own (lengths, values, mentions) are ranks from -0.5 to 0.5.
    Where the stem itself lists every option ("which of 4, 9 and 12 is the largest"), it asks for
    what the options are, and their values are no cue.
    """
    import numpy as np

    stem, options = question.stem, question.options
    lengths = [len(option.text) for option in options]
    words = [words_of(option.text) for option in options]
    own = [content_words(option.text) for option in options]
    said = [_mentions(option, stem) for option in options]
    asked = all(said)
    values = [0.0 if asked else _value(option.text) for option in options]
    count = len(options)
    columns = [
        _ranks(lengths),
        _only(lengths, max(lengths)),
        _only(lengths, min(lengths)),
        _ranks([len(one) for one in words]),
        stem_overlap(question),
        _ranks([len(one) for one in said]),
        _ranks([one[0] if one else len(stem) for one in said]),
        _ranks([one[-1] if one else -1 for one in said]),
        [float(any(char.isdigit() for char in option.text)) for option in options],
        _ranks(values),
        [float(one in (min(values), max(values))) for one in values],
        [float(not asked and option.text.rstrip(" .%").endswith(("0", "5"))) for option in options],
        [float(bool(_ABSOLUTE & set(one))) for one in words],
        [float(bool(_HEDGED & set(one))) for one in words],
        [_shared(own, place) for place in range(count)],
        [float("," in option.text) for option in options],
        _ranks(["" if asked else option.text.casefold() for option in options]),
        _ranks(range(count)),
        [1 - abs(2 * place / max(count - 1, 1) - 1) for place in range(count)],
    ]
    table = np.array(columns, dtype=np.float64).T.reshape(count, len(FEATURES))
    return np.asarray(table - table.mean(axis=0), dtype=np.float64)


def _only(values: Sequence[int], wanted: int) -> list[float]:
    """1 where the wanted value stands alone."""
    return [float(one == wanted and values.count(one) == 1) for one in values]


def _ranks(values: Sequence[Any]) -> list[float]:
    """Places in order from -0.5 to 0.5, equal values alike."""
    ordered = sorted(values)
    last = max(len(ordered) - 1, 1)
    middle = {one: ordered.index(one) + (ordered.count(one) - 1) / 2 for one in set(ordered)}
    return [middle[one] / last - 0.5 for one in values]


def _mentions(option: Option, stem: str) -> list[int]:
    """Where the stem has the option's text."""
    text = option.text.strip(" .")
    if not text:
        return []
    return [found.start() for found in re.finditer(rf"\b{re.escape(text)}\b", stem, re.IGNORECASE)]


def _value(text: str) -> float:
    found = _NUMBER.search(text.replace(",", ""))
    return float(found.group()) if found else 0.0


def _shared(own: Sequence[set[str]], place: int) -> float:
    """Mean share of an option's words that each other option has too."""
    mine = own[place]
    others = [other for number, other in enumerate(own) if number != place]
    if not mine or not others:
        return 0.0
    return sum(len(mine & other) / len(mine) for other in others) / len(others)


def guess(questions: Sequence[Question]) -> Guess:
    """Each keyed question guessed from the surface of all others, by ridge regression.

    A question's options have their features less the mean over them, and 1 where right; leaving a
    question out takes its part from both sums of the normal equations. Exact, and the same in
    every order of the questions.
    """
    import numpy as np
    from scipy.stats import binom

    tables, rights = [], []
    for question in questions:
        if question.answer_id is not None and len(question.options) > 1:
            tables.append(features(question))
            rights.append([option.id for option in question.options].index(question.answer_id))
    if len(tables) < 3:
        return Guess(0.0, len(tables), 0.0, 1.0)
    moments = [table.T @ table for table in tables]
    targets = [table[right] for table, right in zip(tables, rights, strict=True)]
    whole = np.sum(moments, axis=0) + RIDGE * np.eye(len(FEATURES))
    target = np.sum(targets, axis=0)
    hits, chance = 0.0, 0.0
    for table, right, moment, own in zip(tables, rights, moments, targets, strict=True):
        scores = table @ np.linalg.solve(whole - moment, target - own)
        best = scores >= scores.max() - 1e-9
        hits += float(best[right]) / float(best.sum())
        chance += 1 / len(table)
    n = len(tables)
    p_value = float(binom.sf(int(np.floor(hits + 1e-9)) - 1, n, chance / n))
    return Guess(hits, n, chance / n, p_value)
