"""Sentences and lines that hold an answer and nothing else: "B", and the like.

What else such a sentence may hold are words without content: function words, judgement, "sure".
"""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.references import (
    Reference,
    is_label,
    labels_at,
    reference_at,
)
from starprobe.bench.readers.lexicon import JUDGE, NEGATION, NEGATIVE, REJECT, STOP
from starprobe.bench.readers.mentions import TEXT, Document
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.words import stem, word_set

EMPTY = word_set(
    "okay ok yes sure certainly definitely absolutely course great question here obviously "
    "clearly alright letter correction sorry hmm well right perfect good exactly precisely "
    "simply guess bet lean leaning leaves leaving left remains matches corresponds ultimately "
    "answered hello hi happy help thank thanks glad"
)
"""Words beside the lists of the lexicon that may stand beside an answer."""
_HEDGED = word_set("possible possibly plausible possibility could might may if")
_GOING_ON = word_set(
    "is are was were be would the a an of to and or that because since as for in with by from"
)
"""Words after which a sentence goes on."""
MOST_WORDS = 16
"""Words of such a sentence besides those of the option."""
FILLERS = 3
"""Words in no list of the lexicon that may stand in one."""
_ANSWER_KEY = re.compile(r"A ?: *(?=\S)")
"""Of examples in the form "Q: ... A: ..."."""
_IS_A = re.compile(r"[)\].:\"']* (?:is|are|was|were) (?:an? |the )?([^\W_]+)", re.I)


def alone(document: Document, options: Options, index: int) -> tuple[int, ...]:
    """The option, or the options, that this sentence holds with no content besides; else none."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    if segment.key or document.flags[first:stop].count(0) > 2 * options.longest + FILLERS:
        return ()
    whole = _behind_key(document, options, segment.content)
    if whole and not any(map(str.isalnum, document.text[whole.end : segment.end])):
        return _few(whole.options, options)
    named = _few(_named(document, options, index), options)
    if not named or _dangles(document, index) or _describes(document, options, index):
        return ()
    own = options.own_words[named[0]].union(*(options.own_words[other] for other in named[1:]))
    spare = 0
    for token in range(first, stop):
        word, flags = document.words[token], document.flags[token]
        if word in own or document.stems[token] in own:
            continue
        if flags & (NEGATION | NEGATIVE | REJECT) or word in _HEDGED:
            return ()
        if not flags & (STOP | JUDGE) and word not in EMPTY:
            return ()
        spare += 1
    asks = document.text[segment.end - 1] == "?" and spare > MOST_WORDS // 4
    return () if asks or spare > MOST_WORDS else named


def _behind_key(document: Document, options: Options, at: int) -> Reference | None:
    """What is named at a place, past the "A:" of an answer, which is no label there."""
    key = _ANSWER_KEY.match(document.text, at)
    found = reference_at(document, options, key.end()) if key else None
    if found and options.by_label.get("A") not in found.options:
        return found
    return reference_at(document, options, at)


def _few(named: tuple[int, ...], options: Options) -> tuple[int, ...]:
    """Options named all together are a list, and no answer."""
    return () if len(named) > 2 and len(named) == len(options.labels) else named


def _dangles(document: Document, index: int) -> bool:
    """The sentence has no end: "The Nile is"."""
    words = document.words[slice(*document.bounds[index])]
    stopped = document.text[document.segments[index].end - 1] in ".!?"
    return not stopped and words[-1:] != words[:1] and words[-1] in _GOING_ON and words[-2] != "it"


def _describes(document: Document, options: Options, index: int) -> bool:
    """Such as "Option A is a pool", which says what the option is."""
    for mention in document.mentions[index]:
        said = _IS_A.match(document.text, mention.end)
        if said and stem(said[1].lower()) in options.weights[mention.option]:
            return True
    return False


def _named(document: Document, options: Options, index: int) -> tuple[int, ...]:
    """The options that a sentence names by label, generously, or by their whole texts."""
    segment, text = document.segments[index], document.text
    labels = [
        label
        for label in options.label_pattern.finditer(text, segment.content, segment.end)
        if is_label(text, label, options)
    ]
    if labels:
        found = labels_at(text, labels[0].start(), options)
        together = set(found.options) if found else set()
        named = {options.by_label[label[0]] for label in labels}
        once = len(labels) == len(named) and named <= together
        return tuple(sorted(named)) if len(named) == 1 or once else ()
    texts = {m.option for m in document.mentions[index] if m.kind >= TEXT}
    return tuple(texts) if len(texts) == 1 else ()
