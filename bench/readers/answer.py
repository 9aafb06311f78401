"""Which option a response states as its answer, and what became of the question.

Sentences are looked at from the last to the first for a phrase that announces an answer; then for
an opening that is one, for an option that is called the right one, for a verdict on each option in
turn. Where nothing is stated, a sentence that simply asserts one option may still be the answer,
and is told apart as such. Knows what the text says, never whether it is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from starprobe.bench.readers.labels import (
    Reference,
    is_label,
    labels_at,
    mentions_after,
    reference_at,
    segment_at,
)
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.segments import FUZZY, LABEL, LEAD, TEXT, Document, Mention
from starprobe.bench.readers.words import JUDGE, NEGATION, NEGATIVE, REJECT, STOP, word_set
from starprobe.bench.records import FinishReason, Outcome

FAR, NEAR, LAST, WEAK = 3, 2, 1, 0
"""How far an option may stand behind a cue: in the rest of the sentence; right behind; right behind
and closing the clause; right behind, where nothing better is said anywhere."""


class Stated(NamedTuple):
    """What was found of an answer."""

    options: tuple[int, ...] = ()
    """Places of the options answered; more than one where the response gives several."""
    how: str = ""
    """field, declared, opening, called, hinted, verdicts, asserted, none (of them); or empty."""

    @property
    def explicit(self) -> bool:
        """The response says outright that this is its answer, or that there is none."""
        return self.how not in ("", "asserted")


_IS = (
    r"(?:is|are|was|were|would be|will be|should be|must be|may be|might be|could be|can only be|"
    r"has to be|have to be|to be|becomes|remains|seems to be|appears to be)\b"
)
_NOUNS = (
    r"(?:options?|choices?|answers?|statements?|description|selection|one|reason|response|letter|"
    r"alternative|candidate|match|fit)"
)
_CHOOSING = word_set(
    "choose select pick choosing selecting picking chose selected picked opt opting settle "
    "report mark circle vote"
)
_CUES: tuple[tuple[str, int, str], ...] = (
    ("answer answers", FAR, rf"\w+\b[^.?!\n:]{{0,60}}?(?:\b{_IS}|[:=\u2192]| --? )"),
    (
        "correct right best final most closest only likeliest strongest",
        FAR,
        rf"\w+\b[^.?!\n:]{{0,80}}?\b{_NOUNS}\b[^.?!\n:]{{0,120}}?(?:\b{_IS}|[:=\u2192])",
    ),
    ("option options", FAR, r"\w+\b[^.?!\n:]{0,60}?\bthat\b[^.?!\n:]{0,120}?\bis\b"),
    ("boxed fbox", FAR, r"f?boxed *\{|fbox *\{"),
    (
        " ".join(sorted(_CHOOSING)),
        FAR,
        r"\w+(?: (?:ahead|for|on|to report|only|with))*(?: the)?\b:?",
    ),
    ("go going went gone", FAR, r"\w+(?: ahead)? (?:with|for)\b(?: the)?:?"),
    ("lean leaning", NEAR, r"\w+ (?:more )?(?:towards?|to)\b"),
    (
        "say think believe guess conclude bet suppose rate",
        NEAR,
        rf"\w+:?(?: that| my opinion as| it as)?(?: (?:it|that|this|they)"
        rf"(?:'s|(?: (?:correct|right|best|final))? {{0,2}}{_IS}))?",
    ),
    ("not", FAR, r"not\b[^.?!\n:]{1,40}?\b(?:but|it(?:'s| is))\b"),
    (
        "choice option selection selected verdict prediction decision pick guess ans letter "
        "correct key best",
        NEAR,
        rf"\w+ *(?:[:=\u2192]| --? )|\w+ {_IS}",
    ),
    ("result output response solution conclusion", WEAK, r"\w+ *[:=\u2192]"),
    (
        "value output result sum product total number amount",
        WEAK,
        rf"\w+\b[^.?!\n:]{{0,60}}? {_IS}",
    ),
    ("prints print returns shows gives outputs equals", WEAK, r"\w+\b:?"),
    ("so therefore thus hence then actually", LAST, r"\w+[,:]?"),
    (
        "it that this which these it's that's one",
        WEAK,
        rf"(?:it|that|this|which|these|one)(?:'s|(?: (?:correct|right|best|final))? {{0,2}}{_IS})|"
        r"(?:it's|that's)",
    ),
    (
        "leaves leaving left remains remaining",
        WEAK,
        r"\w+(?: (?:us|me|you))?(?: (?:is|with|only|just|behind))*:?",
    ),
    (
        "correct right best final most closest only likeliest strongest",
        WEAK,
        rf"\w+\b[^.?!\n:]{{0,80}}? {_IS}(?: to)?",
    ),
    (
        "corresponds correspond corresponding equivalent points pointing leads lead match matches "
        "matching means",
        WEAK,
        r"\w+(?: (?:us|me))?(?: (?:to|with|that))?",
    ),
)


def _by_head() -> dict[str, list[tuple[int, re.Pattern[str]]]]:
    found: dict[str, list[tuple[int, re.Pattern[str]]]] = {}
    for words, reach, pattern in _CUES:
        compiled = re.compile(pattern, re.I)
        for word in words.split():
            found.setdefault(word, []).append((reach, compiled))
    return found


_BY_HEAD = _by_head()
_HEADS = frozenset(_BY_HEAD)
_ARROW = re.compile(
    r"(?:\u2192|->|=>|\u21d2|\u27f9|\bi\.e\.,?|\bnamely,?|: | - |= ?) *(?:so )?(?:the )?"
    r"(?:answer )?(?:is )?",
    re.I,
)
"""What a closing answer stands behind."""

_FIRST_PERSON = word_set("i we i'd we'd i'll we'll i'm we're let's would will i've we've us")
_CONNECTIVES = word_set(
    "so thus therefore hence actually then no wait think believe guess say conclude probably "
    "instead rather conclusion"
)
_OPTION_NOUNS = word_set("option choice answer situation statement letter alternative")
_LISTING = word_set("each every these all following both any other two three four five")
NEAR_END = 4
"""Sentences from the end in which phrases count that alone say little."""
MAX_CUES, MAX_GAP = 8, 120
"""Cues of a sentence that are looked at; characters between a cue and the option it announces."""

_NOT = re.compile(r"\bnot\b|n't\b")
_IF = re.compile(
    r"\b(?:if(?! (?:i|we|one|you)(?:'m| am| were| was|'d)?(?: had| have| absolutely| really)* "
    r"(?:to|made to|forced to|pressed to|must|made|forced))|whether|unless|suppose|assuming|assume|"
    r"had(?! to)|why)\b[^.,;:]{0,24}\Z|"
    r"(?<!\bi )(?<!\bwe )\b(?:might|may|could)\s*\Z|"
    r"(?:\bcan(?:'t|not| not)|\bcouldn't|\bwon't|\btempting to|\btempted to)\s*\Z|"
    r"\b(?:students?|candidates?|people|someone|somebody|anyone|those|others|many|everybody|"
    r"everyone|they|he|she) (?:who |that )?(?:may |might |would |will |often |usually )*\Z|"
    r"\b(?:one|you)(?: would| might| could| may|'d)(?: \w+)?(?: on \w+)? ?\Z|\bnot (?:the )?\Z",
    re.I,
)
"""Before a cue: what is supposed, or what other people say."""
_CASE = re.compile(
    r"(?:[^.?!\n]*\b(?:in (?:that|this|which) case|were meant|had been)\b|\W*if (?!i |we |you |one |"
    r"forced|pressed))",
    re.I,
)
"""A sentence about another question than the one that was asked."""
_HYPOTHETICAL = re.compile(
    r"[^.?!\n]{0,40}\b(?:one|you|people|many|most|somebody|someone|students|candidates)"
    r"(?: people| students)?(?: would| might| could| may|'d)?(?: \w+)? (?:give|say|think|expect|"
    r"choose|guess|pick|blurt\w*)\b",
    re.I,
)
_ENDS_CLAUSE = re.compile(
    r"[.,;:(\n?!]| (?=(?:because|since|as|but|while|whereas|which|and|for|due|not)\b)", re.I
)
_CLOSES = re.compile(r"[)\]}\"'$]*\s*(?:[.;!\n]|\Z|,? (?:because|since|as)\b)", re.I)
_JOINS = re.compile(r"\band\b|&", re.I)
_NONE = re.compile(
    r"[\s:\"'(\[{]*(?:\\text *\{)?(?:that )?(?:none of (?:the|these|them|those)\b|"
    r"none\b(?=\W*\Z|\W*\n)|n/a\b|no (?:correct|right|suitable|valid) (?:answer|option)|"
    r"not (?:listed|given|among|present|provided|available|offered|in the (?:list|options))|"
    r"neither\b(?! (?:of )?(?:the )?(?:first|last))|cannot be determined\b|(?:un|not )known\b|"
    r"null\b|unclear\b|missing\b|an? (?:different|other) (?:answer|option|one)\b)",
    re.I,
)
_NO_OPTION = re.compile(
    r"\bnone of (?:the |these |those )?(?:(?:given|listed|provided|available|offered|answer|"
    r"four|five|three|above) )*(?:options?|choices?|answers?)\b|"
    r"\bnone of (?:them|these|those) (?:\w+ )?(?:right|correct|true|possible|fits?|works?|holds?|"
    r"match(?:es)?|answers?|applies|apply)\b|"
    r"\b(?:isn't|is not|not|aren't) (?:listed|offered|available|among (?:the|them|these)|"
    r"on (?:the|this) list|in the (?:list|options)|one of the (?:options|choices|answers))|"
    r"\bno (?:correct|right|suitable|valid) (?:answer|option|choice)|"
    r"\b(?:doesn't|does not) (?:appear|occur) (?:among|in)\b|"
    r"\bcan(?:'t|not| not) (?:be )?(?:determine[d]?|answer(?:ed)?|decide[d]?|say|tell|know|pick|"
    r"choose|give)\b[^.?!\n]{0,30}(?:\bone\b|\bany\b|\banswer|\binformation|\bquestion|[.!]|\Z)|"
    r"\bnot (?:determinable|solvable|answerable)\b|\bundetermined\b|"
    r"\bno (?:way|information|basis) (?:for me )?(?:to|for)\b",
    re.I,
)
_NO_HEADS = word_set(
    "none no not isn't aren't doesn't can't cannot undetermined determined neither unknown"
)
_DENY = re.compile(
    r"\bnot\b|n't\b|\bnever\b|\bcannot\b|\bin(?:correct|accurate|valid)\b|\bless\b|\bwrong\b|"
    r"\bfalse\b|\bun(?:likely|true|suitable)\b|\bout\b|\beliminated\b|\bfails?\b|\bneither\b|\bnor\b",
    re.I,
)
_SUPPOSES = re.compile(
    r"\b(?:if|whether|unless|suppose|assuming|assume|had|why|might|could|"
    r"may|perhaps|possibly|plausible|seems?|tempting)\b",
    re.I,
)
_CONCLUDES = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in conclusion|in summary|overall|based on|considering|"
    r"given|after|consequently|accordingly|ultimately|finally|in the end|conclusion|among|"
    r"of (?:these|the)|out of|in short|as a result|final(?:ly)?|actually|to conclude)\b",
    re.I,
)
_JOINED = re.compile(r"[\s)(\]\"']*(?:,? ?(?:and|or|&)|,)?[\s(\[\"']*(?:option|choice)?[\s(\[]*")


def stated(document: Document, options: Options) -> Stated:
    """The answer that the response states, by the surest way in which it does."""
    parts = [document]
    thought = max(map(document.raw.rfind, _THOUGHT))
    if thought >= 0:
        first = segment_at(document, thought) + 1
        parts.insert(
            0,
            document._replace(
                segments=document.segments[first:],
                bounds=document.bounds[first:],
                mentions=document.mentions[first:],
            ),
        )
    for part in parts:
        for way in _WAYS:
            found = way(part, options)
            if found is not None:
                return found
    return Stated()


_THOUGHT = ("</think>", "</thinking>", "</scratchpad>", "</reasoning>")
"""Ends of thinking: what stands behind it is the answer, if it holds one."""


# Fields of JSON.

_KEY = re.compile(r"answer|choice|final|correct|selected|prediction|result|best", re.I)
_OWN_KEY = re.compile(r"\"\w+\" {0,4}: {0,4}")
MAX_VALUE = 600


def _field(document: Document, options: Options) -> Stated | None:
    """What the last field says whose name is like an answer's."""
    for index in range(len(document.segments) - 1, -1, -1):
        segment = document.segments[index]
        if not segment.key or segment.end - segment.content >= MAX_VALUE:
            continue
        if not _KEY.search(segment.key) and not (
            segment.key == "option" and sum(s.key == "option" for s in document.segments) == 1
        ):
            continue
        key = _OWN_KEY.match(document.text, segment.content)
        begin = key.end() if key else segment.content
        value = document.text[begin : segment.end].strip(" \"',}]\n")
        if value in options.by_label:
            return Stated((options.by_label[value],), "field")
        named = reference_at(document, options, begin)
        if named and named.start < segment.end:
            return Stated(named.options, "field")
        found = _of_mentions(document.mentions[index], document)
        if found:
            return Stated(found, "field")
        if _NONE.match(value) or not value:
            return _none_of_them(options)
    return None


