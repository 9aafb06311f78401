"""Phrases that announce an answer, "the answer is", "so it must be", and what is named behind them.

Knows one sentence; English only. Whether a phrase counts hangs on what stands before it: what is
supposed, or what other people say, is no answer. Right behind it, more forms of a label count.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from starprobe.bench.readers.text.document import (
    AFTER_LABEL,
    LABEL,
    TEXT,
    Document,
    word_set,
)
from starprobe.bench.readers.text.options import Options

_PAST = r"(?:[^\w.?!;-]|_|-(?!\d))*+"
_LEAD_IN = re.compile(
    rf"{_PAST}(?:\\?(?:text|mathrm|textbf|mathbf|textit|boxed|fbox|mbox|bf) *+\{{)?{_PAST}"
    rf"(?:(?:clearly|therefore|thus|then|likely|most likely|probably|definitely|indeed|actually|"
    rf"simply|obviously|still|also|hence|now|both|either|only|just|of course|in fact),? ++)*+"
    rf"(?:the ++)?(?:(?:correct|right|best|final) ++)?"
    rf"(?:(?:options?|choices?|answers?|letter|alternative|statements?|number|situation)\b)?"
    rf"{_PAST}",
    re.I,
)
_QUOTE = re.compile(r"[\s\"'(\[$:]*+(?:\\?(?:text|mathrm|textbf|mathbf) *+\{)?(?:the |an? )?", re.I)
_AND = r"(?:\\text *\{)? *(?:and/or|and|or|&|/|\+|as well as) *\}?"
_MORE = re.compile(
    rf"[)\]}}\"']{{0,3}}(?: *, *(?:{_AND})?| *{_AND}) *"
    r"(?:also |both |either |possibly |perhaps |maybe |even )?"
    r"(?:options? )?[(\[\"']?",
    re.I,
)
_MORE_TEXT = re.compile(rf"[)\]}}\"']{{0,3}},? *{_AND} *(?:the |an? )?[\"']?", re.I)
_RUN = re.compile(r"[A-Z]{2,8}(?=[)\].,\s\"'}]|\Z)")
_CLOSED = re.compile(r"\Z|[^\w\s+#'-]|['-](?!\w)| *(?:\n|\Z)| +[^\w\s]")
_WORD = re.compile(r" {1,4}([a-z]+)")
_BREAKS, _POINTS = frozenset("^_/*%"), frozenset(".,")
_ARTICLE = re.compile(r"\W*(?:the|an?)?\W*", re.I)
MOST_APART = 8
"""Characters between a cue and the text of an option that stands right behind it."""


class Reference(NamedTuple):
    """The options named at one place."""

    options: tuple[int, ...]
    start: int
    end: int


def reference_at(document: Document, options: Options, at: int) -> Reference | None:
    """What is named right at a place, past brackets, quotes, "option" and the like."""
    lead = _LEAD_IN.match(document.text, at)
    place = lead.end() if lead else at
    literal = _texts_at(document.text, options, at, place)
    named = labels_at(document.text, place, options)
    if literal and (named is None or literal.end >= named.end):
        return literal
    return named or _mention_at(document, place)


def _texts_at(text: str, options: Options, at: int, place: int) -> Reference | None:
    """The options whose texts stand here as they are, joined by "and"."""
    quote = _QUOTE.match(text, at)
    first = _text_at(text, options, quote.end() if quote else at) or _text_at(text, options, place)
    if first is None:
        return None
    found, end = [*first.options], first.end
    for _ in options.texts:
        more = _MORE_TEXT.match(text, end)
        other = _text_at(text, options, more.end()) if more else None
        if other is None:
            break
        found += [option for option in other.options if option not in found]
        end = other.end
    return Reference(tuple(found), first.start, end)


def _text_at(text: str, options: Options, start: int) -> Reference | None:
    """The option with the longest text that stands here as it is, "-3" with its sign."""
    for known, option in options.by_start.get(text[start : start + 1].lower(), ()):
        end = start + len(known)
        if text[start:end].lower() == known and _ends(text, end):
            return Reference((option,), start, end)
    return None


def _ends(text: str, end: int) -> bool:
    """No word, number or formula goes on here."""
    after = text[end : end + 1]
    if text[end - 1 : end].isalnum() and (after.isalnum() or after in _BREAKS):
        return False
    return not (after in _POINTS and text[end + 1 : end + 2].isdigit())


def labels_at(text: str, at: int, options: Options) -> Reference | None:
    """The labels that stand right here: "B", "(a)", "A and C", "ACD"."""
    run, labelling = _RUN.match(text, at), options.labelling
    if run and labelling.scheme == "upper" and _is_run(run[0], labelling.labels):
        return Reference(tuple(labelling.by_label[form] for form in run[0]), at, run.end())
    found: list[int] = []
    begin = end = at
    for _ in labelling.labels:
        label = labelling.pattern.match(text, at)
        if label is None or not is_label(text, label, options):
            break
        if found and label[0] not in labelling.labels:
            break
        if not found:
            begin = label.start()
        option, end = labelling.by_label[label[0]], label.end()
        if option not in found:
            found.append(option)
        more = _MORE.match(text, end)
        if more is None:
            break
        at = more.end()
    return Reference(tuple(found), begin, end) if found else None


def _is_run(letters: str, labels: tuple[str, ...]) -> bool:
    together = set(letters)
    return len(together) == len(letters) and together <= set(labels)


def is_label(text: str, label: re.Match[str], options: Options) -> bool:
    """The form of a label, where an answer is due, is one: no article, pronoun or amount."""
    form, end = label[0], label.end()
    if text[end : end + 1] in tuple("+#"):
        return False
    closed = _CLOSED.match(text, end) is not None
    if form.isdigit():
        return not _goes_on(text, end) and (closed or _word_after(text, end) in AFTER_LABEL)
    if form in ("a", "i", "I") or (form.islower() and options.labelling.scheme == "upper"):
        return closed or _word_after(text, end) in ("because", "since", "instead")
    if form == "A" and text[end : end + 1] == " ":
        word = _word_after(text, end)
        return closed or not word or word in AFTER_LABEL
    return True


def _goes_on(text: str, end: int) -> bool:
    """Such as "2.5", "2/3" and "2%": another number."""
    following = text[end : end + 2]
    return following[:1] == "%" or (following[:1] in tuple(".,/:") and following[1:].isdigit())


def _word_after(text: str, end: int) -> str:
    word = _WORD.match(text, end)
    return word[1] if word else ""


def _mention_at(document: Document, place: int) -> Reference | None:
    """The option whose whole text begins here."""
    index = segment_at(document, place)
    for own in document.mentions[index : index + 2]:
        for mention in own:
            if mention.start > place + MOST_APART:
                break
            if mention.kind >= TEXT and _ARTICLE.fullmatch(document.text, place, mention.start):
                return Reference((mention.option,), mention.start, mention.end)
    return None


def segment_at(document: Document, position: int) -> int:
    """The last segment that begins at or before a position."""
    found = bisect_right(document.segments, position, key=lambda segment: segment.start) - 1
    return max(0, found)


FAR, NEAR, WEAK = 2, 1, 0
"""Whose a cue is: one that may say that there is no answer; one that must have an option right
behind it; one that counts where nothing better is said anywhere."""


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
HEADS = frozenset(_BY_HEAD)
_FIRST_PERSON = word_set("i we i'd we'd i'll we'll i'm we're let's would will i've we've us")
_CONNECTIVES = word_set(
    "so thus therefore hence actually then no wait think believe guess say conclude probably "
    "instead rather conclusion"
)
_OPTION_NOUNS = word_set("option choice answer situation statement letter alternative")
NEAR_END = 4
"""Sentences from the end in which phrases count that alone say little."""
MAX_CUES = 8
"""Cues of a sentence that are looked at."""
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
CASE = re.compile(
    r"(?:[^.?!\n]*\b(?:in (?:that|this|which) case|were meant|had been)\b|\W*if (?!i |we |you |"
    r"one |forced|pressed))",
    re.I,
)
"""A sentence about another question than the one that was asked."""
_HYPOTHETICAL = re.compile(
    r"[^.?!\n]{0,40}\b(?:one|you|people|many|most|somebody|someone|students|candidates)"
    r"(?: people| students)?(?: would| might| could| may|'d)?(?: \w+)? (?:give|say|think|expect|"
    r"choose|guess|pick|blurt\w*)\b",
    re.I,
)
_JOINS = re.compile(r"\band\b|&", re.I)
NONE = re.compile(
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
_UNTOLD = re.compile(
    r"\b(?:im|not )possible to (?:say|tell|determine|know|answer)\b|"
    r"\b(?:not|n't) (?:have )?(?:enough|sufficient) information\b|\binsufficient information\b|"
    r"\bneed more information\b|"
    r"\bcan(?:'t|not| not) (?:make a determination|be (?:certain|sure)|say for (?:sure|certain))\b",
    re.I,
)
"""What counts as an answer only where an option says that none can be given."""
NO_HEADS = word_set(
    "none no not isn't aren't doesn't can't cannot undetermined determined neither unknown"
)
DENY = re.compile(
    r"\bnot\b|n't\b|\bnever\b|\bcannot\b|\bin(?:correct|accurate|valid)\b|\bless\b|\bwrong\b|"
    r"\bfalse\b|\bun(?:likely|true|suitable)\b|\bout\b|\beliminated\b|\bfails?\b|\bneither\b|\bnor\b",
    re.I,
)
JOINED = re.compile(r"[\s)(\]\"']*(?:,? ?(?:and|or|&)|,)?[\s(\[\"']*(?:option|choice)?[\s(\[]*")


def none_of_them(options: Options) -> Stated:
    """No option, unless one of them says just that."""
    return Stated(tuple(options.none_of) if len(options.none_of) == 1 else (), "none")


def announced_in(
    document: Document, options: Options, index: int, weak: bool = False
) -> Stated | None:
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
    if match[0].lower().endswith("would be") and CASE.match(text, segment.content, begin):
        return None
    inside = (m.kind >= LABEL and begin < m.start < match.end() for m in document.mentions[index])
    if any(inside) and document.words[token] != "not":
        return None
    if _NO_OPTION.search(text, match.end(), segment.end):
        return none_of_them(options)
    if _HYPOTHETICAL.match(text, begin, match.end()):
        return None
    named = reference_at(document, options, match.end())
    if named:
        if _is_offered(document, options, named, match.end(), reach):
            return None
        return Stated(_united(options, _listed_on(document, options, named)), "declared")
    if reach == FAR and NONE.match(text, match.end()):
        return none_of_them(options)
    return None


def _is_offered(
    document: Document, options: Options, found: Reference, cue_end: int, reach: int
) -> bool:
    """All options are named to choose from, or on the next line the first of a list."""
    text = document.text
    if len(found.options) > 2 and len(found.options) == len(options.texts):
        joined = _JOINS.search(text, found.start, found.end)
        return reach < FAR or text[cue_end - 1] in ":=-> \u2192" or not joined
    if "\n" not in text[cue_end : found.start]:
        return False
    return begins_list(document, found.options[0], segment_at(document, found.start))


def _listed_on(document: Document, options: Options, found: Reference) -> tuple[int, ...]:
    """Such as "[A] its text and [C] its text": labels that go on behind the text of the first."""
    named, end = list(found.options), found.end
    while len(named) < len(options.texts):
        own = options.texts[named[-1]].lower()
        at = end
        while at < len(document.text) and document.text[at] in " )].:'\"-":
            at += 1
        if not own or document.text[at : at + len(own)].lower() != own:
            break
        more = JOINED.match(document.text, at + len(own))
        other = labels_at(document.text, more.end(), options) if more and more[0].strip() else None
        if other is None or other.options[0] in named:
            break
        named, end = [*named, *other.options], other.end
    return tuple(dict.fromkeys(named))


def _united(options: Options, named: tuple[int, ...]) -> tuple[int, ...]:
    """All the others are named: that is the option "all of the above"."""
    if len(named) > 1 and len(options.all_of) == 1 and len(named) == len(options.texts) - 1:
        (whole,) = options.all_of
        return (whole,) if whole not in named else named
    return named


def refused_in(document: Document, options: Options, index: int) -> Stated | None:
    """A closing sentence that says that no option holds, or that none can be told."""
    segment = document.segments[index]
    found = _NO_OPTION.search(document.text, segment.content, segment.end)
    if found is None and options.none_of:
        found = _UNTOLD.search(document.text, segment.content, segment.end)
    if found is None or "other" in document.text[found.start() : found.end() + 12].lower():
        return None
    return none_of_them(options)


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
HEAD, TAIL = 400, 200
"""Characters at both ends in which a refusal stands."""


def declines(text: str) -> bool:
    """The response begins or ends by declining."""
    return bool(_DECLINES.search(text[:HEAD]) or _DECLINES.search(text[-TAIL:]))


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
