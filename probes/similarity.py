"""Equal and nearly equal questions, inside one set or between two: the decontamination check.

Compares words and option texts; knows nothing of meaning, so a paraphrase in other words passes.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from starprobe.probes.schema import ProbeSet, Question

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


class _Signature(NamedTuple):
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
        if (match := _compare(one, other, near)) is not None
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
        if place[id(one)] < place[id(other)] and (match := _compare(one, other, near)) is not None
    ]


def _signatures(questions: ProbeSet | Sequence[Question]) -> list[_Signature]:
    if isinstance(questions, ProbeSet):
        questions = questions.questions
    return [_signature(question) for question in questions]


def _signature(question: Question) -> _Signature:
    words = tuple(normalise(question.stem).split())
    pairs = (f"{first} {second}" for first, second in pairwise(words))
    return _Signature(
        id=question.id,
        words=words,
        pieces=frozenset([*words, *pairs]),
        digits=tuple(sorted(word for word in words if word[0].isdigit())),
        options=frozenset(normalise(option.text) for option in question.options),
    )


def _candidates(
    left: Sequence[_Signature], right: Sequence[_Signature]
) -> Iterator[tuple[_Signature, _Signature]]:
    """Pairs that may be similar: equal stems, equal numbers, or a shared piece that is rare."""
    index: dict[object, list[_Signature]] = defaultdict(list)
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


def _keys(signature: _Signature) -> list[object]:
    keys: list[object] = [signature.words]
    if signature.digits:
        return [*keys, ("digits", signature.digits)]
    return [*keys, *sorted(piece for piece in signature.pieces if " " in piece)]


def _compare(one: _Signature, other: _Signature, near: float) -> Overlap | None:
    if one.digits != other.digits:
        return None
    shares_option = bool(one.options & other.options) or not (one.options and other.options)
    if not shares_option and min(len(one.words), len(other.words)) < _LONG_STEM:
        return None
    if one.words == other.words:
        return Overlap(one.id, other.id, "exact", 1.0)
    union = len(one.pieces | other.pieces)
    similarity = len(one.pieces & other.pieces) / union if union else 0.0
    return Overlap(one.id, other.id, "near", similarity) if similarity >= near else None