def _none_of_them(options: Options) -> Stated:
    """No option, unless one of them says just that."""
    return Stated(tuple(options.none_of) if len(options.none_of) == 1 else (), "none")


# Phrases that announce an answer.


def _declared(document: Document, options: Options) -> Stated | None:
    """The last sentence that declares an answer; the very last one also by holding nothing else."""
    last = len(document.segments) - 1
    for index in range(last, -1, -1):
        first, stop = document.bounds[index]
        words = document.words[first:stop]
        found = None
        if not _HEADS.isdisjoint(words):
            found = (
                _cued(document, options, index)
                or _headed(document, options, index)
                or _pronounced(document, index)
            )
        if found is None and index >= last - 2 and not _NO_HEADS.isdisjoint(words):
            found = _refused(document, options, index)
        if found is None and index == last > 0:
            found = _unlisted(document, options, index)
        if found:
            return found
    return None


def _hinted(document: Document, options: Options) -> Stated | None:
    """What cues announce that say little by themselves; the last arrow."""
    for index in range(len(document.segments) - 1, -1, -1):
        segment = document.segments[index]
        arrows = list(_ARROW.finditer(document.text, segment.content, segment.end))
        if arrows and len(document.segments) - index <= 3:
            named = reference_at(document, options, arrows[-1].end())
            closes = named and not any(map(str.isalnum, document.text[named.end : segment.end]))
            if named and closes and not _is_list(document, options, index):
                return Stated(named.options, "hinted")
        first, stop = document.bounds[index]
        near = len(document.segments) - index <= NEAR_END or index == 0
        if near and not _HEADS.isdisjoint(document.words[first:stop]):
            found = _cued(document, options, index, weak=True)
            if found and len(found.options) == 1:
                return found._replace(how="hinted")
    return None


