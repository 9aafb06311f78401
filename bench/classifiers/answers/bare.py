"""Sentences and lines that hold an answer and nothing else: "B", and the like.

What else such a sentence may hold are words without content: function words, judgement, "sure".
Knows where in the response an answer stands alone: at its end, its start, or in a line of its own.
"""

from __future__ import annotations

import re

from bench.classifiers.answers.lists import begins_list, goes_on
from bench.classifiers.answers.outcomes import is_cut
from bench.classifiers.answers.records import DENY, SUPPOSES, Answer, answer_of, word_set
from bench.classifiers.answers.references import Reference, is_label, labels_at, reference_at
from bench.classifiers.lexicon import JUDGE, NEGATION, NEGATIVE, REJECT, STOP
from bench.classifiers.mentions import LEAD, TEXT, Document
from bench.classifiers.options import Options
from bench.classifiers.words import stem

_EMPTY = word_set(
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
SHORT = 12
"""Words of a response that is all answer."""
_HEADING = word_set("final answer correct the my your choice option selected solution is ans")
_HEAD_NOUNS = frozenset({"answer", "choice", "option", "solution", "ans"})
_FALSE = re.compile(r"\bnot\b|n't\b|incorrect|wrong|false", re.I)
_ANSWER_KEY = re.compile(r"A ?: *(?=\S)")
"""Of examples in the form "Q: ... A: ..."."""
_IS_A = re.compile(r"[)\].:\"']* (?:is|are|was|were) (?:an? |the )?([^\W_]+)", re.I)
_BEFORE_REASON = re.compile(
    r"[)\].:\"']*,? (?:because|since|as|rather than|instead of|not|over)\b", re.I
)


def alone(document: Document, options: Options, index: int) -> tuple[int, ...]:
    """The option, or the options, that this sentence holds with no content besides; else none."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    if segment.key or (stop - first > MOST_WORDS and not document.mentions[index]):
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
        if not flags & (STOP | JUDGE) and word not in _EMPTY:
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


def closing(document: Document, options: Options) -> Answer | None:
    """A last sentence that is nothing but an answer, and no item of a list."""
    index = len(document.segments) - 1
    return _unlisted(document, options, index) if index > 0 else None


def isolated(document: Document, options: Options) -> Answer | None:
    """The last paragraph that is nothing but an answer."""
    segments = document.segments
    for index in range(len(segments) - 1, -1, -1):
        around = segments[max(0, index - 1) : index + 2]
        if sum(other.paragraph == segments[index].paragraph for other in around) > 1:
            continue
        found = _unlisted(document, options, index)
        if found:
            return found
    return None


def _unlisted(document: Document, options: Options, index: int) -> Answer | None:
    named = alone(document, options, index)
    if not named or _goes_on(document, options, named[0], index):
        return None
    return None if begins_list(document, named[0], index) else answer_of(named, "stated")


def _goes_on(document: Document, options: Options, option: int, index: int) -> bool:
    """A list goes on here: the line or the sentence before holds the option before."""
    if document.segments[index].opens:
        return goes_on(document, option, index)
    return index > 0 and alone(document, options, index - 1) == (option - 1,)


def headed(document: Document, options: Options, index: int) -> Answer | None:
    """The sentence behind a heading such as "Final answer"."""
    first, stop = document.bounds[index]
    words = document.words[first:stop]
    if not 0 < len(words) <= 5 or not _HEADING.issuperset(words) or _HEAD_NOUNS.isdisjoint(words):
        return None
    if index + 1 >= len(document.segments):
        return None
    return _unlisted(document, options, index + 1)


def opening(document: Document, options: Options) -> Answer | None:
    """A response that begins with its answer: "B", "(c) A group ...", "Sure! It's B."."""
    if not document.segments:
        return None
    first, stop = document.bounds[0]
    greeting = all(
        flag & (STOP | JUDGE) or word in _EMPTY
        for flag, word in zip(document.flags[first:stop], document.words[first:stop], strict=True)
    )
    if _is_step(document):
        return None
    for index in range(2 if greeting and len(document.segments) > 1 else 1):
        named = alone(document, options, index)
        if named:
            listed = begins_list(document, named[0], index)
            return None if listed else answer_of(named, "opening")
    return _with_reason(document, options) or _led(document)


def _is_step(document: Document) -> bool:
    """The response is a list from its first line on."""
    first = document.segments[0]
    following = next((segment for segment in document.segments[1:] if segment.opens), None)
    return first.number > 0 and following is not None and following.number == first.number + 1


def _with_reason(document: Document, options: Options) -> Answer | None:
    """Such as "B, since ..." and "(b) rather than (c), for ..."."""
    segment = document.segments[0]
    label = labels_at(document.text, _past_signs(document.text, segment.content), options)
    if label and len(label.options) == 1 and _BEFORE_REASON.match(document.text, label.end):
        return answer_of(label.options, "opening")
    return None


def _past_signs(text: str, at: int) -> int:
    while at < len(text) and text[at] in "([\"'$ ":
        at += 1
    return at


def _led(document: Document) -> Answer | None:
    """A first sentence of a label and no more than a few words, none against it."""
    segment, mentions = document.segments[0], document.mentions[0]
    if not mentions or mentions[0].first > document.bounds[0][0]:
        return None
    lead = mentions[0]
    if lead.kind < TEXT or begins_list(document, lead.option, 0):
        return None
    if segment.end - lead.end > 60 or any(m.option != lead.option for m in mentions):
        return None
    if _FALSE.search(document.text, lead.end, segment.end):
        return None
    whole = lead.kind == LEAD or lead.end >= segment.end - 2
    return Answer(lead.option, False, "opening") if whole else None


def only(document: Document, options: Options) -> Answer | None:
    """A very short response that names just one option."""
    text = document.text
    if len(document.words) > SHORT:
        return None
    named = {m.option for own in document.mentions for m in own}
    if len(named) != 1 or DENY.search(text) or SUPPOSES.search(text):
        return None
    end = max(m.end for own in document.mentions for m in own)
    if is_cut(text) and any(map(str.isalnum, text[end:])):
        return None
    return Answer(named.pop(), False, "opening")
