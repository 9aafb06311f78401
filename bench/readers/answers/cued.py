"""The last place where the response says that the answer is such and such.

Knows cues and references; sentences are looked at from the last to the first.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.cues import (
    BY_HEAD,
    CONNECTIVES,
    FAR,
    FIRST_PERSON,
    HEADS,
    LAST,
    NEAR,
    WEAK,
    Cue,
)
from starprobe.bench.readers.answers.lists import begins_list
from starprobe.bench.readers.answers.records import (
    DENY,
    JOINED,
    NONE_OF_THEM,
    Answer,
    answer_of,
)
from starprobe.bench.readers.answers.references import (
    Reference,
    mentions_after,
    reference_at,
    segment_at,
)
from starprobe.bench.readers.lexicon import JUDGE, STOP
from starprobe.bench.readers.mentions import FUZZY, TEXT, Document, Mention
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.words import word_set

MAX_CUES = 8
"""Cues of one sentence that are looked at, from its end."""
MAX_GAP = 120
"""Characters between a cue and the option that it announces."""
_CHOOSING = word_set(
    "choose select pick choosing selecting picking chose selected picked opt opting settle "
    "report mark circle vote go going went gone"
)
_NOUNS = word_set("option choice answer situation statement letter alternative")
_NOT = re.compile(r"\bnot\b|n't\b")
_IF = re.compile(r"\b(?:if|whether|unless|suppose|assuming|assume|had|why)\b[^.,;:]{0,24}\Z", re.I)
_ENDS_CLAUSE = re.compile(
    r"[.,;:(\n?!]| (?=(?:because|since|as|but|while|whereas|which|and|for|due|not)\b)", re.I
)
_CLOSES = re.compile(r"[)\]}\"'$]*\s*(?:[.;!\n]|\Z|,? (?:because|since|as)\b)", re.I)
_AND = re.compile(r"\band\b|&", re.I)
_COLONS = frozenset(":=-> \u2192")
_LISTING = word_set("each every these all following both any other two three four five")
NONE = re.compile(
    r"[\s:\"'(\[{]*(?:\\text *\{)?(?:that )?(?:none of (?:the|these|them|those)\b|"
    r"none\b(?=\W*\Z|\W*\n)|n/a\b|no (?:correct|right|suitable|valid) (?:answer|option)|"
    r"not (?:listed|given|among|present|provided|available|in the (?:list|options))|"
    r"neither\b(?! (?:of )?(?:the )?(?:first|last))|cannot be determined\b|(?:un|not )known\b|"
    r"unclear\b|missing\b)",
    re.I,
)


def cued(document: Document, options: Options, weak: bool = False) -> Answer | None:
    """What the last cue announces; with `weak`, by cues that alone say little."""
    for index in range(len(document.segments) - 1, -1, -1):
        first, stop = document.bounds[index]
        if HEADS.isdisjoint(document.words[first:stop]):
            continue
        found = in_segment(document, options, index, weak)
        if found:
            return found
    return None


def in_segment(
    document: Document, options: Options, index: int, weak: bool = False
) -> Answer | None:
    """What the last cue of one sentence announces."""
    first, stop = document.bounds[index]
    left = MAX_CUES
    for token in range(stop - 1, first - 1, -1):
        for cue in BY_HEAD.get(document.words[token], ()):
            reach = _reach(document, cue, token, first)
            if (reach == WEAK) != weak:
                continue
            found = _announced_by(document, options, cue, reach, token, index)
            if found:
                return found
            left -= found is None
            if not left:
                return None
    return None


def _reach(document: Document, cue: Cue, token: int, first: int) -> int:
    """A verb of choosing reaches far in the first person; "it is" counts after "so"."""
    words = document.words
    if cue.reach == FAR and words[token] in _CHOOSING:
        if token == first or not _NOUNS.isdisjoint(words[token + 1 : token + 3]):
            return FAR
        own = not FIRST_PERSON.isdisjoint(words[max(first, token - 3) : token])
        return FAR if own else NEAR
    if cue.reach == WEAK and token > first and words[token - 1] in CONNECTIVES:
        return FAR if words[token - 1] in ("so", "thus", "therefore", "hence") else NEAR
    return cue.reach


def _announced_by(
    document: Document, options: Options, cue: Cue, reach: int, token: int, index: int
) -> Answer | None:
    text, segment = document.text, document.segments[index]
    begin = document.starts[token]
    match = cue.pattern.match(text, begin, segment.end)
    if match is None or _IF.search(text, max(segment.start, begin - 40), begin):
        return None
    if reach < FAR and text[match.end() - 1] in _COLONS and not _is_title(document, token, index):
        return None
    return after(document, options, begin, match.end(), reach)


def _is_title(document: Document, token: int, index: int) -> bool:
    """Nothing with content stands before "Choice:"; "consider each choice:" opens a list."""
    first = document.bounds[index][0]
    return (
        token - first <= 3
        and _LISTING.isdisjoint(document.words[first:token])
        and all(flag & (STOP | JUDGE) for flag in document.flags[first:token])
    )


def after(document: Document, options: Options, begin: int, end: int, reach: int) -> Answer | None:
    """The option named after a cue that stands at [begin, end)."""
    text = document.text
    reference = reference_at(document, options, end)
    if reference:
        if _is_listed(document, options, reference, end, reach):
            return None
        if reach < FAR and _denied(text, reference.end):
            return None
        if reach == WEAK and _others_behind(document, reference):
            return None
        if reach == LAST and not _CLOSES.match(text, reference.end):
            return None
        return answer_of(_united(options, reference.options), "stated")
    if reach == FAR and NONE.match(text, end):
        return none_of_them(options)
    return _far_off(document, options, begin, end) if reach == FAR else None


def _others_behind(document: Document, found: Reference) -> bool:
    """Other options are named later in the sentence."""
    index = segment_at(document, found.start)
    return any(
        mention.start >= found.end and mention.kind > FUZZY and mention.option not in found.options
        for mention in document.mentions[index]
    )


def none_of_them(options: Options) -> Answer:
    """No option, unless one of them says just that."""
    if len(options.none_of) == 1:
        return Answer(next(iter(options.none_of)), False, "stated")
    return NONE_OF_THEM


def _is_listed(
    document: Document, options: Options, found: Reference, cue_end: int, reach: int
) -> bool:
    """All options are named to choose from, or on the next line the first of a list."""
    if len(found.options) > 2 and len(found.options) == len(options.labels):
        joined = _AND.search(document.text, found.start, found.end)
        return reach < FAR or document.text[cue_end - 1] in _COLONS or not joined
    if "\n" not in document.text[cue_end : found.start]:
        return False
    return begins_list(document, found.options[0], segment_at(document, found.start))


def _denied(text: str, at: int) -> bool:
    """The clause that goes on here speaks against what it began with."""
    rest = text[at : at + 60]
    stop = _ENDS_CLAUSE.search(rest, 1)
    return DENY.search(rest[: stop.start()] if stop else rest) is not None


def _united(options: Options, named: tuple[int, ...]) -> tuple[int, ...]:
    """All the others are named: that is the option "all of the above"."""
    if len(named) > 1 and len(options.all_of) == 1 and len(named) == len(options.labels) - 1:
        (whole,) = options.all_of
        return (whole,) if whole not in named else named
    return named


def _far_off(document: Document, options: Options, begin: int, end: int) -> Answer | None:
    """The option named later in the sentence, or at the start of the next one."""
    text = document.text
    inside = mentions_after(document, begin, end, end)
    if not inside or _NOT.search(text[begin:end] + text[end : inside[0].start]):
        return None
    if inside[0].start - end > MAX_GAP and inside[0].kind != FUZZY:
        return None
    place = segment_at(document, inside[0].start)
    own_end = document.segments[segment_at(document, begin)].end
    if inside[0].start >= own_end and any(map(str.isalnum, text[end:own_end])):
        return None
    segment_end = document.segments[place].end
    return of_mentions([m for m in inside if m.start < segment_end], "stated", document)


def of_mentions(mentions: list[Mention], how: str, document: Document) -> Answer | None:
    """The option that these mentions of one statement give, or several that it joins."""
    sure = [m for m in mentions if m.kind > FUZZY] or mentions
    if not sure:
        return None
    labelled = [m for m in sure if m.kind > TEXT]
    near = labelled and labelled[0].first <= sure[0].stop + 3
    first = last = labelled[0] if near else sure[0]
    together = {first.option}
    for mention in sure:
        if mention.start < last.end:
            continue
        if not JOINED.fullmatch(document.text[last.end : mention.start]):
            break
        together.add(mention.option)
        last = mention
    return answer_of(tuple(together), how)