def _is_list(document: Document, options: Options, index: int) -> bool:
    named = {mention.option for mention in document.mentions[index] if mention.kind >= TEXT}
    return len(named) > 1 or document.segments[index].kind == "row"


def _cued(document: Document, options: Options, index: int, weak: bool = False) -> Stated | None:
    """What the last cue of one sentence announces."""
    first, stop = document.bounds[index]
    left = MAX_CUES
    for token in range(stop - 1, first - 1, -1):
        for cue, pattern in _BY_HEAD.get(document.words[token], ()):
            reach = _reach(document, cue, token, first)
            if (reach == WEAK) != weak:
                continue
            found = _announced_by(document, options, pattern, reach, token, index)
            if found:
                return found
            left -= 1
            if not left:
                return None
    return None


def _reach(document: Document, cue: int, token: int, first: int) -> int:
    """A verb of choosing reaches far in the first person; "it is" counts after "so"."""
    words = document.words
    if cue == FAR and words[token] in _CHOOSING:
        if token == first or not _OPTION_NOUNS.isdisjoint(words[token + 1 : token + 3]):
            return FAR
        own = not _FIRST_PERSON.isdisjoint(words[max(first, token - 3) : token])
        return FAR if own else NEAR
    if cue == WEAK and token > first and words[token - 1] in _CONNECTIVES:
        return NEAR
    return cue


