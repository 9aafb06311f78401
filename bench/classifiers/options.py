"""The options of one question, prepared for finding: phrases, weighted stems, label forms.

Knows nothing of responses. Prepared once a question and kept, for many responses share it.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import NamedTuple

from bench.classifiers.lexicon import FLAGS, STOP
from bench.classifiers.words import normalise, stem, words_of
from probes.schema import ShownOption

MAX_PHRASE = 12
"""Tokens of an option that are compared one by one; a longer option is told by its first ones."""
_LEADING = frozenset(["a", "an", "the", "to", "it", "its", "their", "his", "her"])
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
_WEAK = frozenset(
    [
        "yes",
        "no",
        "true",
        "false",
        "none",
        "all",
        "both",
        "neither",
        "maybe",
        "ambiguous",
        "unknown",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "zero",
    ]
)


class Options(NamedTuple):
    """What is looked for."""

    labels: tuple[str, ...]
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
    wordless: frozenset[int]
    """Options without a telling word: formulas, numbers, letters."""
    all_of: frozenset[int]
    """Options that stand for all the others: "all of the above"."""
    none_of: frozenset[int]
    """Options that stand for no other: "none of the above", "not enough information"."""
    literal: tuple[tuple[str, int], ...]
    """Options without enough letters to tokenise (formulas): text as it stands, and option."""
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
    label_pattern: re.Pattern[str]
    by_start: dict[str, tuple[tuple[str, int], ...]]
    """First character -> (text in lower case, option), longest first; no text that is a label."""
    own_words: tuple[frozenset[str], ...]
    """Of each option the stems of its text and the words of its label."""
    by_label: dict[str, int]
    """Label in any accepted case -> option."""
    label_words: frozenset[str]
    """The labels as tokens, where they are no words: what is said is not said by a label."""
    scheme: str
    """upper, lower, digit or word: how the labels look."""


@lru_cache(maxsize=512)
def prepare(shown: tuple[ShownOption, ...], stem_text: str) -> Options:
    """Everything that finding the options in a response needs."""
    labels = tuple(option.label.strip() for option in shown)
    texts = tuple(normalise(option.text).strip() for option in shown)
    words = [words_of(text)[:64] for text in texts]
    question_words = words_of(stem_text)
    question = frozenset(stem(word) for word in question_words if not FLAGS.get(word, 0) & STOP)
    weights = _weights(words, question)
    owners: dict[str, list[int]] = {}
    for index, known in enumerate(weights):
        for key in known:
            owners.setdefault(key, []).append(index)
    scheme = _scheme(labels)
    letters = {
        word
        for text in (*texts, normalise(stem_text))
        for word in re.findall(r"(?<![\w'])[A-Z](?![\w'])", text)
    } - {"A", "I"}
    listed = [i for i, bag in enumerate(weights) if bag and question.issuperset(bag)]
    weak = {i for i, known in enumerate(words) if _is_weak(known, texts[i])}
    # A question that itself names several of its options: naming one is working, not reference.
    weak |= set(listed) if len(listed) >= 3 else set()
    return Options(
        labels,
        texts,
        _phrases(words),
        tuple(weights),
        tuple(sum(known.values()) for known in weights),
        owners,
        frozenset(weak),
        frozenset(i for i, bag in enumerate(weights) if not bag or all(len(k) == 1 for k in bag)),
        frozenset(i for i, text in enumerate(texts) if _ALL.match(text)),
        frozenset(i for i, text in enumerate(texts) if _NONE.match(text)),
        tuple((text, i) for i, text in enumerate(texts) if _is_literal(text, words[i])),
        question,
        _negated(stem_text, question_words),
        _focus(stem_text),
        frozenset(letters),
        _enumerated(" ".join((*texts, normalise(stem_text)))),
        _label_pattern(labels),
        _by_start(texts, _label_index(labels)),
        tuple(
            frozenset(map(stem, known)) | frozenset(label.lower().split())
            for known, label in zip(words, labels, strict=True)
        ),
        _label_index(labels),
        frozenset(
            word for label in labels for word in words_of(label) if not FLAGS.get(word, 0) & STOP
        ),
        scheme,
    )


def _phrases(words: list[list[str]]) -> dict[str, list[tuple[tuple[str, ...], int]]]:
    found: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    counts = Counter(tuple(stem(w) for w in _core(known)) for known in words)
    for index, known in enumerate(words):
        core = _core(known)
        phrase = tuple(stem(word) for word in core)
        if not phrase or counts[phrase] > 1:
            continue
        found.setdefault(phrase[0], []).append((phrase, index))
    for candidates in found.values():
        candidates.sort(key=lambda pair: -len(pair[0]))
    return found


def _core(words: list[str]) -> list[str]:
    """The first tokens of an option without a leading article."""
    start = 0
    while start < len(words) - 1 and words[start] in _LEADING:
        start += 1
    return words[start : start + MAX_PHRASE]


def _weights(words: list[list[str]], question: frozenset[str]) -> list[dict[str, float]]:
    bags = [{stem(word) for word in known if not FLAGS.get(word, 0) & STOP} for known in words]
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
    named = [word for word in content if len(word) > 2 and not FLAGS.get(word, 0) & STOP]
    return any(word[0].isdigit() for word in content) and len(named) <= 1 and len(content) <= 8


def _is_literal(text: str, words: list[str]) -> bool:
    letters = sum(len(word) for word in words if len(word) > 1)
    return 2 <= len(text) <= 200 and letters * 2 < len(text.replace(" ", ""))


def _negated(text: str, words: list[str]) -> bool:
    tail = words[-40:]
    return bool(
        re.search(r"\b(?:EXCEPT|NOT|LEAST|FALSE|INCORRECT)\b", text)
        or "except" in tail
        or "incorrect" in tail
        or re.search(r"\ball but\b", text[-300:])
        or re.search(
            r"\b(?:which|what)\b[^.?!]{0,80}\b(?:not|isn't|doesn't|never|false|least|cannot)\b",
            text[-300:].replace("\u2019", "'"),
            re.I,
        )
    )


def _enumerated(text: str) -> frozenset[str]:
    """The letters and numerals that a text counts its own parts with."""
    found = set(re.findall(r"[(\[](\w{1,4})[)\]]", text))
    if re.search(r"\bII\b", text):
        found |= {"I", "V", "X", "i", "v", "x"}
    return frozenset(found)


_ASKING = frozenset(["follow", "which", "stat", "opt", "of", "not", "question", "answ"])


def _focus(text: str) -> frozenset[str]:
    """What is asked for: the content of the last sentence with a question mark, else the last."""
    sentences = [part for part in re.split(r"(?<=[.?!:])\s+", text[-2000:].strip()) if part]
    asking = [part for part in sentences if "?" in part] or sentences
    words = words_of(asking[-1]) if asking else []
    kept = {
        stem(word)
        for word in words
        if not FLAGS.get(word, 0) & STOP or word in ("most", "least", "only")
    }
    return frozenset(kept - _ASKING)


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


def _scheme(labels: tuple[str, ...]) -> str:
    if all(label.isdigit() for label in labels):
        return "digit"
    if all(len(label) == 1 and label.isupper() for label in labels):
        return "upper"
    if all(len(label) == 1 and label.islower() for label in labels):
        return "lower"
    return "word"


def _label_index(labels: tuple[str, ...]) -> dict[str, int]:
    index = {label: i for i, label in enumerate(labels)}
    for i, label in enumerate(labels):
        index.setdefault(label.upper(), i)
        index.setdefault(label.lower(), i)
    return index


def _label_pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    forms = {form for label in labels for form in (label, label.upper(), label.lower()) if form}
    alternatives = "|".join(sorted(map(re.escape, forms), key=lambda form: (-len(form), form)))
    return re.compile(
        rf"(?<!\w)(?<!\w['’])(?:{alternatives or '(?!)'})(?!\w|['’]\w)",
    )
