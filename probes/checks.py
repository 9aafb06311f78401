"""Lint of a question set: questions that repeat, and right answers that give themselves away.

Finds what would let a model answer, or be misjudged, for the wrong reason. Equal and nearly equal
questions, inside a set or between two, by words and option texts: a paraphrase in other words
passes. Cues by a guesser that sees lengths, places, words shared with the stem, numbers and the
like, never what an option means. It learns from all questions of a set but one which features right
options have, and guesses that one: a set without cues leaves it at chance. (Gururangan et al. 2018,
arXiv 1803.02324, show such cues in sets that people wrote.)
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from starprobe.probes.schema import Option, ProbeSet, Question, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR = 0.75
"""Shared one- and two-word pieces, as a share of all, from which stems are nearly equal."""
_LONG_STEM = 8
"""Words from which a stem alone identifies a question; a shorter one needs a shared option."""
_COMMON = 200
"""A piece that more stems hold than this is no reason to compare them."""


class Overlap(NamedTuple):
    """Two questions that are the same, or nearly."""

    a: str
    """Id in the first set."""
    b: str
    """Id in the second."""
    kind: Literal["exact", "near"]
    similarity: float
    """Jaccard similarity of the stems' pieces: 1 where they are equal word for word."""


class Signature(NamedTuple):
    """A question as it is compared with others."""

    id: str
    words: tuple[str, ...]
    pieces: frozenset[str]
    digits: tuple[str, ...]
    options: frozenset[str]