def _announced_by(
    document: Document,
    options: Options,
    pattern: re.Pattern[str],
    reach: int,
    token: int,
    index: int,
) -> Stated | None:
    text, segment = document.text, document.segments[index]
    begin = document.starts[token]
    match = pattern.match(text, begin, segment.end)
    if match is None or _IF.search(text, max(segment.start, begin - 60), begin):
        return None
    if match[0].lower().endswith("would be") and _CASE.match(text, segment.content, begin):
        return None
    inside = (m.kind >= LABEL and begin < m.start < match.end() for m in document.mentions[index])
    if any(inside) and document.words[token] != "not":
        return None
    if _NO_OPTION.search(text, match.end(), segment.end):
        return _none_of_them(options)
    if _HYPOTHETICAL.match(text, begin, match.end()):
        return None
    if reach == LAST and not _opens_clause(document, token, index):
        return None
    named = reference_at(document, options, match.end())
    if named:
        if _is_offered(document, options, named, match.end(), reach):
            return None
        if reach < FAR and _denied(text, named.end):
            return None
        if reach == WEAK and _others_behind(document, named):
            return None
        if reach == LAST and not _CLOSES.match(text, named.end):
            return None
        return Stated(_united(options, _listed_on(document, options, named)), "declared")
    if reach == FAR and _NONE.match(text, match.end()):
        return _none_of_them(options)
    return _far_off(document, begin, match.end()) if reach == FAR else None


def _opens_clause(document: Document, token: int, index: int) -> bool:
    """Only a few small words stand before it in the sentence, or a comma."""
    first = document.bounds[index][0]
    before = document.text[max(0, document.starts[token] - 2) : document.starts[token]]
    if before.strip() in (",", ";", ":", "."):
        return True
    return (
        token - first <= 3
        and _LISTING.isdisjoint(document.words[first:token])
        and all(flag & (STOP | JUDGE) for flag in document.flags[first:token])
    )


def _others_behind(document: Document, found: Reference) -> bool:
    """Other options are named later in the sentence."""
    return any(
        mention.start >= found.end and mention.kind > FUZZY and mention.option not in found.options
        for mention in document.mentions[segment_at(document, found.start)]
    )


def _is_offered(
    document: Document, options: Options, found: Reference, cue_end: int, reach: int
) -> bool:
    """All options are named to choose from, or on the next line the first of a list."""
    text = document.text
    if len(found.options) > 2 and len(found.options) == len(options.labels):
        joined = _JOINS.search(text, found.start, found.end)
        return reach < FAR or text[cue_end - 1] in ":=-> \u2192" or not joined
    if "\n" not in text[cue_end : found.start]:
        return False
    return begins_list(document, found.options[0], segment_at(document, found.start))


def _denied(text: str, at: int) -> bool:
    """The clause that goes on here speaks against what it began with."""
    rest = text[at : at + 60]
    stop = _ENDS_CLAUSE.search(rest, 1)
    return _DENY.search(rest[: stop.start()] if stop else rest) is not None


def _listed_on(document: Document, options: Options, found: Reference) -> tuple[int, ...]:
    """Such as "[A] its text and [C] its text": labels that go on behind the text of the first."""
    named, end = list(found.options), found.end
    while len(named) < len(options.labels):
        own = options.texts[named[-1]].lower()
        at = end
        while at < len(document.text) and document.text[at] in " )].:'\"-":
            at += 1
        if not own or document.text[at : at + len(own)].lower() != own:
            break
        more = _JOINED.match(document.text, at + len(own))
        other = labels_at(document.text, more.end(), options) if more and more[0].strip() else None
        if other is None or other.options[0] in named:
            break
        named, end = [*named, *other.options], other.end
    return tuple(dict.fromkeys(named))


def _united(options: Options, named: tuple[int, ...]) -> tuple[int, ...]:
    """All the others are named: that is the option "all of the above"."""
    if len(named) > 1 and len(options.all_of) == 1 and len(named) == len(options.labels) - 1:
        (whole,) = options.all_of
        return (whole,) if whole not in named else named
    return named


def _far_off(document: Document, begin: int, end: int) -> Stated | None:
    """The option named later in the sentence, or at the start of the next one."""
    text = document.text
    inside = mentions_after(document, begin, end, end)
    if not inside or _NOT.search(text, begin, end) or _DENY.search(text, end, inside[0].start):
        return None
    if inside[0].start - end > MAX_GAP and inside[0].kind != FUZZY:
        return None
    place = segment_at(document, inside[0].start)
    own_end = document.segments[segment_at(document, begin)].end
    if inside[0].start >= own_end and any(map(str.isalnum, text[end:own_end])):
        return None
    segment_end = document.segments[place].end
    found = _of_mentions([m for m in inside if m.start < segment_end], document)
    return Stated(found, "declared") if found else None


