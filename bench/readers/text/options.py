"""The options of one question, prepared for finding: phrases, weighted stems, label forms.

Knows nothing of responses. Prepared once a question and kept, for many responses share it.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from starprobe.bench.readers.text.document import (
    FLAGS,
    STOP,
    normalise,
    stem,
    tokens_of,
    word_set,
    words_of,
)
from starprobe.probes.schema import ShownOption

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


MAX_PHRASE = 12
"""Tokens of an option that are compared one by one; a longer option is told by its first ones."""
_LEADING = word_set("a an the to it its their his her")
_ALL = re.compile(
    r"\W*(?:all|both)\b(?:.{0,12}\b(?:above|these|them|following|options)\b|\W*$)", re.I
)
_NONE = re.compile(
    r"\W*(?:none\b(?: of\b|\W*$)|neither\b|no (?:answer|option|correct|right)\b|unknown\b|"
    r"undetermined\b|not (?:enough|known|answerable|determined|given)\b|"
    r"(?:cannot|can't|can not|could not|cannot be|impossible to) (?:be )?"
    r"(?:determined?|answer(?:ed)?|known?|tell|told|inferred)\b|insufficient\b|unclear\b)",
    re.I,
)
_LETTER = re.compile(r"(?<![\w'])[A-Z](?![\w'])")
_WEAK = word_set(
    "yes no true false none all both neither maybe ambiguous unknown zero one two three four five "
    "six seven eight nine ten"
)


class Options(NamedTuple):
    """What is looked for."""

    labelling: Labelling
    texts: tuple[str, ...]
    """Normalised."""
    phrases: dict[str, list[tuple[tuple[str, ...], int]]]
    """First stem -> (stems of the phrase, option), longest first."""
    weights: tuple[dict[str, float], ...]
    """Content stem -> how much it tells this option from the others and from the question."""
    totals: tuple[float, ...]
    owners: dict[str, list[int]]
    """Content stem -> options that hold it."""
    weak: frozenset[int]
    """Options whose text is a number or a word like "true", which stands in any text."""
    all_of: frozenset[int]
    """Options that stand for all the others: "all of the above"."""
    none_of: frozenset[int]
    """Options that stand for no other: "none of the above", "not enough information"."""
    question: frozenset[str]
    """Content stems of the question."""
    negated: bool
    """The question asks for what does NOT hold."""
    focus: frozenset[str]
    """Content stems of the sentence that asks."""
    content_letters: frozenset[str]
    """One-letter words of question and options: no label when they stand alone."""
    enumerated: frozenset[str]
    """Letters and numbers that the question itself enumerates with: "(a)", "(ii)"."""
    by_start: dict[str, tuple[tuple[str, int], ...]]
    """First character -> (text in lower case, option), longest first; no text that is a label."""
    longest: int
    """Words of the option that has most of them."""
    own_words: tuple[frozenset[str], ...]
    """Of each option the stems of its text and the words of its label."""


@lru_cache(maxsize=512)
def prepare(shown: tuple[ShownOption, ...], stem_text: str) -> Options:
    """Everything that finding the options in a response needs."""
    labels = labelling(tuple(option.label for option in shown))
    texts = tuple(normalise(option.text).strip() for option in shown)
    words = [tokens_of(text)[:64] for text in texts]
    stems = [[stem(word) for word in known] for known in words]
    asked = normalise(stem_text)
    asked_words = tokens_of(asked)
    question = frozenset(stem(word) for word in asked_words if not FLAGS.get(word, 0) & STOP)
    weights = _weights(words, stems, question)
    own = [
        frozenset(known).union(label.lower().split())
        for known, label in zip(stems, labels.labels, strict=True)
    ]
    return Options(
        labelling=labels,
        texts=texts,
        phrases=_phrases(words, stems),
        weights=tuple(weights),
        totals=tuple(sum(known.values()) for known in weights),
        owners=_owners(weights),
        weak=_weak(words, texts, weights, question),
        all_of=frozenset(i for i, text in enumerate(texts) if _ALL.match(text)),
        none_of=frozenset(i for i, text in enumerate(texts) if _NONE.match(text)),
        question=question,
        negated=is_negated(asked, asked_words),
        focus=focus_of(asked),
        content_letters=frozenset(_LETTER.findall("\n".join((*texts, asked)))) - {"A", "I"},
        enumerated=enumerated(" ".join((*texts, asked))),
        by_start=_by_start(texts, labels.by_label),
        own_words=tuple(own),
        longest=max(map(len, own), default=0),
    )


def _owners(weights: list[dict[str, float]]) -> dict[str, list[int]]:
    owners: dict[str, list[int]] = {}
    for index, known in enumerate(weights):
        for key in known:
            owners.setdefault(key, []).append(index)
    return owners


def _weak(
    words: list[list[str]],
    texts: tuple[str, ...],
    weights: list[dict[str, float]],
    question: frozenset[str],
) -> frozenset[int]:
    weak = {i for i, known in enumerate(words) if _is_weak(known, texts[i])}
    listed = {i for i, bag in enumerate(weights) if bag and question.issuperset(bag)}
    # A question that itself names several of its options: naming one is working, not reference.
    return frozenset(weak | listed if len(listed) >= 3 else weak)


def _phrases(
    words: list[list[str]], stems: list[list[str]]
) -> dict[str, list[tuple[tuple[str, ...], int]]]:
    found: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    phrases = [_core(*known) for known in zip(words, stems, strict=True)]
    counts = Counter(phrases)
    for index, phrase in enumerate(phrases):
        if phrase and counts[phrase] == 1:
            found.setdefault(phrase[0], []).append((phrase, index))
    for candidates in found.values():
        candidates.sort(key=lambda pair: -len(pair[0]))
    return found


def _core(words: list[str], stems: list[str]) -> tuple[str, ...]:
    """The first stems of an option without a leading article."""
    start = 0
    while start < len(words) - 1 and words[start] in _LEADING:
        start += 1
    return tuple(stems[start : start + MAX_PHRASE])


def _weights(
    words: list[list[str]], stems: list[list[str]], question: frozenset[str]
) -> list[dict[str, float]]:
    bags = [
        {key for word, key in zip(*known, strict=True) if not FLAGS.get(word, 0) & STOP}
        for known in zip(words, stems, strict=True)
    ]
    spread = Counter(key for bag in bags for key in bag)
    return [
        {key: (0.3 if key in question else 1.0) / spread[key] ** 1.5 for key in sorted(bag)}
        for bag in bags
    ]


def _is_weak(words: list[str], text: str) -> bool:
    """A number with or without a unit, a letter, or a word like "true"."""
    content = [word for word in words if word not in _LEADING]
    if not content:
        return True
    if all(word in _WEAK or word[0].isdigit() or len(word) == 1 for word in content[:6]):
        return True
    named = [
        word
        for word in content
        if len(word) > 2 and not word[0].isdigit() and not FLAGS.get(word, 0) & STOP
    ]
    return any(word[0].isdigit() for word in content) and len(named) <= 1 and len(content) <= 8


def _by_start(
    texts: tuple[str, ...], labels: dict[str, int]
) -> dict[str, tuple[tuple[str, int], ...]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for option, text in enumerate(texts):
        if text and text not in labels:
            found.setdefault(text[0].lower(), []).append((text.lower(), option))
    return {
        start: tuple(sorted(known, key=lambda item: -len(item[0])))
        for start, known in found.items()
    }


_ASKING = word_set("follow which stat opt of not question answ")


def focus_of(text: str) -> frozenset[str]:
    """What is asked for: the content of the last sentence with a question mark, else the last."""
    sentences = [part for part in re.split(r"(?<=[.?!:])\s+", text[-2000:].strip()) if part]
    asking = [part for part in sentences if "?" in part] or sentences
    words = tokens_of(asking[-1]) if asking else []
    kept = {
        stem(word)
        for word in words
        if not FLAGS.get(word, 0) & STOP or word in ("most", "least", "only")
    }
    return frozenset(kept - _ASKING)


def is_negated(text: str, words: list[str]) -> bool:
    """The question asks for what does not hold; `words` are those of the text."""
    tail = words[-40:]
    return bool(
        re.search(r"\b(?:EXCEPT|NOT|LEAST|FALSE|INCORRECT)\b", text)
        or "except" in tail
        or "incorrect" in tail
        or re.search(r"\ball but\b", text[-300:])
        or re.search(
            r"\b(?:which|what)\b[^.?!]{0,80}\b(?:not|isn't|doesn't|never|false|least|cannot)\b",
            text[-300:],
            re.I,
        )
    )


def enumerated(text: str) -> frozenset[str]:
    """The letters and numerals that a text counts its own parts with."""
    found = set(re.findall(r"[(\[](\w{1,4})[)\]]", text))
    if re.search(r"\bII\b", text):
        found |= {"I", "V", "X", "i", "v", "x"}
    return frozenset(found)