def normalise(text: str) -> str:
    """Lower case, without accents and punctuation, one space between words."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(re.findall(r"[^\W_]+(?:[.,]\d+)*|[+\-*/<>=]", kept))


def overlap(
    a: ProbeSet | Sequence[Question], b: ProbeSet | Sequence[Question], near: float = NEAR
) -> list[Overlap]:
    """The questions of `a` that are also in `b`, word for word or nearly, in the order of `a`.

    Stems with different numbers in them are different questions. Equal short stems ("Which of these
    is a mammal?") are the same question only where they share an option.

    Args:
        a: a set or its questions.
        b: the set held against it.
        near: Jaccard similarity of stems from which two are nearly equal.
    """
    left, right = _signatures(a), _signatures(b)
    found = [
        match
        for one, other in _candidates(left, right)
        if (match := alike(one, other, near)) is not None
    ]
    place = {signature.id: index for index, signature in enumerate(left)}
    return sorted(found, key=lambda match: (place[match.a], -match.similarity, match.b))


def _overlap_within(questions: Sequence[Question], near: float = NEAR) -> list[Overlap]:
    """Pairs inside one set that are equal, or nearly; each pair once."""
    signatures = _signatures(questions)
    place = {id(signature): index for index, signature in enumerate(signatures)}
    return [
        match
        for one, other in _candidates(signatures, signatures)
        if place[id(one)] < place[id(other)] and (match := alike(one, other, near)) is not None
    ]


def _signatures(questions: ProbeSet | Sequence[Question]) -> list[Signature]:
    if isinstance(questions, ProbeSet):
        questions = questions.questions
    return [signature(question) for question in questions]


def signature(question: Question) -> Signature:
    """What two questions are compared by."""
    words = tuple(normalise(question.stem).split())
    pairs = (f"{first} {second}" for first, second in pairwise(words))
    return Signature(
        id=question.id,
        words=words,
        pieces=frozenset([*words, *pairs]),
        digits=tuple(sorted(word for word in words if word[0].isdigit())),
        options=frozenset(normalise(option.text) for option in question.options),
    )


def _candidates(
    left: Sequence[Signature], right: Sequence[Signature]
) -> Iterator[tuple[Signature, Signature]]:
    """Pairs that may be similar: equal stems, equal numbers, or a shared piece that is rare."""
    index: dict[object, list[Signature]] = defaultdict(list)
    for signature in right:
        for key in _keys(signature):
            index[key].append(signature)
    for one in left:
        seen: set[int] = set()
        for key in _keys(one):
            held = index.get(key, [])
            if len(held) > _COMMON and isinstance(key, str):
                continue
            for other in held:
                if id(other) not in seen:
                    seen.add(id(other))
                    yield one, other


def _keys(signature: Signature) -> list[object]:
    keys: list[object] = [signature.words]
    if signature.digits:
        return [*keys, ("digits", signature.digits)]
    return [*keys, *sorted(piece for piece in signature.pieces if " " in piece)]


def alike(one: Signature, other: Signature, near: float) -> Overlap | None:
    """How two questions are the same; None where they are not."""
    if one.digits != other.digits:
        return None
    shares_option = bool(one.options & other.options) or not (one.options and other.options)
    if not shares_option and min(len(one.words), len(other.words)) < _LONG_STEM:
        return None
    if one.words == other.words:
        return Overlap(one.id, other.id, "exact", 1.0)
    sizes = sorted((len(one.pieces), len(other.pieces)))
    if sizes[0] < near * sizes[1]:
        return None
    union = len(one.pieces | other.pieces)
    similarity = len(one.pieces & other.pieces) / union if union else 0.0
    return Overlap(one.id, other.id, "near", similarity) if similarity >= near else None


_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_SMALL = frozenset(("a an the of to in on at it is are be and or for with by from as its").split())
_ABSOLUTE = frozenset(
    ("always never all none every no nobody nothing only everything everybody must").split()
)
_HEDGED = frozenset(
    ("may might can could some sometimes often usually mostly probably likely").split()
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


def _words_of(text: str) -> list[str]:
    """Lower-case words and numbers."""
    return _WORD.findall(text.casefold())


def _content_words(text: str) -> set[str]:
    """Its words without the small ones, endings of plurals and verbs cut off."""
    return {_stemmed(word) for word in _words_of(text) if word not in _SMALL}


def _stemmed(word: str) -> str:
    for ending in ("ing", "es", "ed", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return word[: -len(ending)]
    return word


def _stem_overlap(question: Question) -> list[float]:
    """For each option, the share of its content words that stand in the stem."""
    stem = _content_words(question.stem)
    shares = []
    for option in question.options:
        own = _content_words(option.text)
        shares.append(len(own & stem) / len(own) if own else 0.0)
    return shares


def features(question: Question) -> NDArray[np.float64]:
    """Options x features, each less its mean over the options.

    Numbers that have a scale of their own (lengths, values, mentions) are ranks from -0.5 to 0.5.
    Where the stem itself lists every option ("which of 4, 9 and 12 is the largest"), it asks for
    what the options are, and their values are no cue.
    """
    import numpy as np

    stem, options = question.stem, question.options
    lengths = [len(option.text) for option in options]
    words = [_words_of(option.text) for option in options]
    own = [_content_words(option.text) for option in options]
    said = [_mentions(option, stem) for option in options]
    asked = all(said)
    values = [0.0 if asked else _value(option.text) for option in options]
    count = len(options)
    columns = {
        "characters": _ranks(lengths),
        "the longest": _only(lengths, max(lengths)),
        "the shortest": _only(lengths, min(lengths)),
        "words": _ranks([len(one) for one in words]),
        "words of the stem": _stem_overlap(question),
        "mentions in the stem": _ranks([len(one) for one in said]),
        "first mention": _ranks([one[0] if one else len(stem) for one in said]),
        "last mention": _ranks([one[-1] if one else -1 for one in said]),
        "digits": [float(any(char.isdigit() for char in option.text)) for option in options],
        "value": _ranks(values),
        "the lowest or highest value": [float(one in (min(values), max(values))) for one in values],
        "round number": [
            float(not asked and option.text.rstrip(" .%").endswith(("0", "5")))
            for option in options
        ],
        "absolute words": [float(bool(_ABSOLUTE & set(one))) for one in words],
        "hedging words": [float(bool(_HEDGED & set(one))) for one in words],
        "words of other options": [_shared(own, place) for place in range(count)],
        "commas": [float("," in option.text) for option in options],
        "alphabet": _ranks(["" if asked else option.text.casefold() for option in options]),
        "place": _ranks(range(count)),
        "place in the middle": [
            1 - abs(2 * place / max(count - 1, 1) - 1) for place in range(count)
        ],
    }
    table = np.array(list(columns.values()), dtype=np.float64).T
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
            rights.append(_place(question))
    if len(tables) < 3:
        return Guess(0.0, len(tables), 0.0, 1.0)
    moments = [table.T @ table for table in tables]
    targets = [table[right] for table, right in zip(tables, rights, strict=True)]
    whole = np.sum(moments, axis=0) + RIDGE * np.eye(len(targets[0]))
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


FindingKind = Literal[
    "duplicate_id", "equal_stems", "near_stems", "equal_options", "no_answer", "positions",
    "length", "stem_overlap", "cues", "paraphrases",
]  # fmt: skip
SIGNIFICANT = 0.01
"""A bias of a whole set counts from this p value on; each set is tested a handful of times."""
_LONGER = 1.6
_EXTRA = 8
"""An answer gives itself away where it is this many times as long as any other, and this many
characters longer (or as much shorter)."""


class Finding(Record):
    """One thing that is wrong with a set."""

    kind: FindingKind
    questions: tuple[str, ...]
    """Ids concerned; empty where it is the whole set."""
    message: str


def check_questions(questions: Sequence[Question]) -> list[Finding]:
    """Everything that is wrong with these questions, worst kinds first; empty where all is well.

    A question may say `"unanswerable": true`, or which option is `preferred` where none is right
    or wrong: then it need not, and must not, have an answer.
    """
    checks: tuple[Callable[[Sequence[Question]], Iterator[Finding]], ...] = (
        _duplicate_ids,
        _similar_stems,
        _equal_options,
        _answers,
        _positions,
        _lengths,
        _biases,
        _guessed,
        _paraphrases,
    )
    return [finding for check in checks for finding in check(questions)]


def _duplicate_ids(questions: Sequence[Question]) -> Iterator[Finding]:
    for name, count in Counter(question.id for question in questions).items():
        if count > 1:
            message = f"the id {name!r} stands {count} times"
            yield Finding(kind="duplicate_id", questions=(name,), message=message)


def _similar_stems(questions: Sequence[Question]) -> Iterator[Finding]:
    for match in _overlap_within(questions):
        if match.kind == "exact":
            message = f"{match.a!r} and {match.b!r} ask the same"
            yield Finding(kind="equal_stems", questions=(match.a, match.b), message=message)
        else:
            message = f"{match.a!r} and {match.b!r} ask nearly the same ({match.similarity:.2f})"
            yield Finding(kind="near_stems", questions=(match.a, match.b), message=message)


def _equal_options(questions: Sequence[Question]) -> Iterator[Finding]:
    for question in questions:
        texts = Counter(normalise(option.text) or option.text for option in question.options)
        for text, count in texts.items():
            if count > 1:
                message = f"{question.id!r} offers {text!r} {count} times"
                yield Finding(kind="equal_options", questions=(question.id,), message=message)


def _answers(questions: Sequence[Question]) -> Iterator[Finding]:
    for question in questions:
        answered = question.answer_id is not None or question.answer_text is not None
        unanswerable = (
            question.metadata.get("unanswerable") is True or "preferred" in question.metadata
        )
        if answered == unanswerable:
            what = "has an answer and says it has none" if answered else "has no answer"
            message = f"{question.id!r} {what}"
            yield Finding(kind="no_answer", questions=(question.id,), message=message)


def _positions(questions: Sequence[Question]) -> Iterator[Finding]:
    """Right answers that favour a place, by a chi-square test for each number of options."""
    from scipy.stats import chisquare

    for size, group in _by_size(questions).items():
        if len(group) < 5 * size:
            continue
        places = Counter(_place(question) for question in group)
        counts = [places[place] for place in range(size)]
        p_value = float(chisquare(counts).pvalue)
        if p_value < SIGNIFICANT:
            message = (
                f"among {len(group)} questions with {size} options the right answer stands"
                f" {', '.join(map(str, counts))} times in place 1 to {size} (p = {p_value:.2g})"
            )
            yield Finding(kind="positions", questions=(), message=message)


def _lengths(questions: Sequence[Question]) -> Iterator[Finding]:
    for question in questions:
        if question.answer_id is None or _numeric(question):
            continue
        right = len(question.option(question.answer_id).text)
        others = [len(one.text) for one in question.options if one.id != question.answer_id]
        longer = right >= max(others) * _LONGER and right >= max(others) + _EXTRA
        shorter = right * _LONGER <= min(others) and right + _EXTRA <= min(others)
        if longer or shorter:
            message = (
                f"{question.id!r}: the right option has {right} characters, the others"
                f" {min(others)} to {max(others)}"
            )
            yield Finding(kind="length", questions=(question.id,), message=message)


def _option_lengths(question: Question) -> list[float]:
    return [] if _numeric(question) else [float(len(option.text)) for option in question.options]


def _echoes(question: Question) -> list[float]:
    return [] if _numeric(question) else _stem_overlap(question)


_EXTREMES: tuple[tuple[FindingKind, str, Callable[[Question], list[float]], int], ...] = (
    ("length", "the longest option", _option_lengths, 1),
    ("length", "the shortest option", _option_lengths, -1),
    ("stem_overlap", "the option that echoes the stem most", _echoes, 1),
    ("stem_overlap", "the option that echoes the stem least", _echoes, -1),
)
"""Kind of finding, what to choose, by what, and whether the highest or the lowest."""


def _biases(questions: Sequence[Question]) -> Iterator[Finding]:
    """Right answers that are one of the extremes too often, or hardly ever, by a binomial test."""
    from scipy.stats import binomtest

    for size, group in _by_size(questions).items():
        for kind, words, of, sign in _EXTREMES:
            clear = [(one, found) for one in group if (found := _extreme(one, of, sign))]
            hits = sum(found == question.answer_id for question, found in clear)
            if len(clear) < 5 * size:
                continue
            p_value = float(binomtest(hits, len(clear), 1 / size).pvalue)
            if p_value < SIGNIFICANT:
                message = (
                    f"the right option is {words} in {hits} of {len(clear)} questions that have"
                    f" one such among {size} options (p = {p_value:.2g})"
                )
                yield Finding(kind=kind, questions=(), message=message)


def _extreme(question: Question, of: Callable[[Question], list[float]], sign: int) -> str | None:
    """The question's one option with the highest value (lowest, where the sign is -1)."""
    values = [sign * value for value in of(question)]
    if not values or values.count(max(values)) > 1:
        return None
    return question.options[values.index(max(values))].id


def _guessed(questions: Sequence[Question]) -> Iterator[Finding]:
    """Right answers that can be guessed from the surface of the options."""
    found = guess(questions)
    if found.p < SIGNIFICANT:
        message = (
            f"a guesser that sees lengths, places, echoes of the stem, digits and the like, and no "
            f"meaning, gets {found.share:.0%} of {found.n} right; chance is {found.chance:.0%} "
            f"(p = {found.p:.2g})"
        )
        yield Finding(kind="cues", questions=(), message=message)


def _paraphrases(questions: Sequence[Question]) -> Iterator[Finding]:
    """Other wordings that are no other wordings."""
    for question in questions:
        stored = question.metadata.get("paraphrases")
        wordings = [question.stem, *map(str, stored if isinstance(stored, list) else ())]
        if len({normalise(wording) for wording in wordings}) < len(wordings):
            message = f"{question.id!r}: two of its {len(wordings)} wordings are the same"
            yield Finding(kind="paraphrases", questions=(question.id,), message=message)


def _by_size(questions: Sequence[Question]) -> dict[int, list[Question]]:
    groups: dict[int, list[Question]] = defaultdict(list)
    for question in questions:
        if question.answer_id is not None:
            groups[len(question.options)].append(question)
    return groups


def _place(question: Question) -> int:
    return [option.id for option in question.options].index(str(question.answer_id))


def _numeric(question: Question) -> bool:
    return not any(char.isalpha() for option in question.options for char in option.text)