def _of_mentions(mentions: list[Mention], document: Document) -> tuple[int, ...]:
    """The option that these mentions of one statement give, or several that it joins."""
    sure = [m for m in mentions if m.kind > FUZZY] or mentions
    if not sure:
        return ()
    labelled = [m for m in sure if m.kind > TEXT]
    near = labelled and labelled[0].first <= sure[0].stop + 3
    first = last = labelled[0] if near else sure[0]
    together = {first.option}
    for mention in sure:
        if mention.start < last.end:
            continue
        if not _JOINED.fullmatch(document.text[last.end : mention.start]):
            break
        together.add(mention.option)
        last = mention
    return tuple(sorted(together))


def _refused(document: Document, options: Options, index: int) -> Stated | None:
    """A closing sentence that says that no option holds, or that none can be told."""
    segment = document.segments[index]
    found = _NO_OPTION.search(document.text, segment.content, segment.end)
    if found is None or "other" in document.text[found.start() : found.end() + 12].lower():
        return None
    return _none_of_them(options)


# Sentences that are an answer and nothing else.

_EMPTY = word_set(
    "okay ok yes sure certainly definitely absolutely course great question here obviously "
    "clearly alright letter correction sorry hmm well right perfect good exactly precisely "
    "simply guess bet lean leaning leaves leaving left remains matches corresponds ultimately "
    "answered hello hi happy help thank thanks glad key"
)
_HEDGED = word_set("possible possibly plausible possibility could might may if")
_GOING_ON = word_set(
    "is are was were be would the a an of to and or that because since as for in with by from"
)
MOST_WORDS, FILLERS = 16, 3
"""Words beside the option's in a bare answer; and of those, words in no list."""
_ANSWER_KEY = re.compile(r"A ?: *(?=\S)")
_HEADING = word_set("final answer correct the my your choice option selected solution is ans key")
_HEAD_NOUNS = word_set("answer choice option solution ans key")


