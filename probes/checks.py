"""Lint of a question set, and equal or nearly equal questions inside one set or between two.

Finds what would let a model answer, or be misjudged, for the wrong reason. Compares words and
option texts; knows nothing of meaning, so a paraphrase in other words passes, and nothing of files.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from starprobe.probes.cues import guess, stem_overlap
from starprobe.probes.schema import ProbeSet, Question, Record

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


def overlap_within(questions: Sequence[Question], near: float = NEAR) -> list[Overlap]:
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
    for match in overlap_within(questions):
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
    return [] if _numeric(question) else stem_overlap(question)


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