def alone(document: Document, options: Options, index: int) -> tuple[int, ...]:
    """The option, or the options, that this sentence holds with no content besides; else none."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    if segment.key or document.flags[first:stop].count(0) > 2 * options.longest + FILLERS:
        return ()
    key = _ANSWER_KEY.match(document.text, segment.content)
    whole = reference_at(document, options, key.end()) if key else None
    if whole is None or options.by_label.get("A") in whole.options:
        whole = reference_at(document, options, segment.content)
    if whole and not any(map(str.isalnum, document.text[whole.end : segment.end])):
        return _few(whole.options, options)
    named = _few(_named_in(document, options, index), options)
    if not named or first >= stop or _dangles(document, index):
        return ()
    own = frozenset[str]().union(*(options.own_words[option] for option in named))
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
    asks = document.text[segment.end - 1] == "?" and len(document.segments) > 1
    return () if asks or spare > MOST_WORDS else named


def _few(named: tuple[int, ...], options: Options) -> tuple[int, ...]:
    """Options named all together are a list, and no answer."""
    return () if len(named) > 2 and len(named) == len(options.labels) else named


def _dangles(document: Document, index: int) -> bool:
    """The sentence has no end: "The Nile is"."""
    words = document.words[slice(*document.bounds[index])]
    if document.text[document.segments[index].end - 1] in ".!?" or len(words) < 2:
        return False
    return words[-1] != words[0] and words[-1] in _GOING_ON and words[-2] != "it"


def _named_in(document: Document, options: Options, index: int) -> tuple[int, ...]:
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


def _unlisted(document: Document, options: Options, index: int) -> Stated | None:
    """The bare answer that a sentence is, unless it is one of a list of options."""
    named = alone(document, options, index)
    if not named or begins_list(document, named[0], index):
        return None
    if document.segments[index].opens:
        if goes_on(document, named[0], index):
            return None
    elif index > 0 and alone(document, options, index - 1) == (named[0] - 1,):
        return None
    return Stated(named, "declared")


def _headed(document: Document, options: Options, index: int) -> Stated | None:
    """The sentence behind a heading such as "Final answer"."""
    words = document.words[slice(*document.bounds[index])]
    if not 0 < len(words) <= 5 or not _HEADING.issuperset(words) or _HEAD_NOUNS.isdisjoint(words):
        return None
    last = index + 1 >= len(document.segments)
    return None if last else _unlisted(document, options, index + 1)


_BEFORE_REASON = re.compile(
    r"[)\].:\"']*,? (?:because|since|as|rather than|instead of|not|over)\b", re.I
)


def _opening(document: Document, options: Options) -> Stated | None:
    """A response that begins with its answer: "B", "(c) A group ...", "Sure! It's B."."""
    if not document.segments:
        return None
    first, stop = document.bounds[0]
    greeting = all(
        flag & (STOP | JUDGE) or word in _EMPTY
        for flag, word in zip(document.flags[first:stop], document.words[first:stop], strict=True)
    )
    segment = document.segments[0]
    following = next((other for other in document.segments[1:] if other.opens), None)
    if segment.number and following is not None and following.number == segment.number + 1:
        return None
    pair = _paired(document, options)
    if pair is not None:
        return pair
    for index in range(2 if greeting and len(document.segments) > 1 else 1):
        named = alone(document, options, index)
        if named:
            listed = begins_list(document, named[0], index)
            return None if listed else Stated(named, "opening")
    at = segment.content
    while at < segment.end and document.text[at] in "([\"'$ ":
        at += 1
    label = labels_at(document.text, at, options)
    if label and len(label.options) == 1 and _BEFORE_REASON.match(document.text, label.end):
        return Stated(label.options, "opening")
    return _led(document, options)


def _paired(document: Document, options: Options) -> Stated | None:
    """A first sentence with label and text of one option side by side: "It has gone mouldy (C)."."""
    for index, segment in enumerate(document.segments[:3]):
        mentions = document.mentions[index]
        if not mentions:
            continue
        option = mentions[0].option
        pairs = [m for m in mentions if m.kind >= LABEL and m.stop - m.first > 1]
        if not pairs and len({m.kind for m in mentions}) > 1 and mentions[-1].kind == LABEL:
            pairs = [m for m in mentions if m.kind == LABEL]
        if not pairs or any(m.option != option for m in mentions):
            return None
        text = document.text
        before, behind = text[segment.content : mentions[0].start], text[pairs[-1].end :][:40]
        if _DENY.search(before) or _DENY.search(behind.split(".")[0]) or _SUPPOSES.search(before):
            return None
        if text[segment.end - 1] == "?" or begins_list(document, option, index):
            return None
        return Stated((option,), "opening")
    return None


def _led(document: Document, options: Options) -> Stated | None:
    """A first sentence that begins with a label, of that option only, with nothing against it."""
    segment, mentions = document.segments[0], document.mentions[0]
    if not mentions or mentions[0].first > document.bounds[0][0] or mentions[0].kind < TEXT:
        return None
    lead = mentions[0]
    if begins_list(document, lead.option, 0) or any(m.option != lead.option for m in mentions):
        return None
    if _DENY.search(document.text, lead.end, segment.end):
        return None
    whole = len(options.own_words[lead.option]) <= lead.stop - lead.first + 2
    short = segment.end - lead.end <= 60
    if lead.kind == LEAD and (short or whole):
        return Stated((lead.option,), "opening")
    return Stated((lead.option,), "opening") if lead.end >= segment.end - 2 else None


# Lists of options.

WINDOW = 64
"""Sentences around a line that are looked at."""


def leader(document: Document, index: int) -> int | None:
    """The option that a line opens with."""
    segment, mentions = document.segments[index], document.mentions[index]
    if not segment.opens or not mentions or mentions[0].kind < TEXT:
        return None
    return mentions[0].option if mentions[0].first <= document.bounds[index][0] + 1 else None


def begins_list(document: Document, option: int, index: int) -> bool:
    """What opens here is the first of several options, not an answer with a list behind it.

    A list that comes after an answer begins with an earlier option, or holds the answer too.
    """
    stop = min(len(document.segments), index + 1 + WINDOW)
    leaders = [leader(document, place) for place in range(index + 1, stop)]
    behind = next((place for place, found in enumerate(leaders) if found is not None), None)
    if behind is None or option in leaders:
        return False
    alike = document.segments[index + 1 + behind].kind == document.segments[index].kind
    return alike and (leaders[behind] or 0) > option


def goes_on(document: Document, option: int, index: int) -> bool:
    """The line before this one, in its paragraph, opens with the option before this one."""
    segments = document.segments
    for place in range(index - 1, max(-1, index - WINDOW), -1):
        if segments[place].paragraph != segments[index].paragraph:
            return False
        if segments[place].opens:
            return leader(document, place) == option - 1
    return False


# Options that are called right or wrong.

_BEHIND = r"[\s)\]\"',]*(?:therefore |thus |then |clearly |probably |likely |still |indeed )?"
_SURE = r"(?:is|are|would be|must be|remains|has to be|should be|will be|stands out as)"
_HOW = r"(?: (?:clearly|therefore|thus|likely|probably|indeed|then|by far|definitely|both|all))?"
_GOOD = (
    r"(?:only|single|most \w+|best|better|correct|right|strongest|final|logical|likely|likeliest|"
    r"closest)"
)
_UNLESS = r"(?! (?:if|only if|when|unless|many|most|some|people|one|\?)|\?)"
_THE_ANSWER = (
    rf" (?:the|our|my|an?) (?!only other)(?:(?:{_GOOD}(?:,| and)? ?)+(?:answers?|choice|option|one|fit|match|"
    rf"candidate|selection|response|statement)?|answer)\b{_UNLESS}"
)
_RIGHT = rf" (?:correct|right|best|true|most \w+|it)\b{_UNLESS}"
_CALLS = tuple(
    re.compile(_BEHIND + pattern, re.I)
    for pattern in (
        f"{_SURE}{_HOW}{_THE_ANSWER}",
        rf"(?:{_SURE}{_HOW}{_RIGHT}|it is\b|fits best\b|wins\b|(?:makes|fits|works)(?: the)? "
        rf"(?:most|best)\b|is what we (?:want|need)\b|is meant\b)",
        rf"(?:seems|appears|looks|sounds)(?: to be)?(?: like)?{_HOW}(?:{_THE_ANSWER}|{_RIGHT})",
    )
)
"""From the plainest to the most cautious."""
_UNDER = re.compile(
    r"\b(?:not|nor|neither|if|than|either|whether)\b(?: option| choice)?[\s(\[\"']*\Z", re.I
)


def _pronounced(document: Document, index: int) -> Stated | None:
    """A concluding sentence that calls one option, or a group of them, the answer."""
    segment = document.segments[index]
    if not document.mentions[index]:
        return None
    if not _CONCLUDES.match(document.text, segment.content, segment.end):
        return None
    return _called_in(document, range(index, index + 1))


def _called(document: Document, options: Options) -> Stated | None:
    """Such as "Option A is the best choice", else "A is correct", said of one option only."""
    return _called_in(document, range(len(document.segments)))


def _called_in(document: Document, places: range) -> Stated | None:
    for pattern in _CALLS:
        found = {
            mention.option: (mentions, number)
            for place in places
            for mentions in (document.mentions[place],)
            for number, mention in enumerate(mentions)
            if mention.kind >= TEXT
            and pattern.match(document.text, mention.end)
            and not _CASE.match(document.text, document.segments[place].content, mention.start)
            and not _UNDER.search(document.text, max(0, mention.start - 24), mention.start)
        }
        if len(found) == 1:
            mentions, number = found.popitem()[1]
            return Stated(_together(document, mentions, number), "called")
        if found:
            return None
    return None


def _together(document: Document, mentions: list[Mention], number: int) -> tuple[int, ...]:
    """The option with those that "and" joins to it, of which the same is said."""
    found = [mentions[number].option]
    while number and mentions[number - 1].kind >= TEXT:
        gap = document.text[mentions[number - 1].end : mentions[number].start]
        if not _JOINED.fullmatch(gap):
            break
        number -= 1
        if mentions[number].option not in found:
            found.append(mentions[number].option)
    return tuple(sorted(found))


TICKS = "\u2705\u2713\u2714\u2611"
CROSSES = "\u274c\u2717\u2718\u2715\u2716"
_YES = word_set("yes correct true right accept accepted keep")
_NO = word_set("no not incorrect false wrong reject rejected drop eliminate eliminated out")


def _verdicts(document: Document, options: Options) -> Stated | None:
    """Such as "A: no. B: yes. C: no.": the only yes, where most options have a verdict."""
    said = dict(verdicts_of(document))
    right = tuple(option for option, good in said.items() if good)
    if len(said) * 2 <= len(options.labels):
        return None
    return Stated(right, "verdicts") if len(right) == 1 else None


def verdicts_of(document: Document) -> Iterator[tuple[int, bool]]:
    """Each option with a word or sign on its line that pronounces it right or wrong."""
    current: int | None = None
    for index, segment in enumerate(document.segments):
        mentions = [mention for mention in document.mentions[index] if mention.kind >= TEXT]
        first, stop = document.bounds[index]
        if len(mentions) > 1 and mentions[0].kind >= LABEL and segment.kind != "row":
            ends = [*(mention.first for mention in mentions[1:]), stop]
            for mention, end in zip(mentions, ends, strict=True):
                good = _pronounces(document.words[mention.stop : min(end, mention.stop + 2)], "")
                if good is not None:
                    yield mention.option, good
        if mentions:
            close = mentions[0].first <= first + 2 or segment.kind in ("row", "item", "field")
            current = mentions[0].option if close else None
            first = mentions[0].stop
        if current is None or (len(mentions) > 1 and segment.kind == "sentence"):
            continue
        begin = document.text.rfind("\n", 0, segment.start) + 1 if segment.opens else segment.start
        words = document.words[first : stop if segment.kind == "row" else first + 2]
        good = _pronounces(words, document.text[begin : segment.end])
        if good is not None:
            yield current, good


def _pronounces(words: list[str], line: str) -> bool | None:
    """The verdict of a few words, or of a tick or a cross on a line; None for none."""
    wrong = any(word in _NO for word in words) or any(sign in line for sign in CROSSES)
    right = any(word in _YES for word in words) or any(sign in line for sign in TICKS)
    return None if wrong == right else right


def _left_over(document: Document, options: Options) -> Stated | None:
    """The only line of a list that denies nothing, or the only one in bold."""
    denied: dict[int, bool] = {}
    bold: set[int] = set()
    current: int | None = None
    for index, segment in enumerate(document.segments):
        opened = leader(document, index)
        if opened is not None:
            current = opened
            denied.setdefault(current, False)
            behind = document.raw[document.mentions[index][0].start - 4 : segment.end]
            if "**" in behind.strip()[:5] or "**yes" in behind.lower():
                bold.add(current)
        elif segment.opens:
            current = None
        if current is not None and _DENY.search(document.text, segment.content, segment.end):
            denied[current] = True
    if len(denied) < max(3, len(options.labels)) or breaks_off(document):
        return None
    left = [option for option, is_denied in denied.items() if not is_denied]
    if len(left) == 1:
        return Stated((left[0],), "asserted")
    return Stated((bold.pop(),), "asserted") if len(bold) == 1 else None


# Sentences that assert an option without saying that it is the answer.

ENOUGH = 3
"""Points that make an assertion an answer."""


def _asserted(document: Document, options: Options) -> Stated | None:
    """The sentence that most plainly asserts one option in the question's own terms."""
    if breaks_off(document) or declines(document.text):
        return None
    best, answer = ENOUGH - 1, None
    last = len(document.segments) - 1
    begin = next((index for index, found in enumerate(document.mentions) if found), 0)
    for index, segment in enumerate(document.segments):
        sure = [m for m in document.mentions[index] if m.kind >= TEXT]
        own = sure or document.mentions[index]
        if not own or any(m.option != own[0].option for m in own):
            continue
        option = own[0].option
        text = document.text
        around = text[segment.content : own[0].start] + " # " + text[own[-1].end : segment.end]
        if text[segment.end - 1] == "?" or _DENY.search(around):
            continue
        place = own[0].start - segment.content
        if _SUPPOSES.search(around[max(0, place - 40) : place + 16]):
            continue
        if leader(document, index) is not None and (
            begins_list(document, option, index) or goes_on(document, option, index)
        ):
            continue
        points = _points(document, options, index, bool(sure), (begin, last))
        if points > best:
            best, answer = points, option
    return None if answer is None else Stated((answer,), "asserted")


def _points(
    document: Document, options: Options, index: int, sure: bool, ends: tuple[int, int]
) -> int:
    """How plainly a sentence asserts the one option that it names."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    mentions = document.mentions[index]
    stems = set(document.stems[first:stop])
    shared = len(options.focus & stems) / len(options.focus) if options.focus else 0.0
    # Label and text side by side: "It has gone mouldy (C)."
    kinds = {mention.kind for mention in mentions}
    paired = any(m.kind >= LABEL and m.stop - m.first > 1 for m in mentions) or (
        len(kinds) > 1 and max(kinds) >= LABEL
    )
    bold = any("**" in document.raw[max(0, m.start - 4) : m.start] for m in mentions)
    leads = index == ends[0] and mentions[0].first <= first + 2
    closes = index == ends[1] and segment.kind == "sentence"
    concludes = _CONCLUDES.match(document.text, segment.content, segment.end) is not None
    return (
        2 * paired
        + (shared >= 0.3)
        + (shared >= 0.6)
        + sure
        + bold
        + (index == ends[0])
        + leads
        + closes
        + concludes
    )


_WAYS: tuple[Callable[[Document, Options], Stated | None], ...] = (
    _field,
    _declared,
    _opening,
    _called,
    _verdicts,
    _hinted,
    _left_over,
    _asserted,
)


# What became of the question.

_STOPPED = re.compile(
    r"<(?:\|(?:im_end|eot_id|end|endoftext|end_of_text)\||/s|end_of_turn|eos)>\s*\Z"
)
_TRAILING = re.compile(r"(?:<\|?/?[\w ]{1,20}\|?>|[\s*_#>~])+\Z")
_ENDS = re.compile(
    r"[.!?\u2026\u3002\"'\u201d\u2019)\]}`$|%\u00b0\u2600-\u27bf\U0001f300-\U0001faff]\Z"
)
_UNSTOPPED = re.compile(r"[^\W_]\Z")
_OPENED = re.compile(r"(?:\A|[\s(\[{])[\"']\Z")
_LATEX = re.compile(r"[\\^_]")
_DECLINES = re.compile(
    r"\bi (?:cannot|can't|can not|won't|will not|must decline|refuse)\b"
    r"(?! (?:see|be sure|say more))|"
    r"\b(?:i'm|i am) (?:sorry|unable|not able|not comfortable)\b|\bi apologi[sz]e\b|"
    r"\bas an? (?:ai|artificial|responsible|large language|language model)\b|"
    r"\bi (?:do not|don't) (?:have|hold) (?:\w+ ){0,3}(?:opinions?|beliefs?|feelings?|views?)\b|"
    r"\b(?:not|n't) (?:be )?(?:feel )?(?:appropriate|ethical|comfortable)\b|"
    r"\bagainst my (?:guidelines|programming|policy|policies|principles)\b|"
    r"\b(?:decline|refuse) to (?:answer|choose|respond|provide|select)\b|"
    r"\bno way for me to know\b",
    re.I,
)
TAIL, HEAD, LINES = 200, 400, 2000
"""Characters at the end for the end of a sentence, at both ends for a refusal, for other lines."""
REPEATS = 3
"""Times in a row that one sentence stands at the end where a model has lost itself."""


def outcome_of(
    text: str, document: Document, options: Options, answer: Stated, finish: FinishReason | None
) -> Outcome:
    """What became of the question."""
    if len(answer.options) > 1:
        return "multi"
    if answer.options:
        return "answered"
    if finish == "refusal" or declines(document.text):
        return "refused"
    if answer.how == "none":
        return "no_answer"
    ended = finish is not None or _STOPPED.search(text[-TAIL:])
    stops = not ended and (breaks_off(document) or _is_unfinished(document, options))
    return "cut" if stops or finish == "length" else "no_answer"


def declines(text: str) -> bool:
    """The response begins or ends by declining."""
    return bool(_DECLINES.search(text[:HEAD]) or _DECLINES.search(text[-TAIL:]))


def breaks_off(document: Document) -> bool:
    """The text stops in the middle of a sentence or a formula, or goes round in circles."""
    text, tail = document.text, document.text[-TAIL:]
    last = document.segments[-REPEATS:]
    if len(last) == REPEATS and len({text[s.content : s.end] for s in last}) == 1:
        return True
    trailing = _TRAILING.search(tail)
    end = tail[: trailing.start()] if trailing else tail
    if not end or _ENDS.search(end):
        formula = text.count("$") % 2 == 1 and _LATEX.search(text, text.rfind("$"))
        return bool(_OPENED.search(end) or formula)
    lines = [line.rstrip(" *_`|") for line in text[-LINES:].split("\n") if line.strip()][:-1]
    bare = sum(_UNSTOPPED.search(line) is not None for line in lines)
    return not _UNSTOPPED.search(end) or bare < 2 or bare * 2 < len(lines)


def _is_unfinished(document: Document, options: Options) -> bool:
    """Numbered items take up the options in turn, from the first, and stop before the last."""
    items = [
        (segment.number, leader(document, place))
        for place, segment in enumerate(document.segments[:WINDOW])
        if segment.number and segment.opens
    ]
    in_turn = all(item == (place + 1, place) for place, item in enumerate(items))
    return in_turn and 0 < len(items) < len(options.labels)
