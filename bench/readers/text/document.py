"""Text -> document: made plain with every offset kept, tokens and their kinds, and segments.

Segments are sentences, list items, headings, rows and JSON fields. Knows nothing of options, except
that a single letter before a full stop ends no sentence. Offsets are characters of the original
text, always.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from itertools import accumulate, repeat
from typing import NamedTuple

TOKEN = re.compile(r"non-[^\W_]+|\d+(?:[.,:]\d+)+|[^\W_]+(?:'[^\W_]+)?(?:\+\+|#)?", re.IGNORECASE)

_SINGLES = {
    "\u2018": "'", "\u2019": "'", "\u201b": "'", "\u02bc": "'", "`": "'",
    "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ", "\u200b": " ", "\ufeff": " ",
    "\t": " ", "\r": " ", "\x0b": " ", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n",
    "\uff1a": ":", "\uff0e": ".", "\uff09": ")", "\uff08": "(", "\u3002": ".", "\uff0c": ",",
    "\u2022": "-", "\u25cf": "-", "\u25aa": "-", "\u25e6": "-", "\u2023": "-", "\u00b7": "-",
}  # fmt: skip
_SINGLES |= {chr(0xFF21 + i): chr(65 + i) for i in range(26)}
_SINGLES |= {chr(0xFF41 + i): chr(97 + i) for i in range(26)}
_TABLE = str.maketrans(_SINGLES)

_SPECIAL = re.compile(r"[^\n !-$&-)+-;=-Z\]^_a-~]|__")
"""What `normalise` may change."""
_BULLET_STAR = re.compile(r"^([ >|]*)\*(?= )", re.MULTILINE)
_JSON_START = re.compile(r"\s*(?:'''?|```)?\s*(?:json)?\s*[{\[]\s*[\"'{\[]")
_JSON_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_TAG = re.compile(
    r"(?<!<)<\|?/?\s*\|?(?P<tag>[a-zA-Z][\w-]{0,24})(?:[ :=][^<>\n]{0,60})?\|?>"
    r"|[%\[]/?(?P<plain>(?:ant)?think(?:ing)?|scratchpad|reasoning|reflection)[%\]]",
    re.IGNORECASE,
)
_ANSWER_TAGS = frozenset({"answer", "final_answer", "final", "choice", "output", "result"})


def normalise(text: str) -> str:
    """The text with typographic variants, JSON escapes, tags and emphasis made plain.

    Same length as the text, so that every offset in the result is an offset in the text.
    """
    if not _SPECIAL.search(text):
        return text
    plain = text.translate(_TABLE)
    if "\\" in plain and _JSON_START.match(plain[:200]):
        plain = _JSON_ESCAPE.sub(_unescape, plain)
    if "*" in plain:
        plain = _BULLET_STAR.sub(r"\1-", plain).replace("*", " ")
    if "__" in plain:
        plain = plain.replace("__", "  ")
    if "<" in plain or "%" in plain or "[" in plain:
        plain = _TAG.sub(_untag, plain)
    return plain


def _unescape(match: re.Match[str]) -> str:
    return {"n": " \n", "t": "  ", "r": "  ", '"': ' "', "/": " /"}.get(match[1], match[0])


def _untag(match: re.Match[str]) -> str:
    # A tag is a line break: what stands before and after it are different parts.
    width = len(match[0])
    if width >= 8 and "/" not in match[0] and (match["tag"] or "").lower() in _ANSWER_TAGS:
        return "\nanswer:".ljust(width)
    return "\n" + " " * (width - 1)


_SUFFIXES = (
    "izations", "isations", "ization", "isation", "ational", "ations", "ation", "ities", "ments",
    "ment", "ances", "ance", "ences", "ence", "ness", "ings", "ing", "ity", "ously", "ious",
    "ally", "ical", "able", "ible", "tions", "tion", "sions", "sion", "ions", "ion", "ies", "ied",
    "ers", "est", "ors", "ed", "er", "or", "es", "ly", "al", "ic", "ive", "ous", "age",
    "s", "e", "y",
)  # fmt: skip


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A short form that most inflections and many derivations of a lower-case word share."""
    if word.endswith("'s"):
        word = word[:-2]
    if len(word) <= 3 or not word.isalpha():
        return word
    for _ in range(2):
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 4 - (len(suffix) == 1):
                word = word[: -len(suffix)]
                break
        else:
            break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word


OPENING = 6
"""Letters of a stem that two words of one root share: "president", "presidential"."""


@lru_cache(maxsize=512)
def openings(stems: frozenset[str]) -> frozenset[str]:
    """The first letters of those stems that are long enough to be told by them."""
    return frozenset(key[:OPENING] for key in stems if len(key) >= OPENING)


def word_set(words: str) -> frozenset[str]:
    """The words of a string that lists them."""
    return frozenset(words.split())


def tokens_of(plain: str) -> list[str]:
    """Lower-case tokens of a text that is normalised."""
    return TOKEN.findall(plain.lower())


def words_of(text: str) -> list[str]:
    """Lower-case tokens of a short text, such as an option."""
    return tokens_of(normalise(text))


STOP = 1
"""Function words: they carry no reason."""
JUDGE = 2
"""Bare judgement and talk about the task: "correct", "option", "question"."""
POSITIVE = 4
NEGATIVE = 8
"""Words that speak against: "incorrect", "unlikely", "lacks"."""
NEGATION = 16
"""Words that turn what follows round: "not", "doesn't", "never"."""
CAUSE = 32
CONTRAST = 64
"""Words that single one out: "only", "best", "most"."""
PRONOUN = 512
"""Can open a sentence that goes on about what was named before."""
COMPARE = 2048
REJECT = 4096
"""Verbs of elimination: "eliminate", "exclude", "rule"."""
COPULA = 8192
"""Verbs that can directly follow a subject."""
VERDICT = 16384
"""Words that pronounce on an option; with POSITIVE or NEGATIVE they say which way."""

_LISTS: tuple[tuple[int, str], ...] = (
    (
        STOP,
        "a an the of to in on at by for with from into onto upon about over under between "
        "among as is are was were be been being am do does did done doing have has had having "
        "can could may might will would shall should must ought and or nor but if then than "
        "that this these those there here it its itself he him his she her hers they them "
        "their theirs we us our ours you your yours i me my mine who whom whose which what "
        "when where why how all any each every both either neither some such no not only own "
        "same so too very just also more most much many few less least other another others "
        "one ones out up down off again further once during before after above below through "
        "while because until against though although however since due per via isn't aren't "
        "wasn't weren't don't doesn't didn't can't cannot couldn't won't wouldn't shouldn't "
        "hasn't haven't hadn't it's that's there's let's i'm i've i'd we're we've they're he's "
        "she's what's who's you're never ever yet still even quite rather perhaps maybe indeed "
        "actually really well else instead thus therefore hence whether within without toward "
        "towards get gets got make makes made say says said go goes going let lets take takes "
        "e.g i.e etc firstly secondly finally lastly next now like unlike s t re ve ll d m",
    ),
    (
        JUDGE,
        "address addresses addressing addressed fact facts solution solutions approach method "
        "important crucial critical vital necessary essential importance significant "
        "significantly significance concept idea aspect topic issue "
        "correct incorrect right wrong true false answer answers option options choice choices "
        "statement statements question questions best better good bad likely unlikely probable "
        "probably plausible implausible possible impossible suitable unsuitable appropriate "
        "inappropriate valid invalid accurate inaccurate accurately reasonable unreasonable "
        "viable relevant irrelevant logical illogical sensible final select selected selecting "
        "choose chosen choosing pick picked eliminate eliminated eliminating exclude excluded "
        "rule ruled consider considered considering analyze analyse analyzing analysis "
        "evaluate evaluating evaluation break breakdown step steps given provided listed "
        "following based information conclusion conclude concluded determine determining "
        "identify think thinking solve find know explanation reasoning reason reasons "
        "rationale seem seems appear appears fit fits fitting match matches matching candidate "
        "candidates possibility possibilities scenario case cases directly clearly obviously "
        "definitely certainly simply mainly primarily typically usually generally necessarily "
        "exactly specifically particularly main primary closest mentioned mention mentions "
        "refer refers refers refer describe describes described mean means meaning look "
        "looking looks go going okay ok alright hmm wait sure yes maybe guess wikipedia help "
        "sense makes make most least example called known considered context term terms type "
        "kind answered choice's above below overall summary according apply applies applicable "
        "explain explains description definition characteristic typical common commonly lead "
        "leads leading occur occurs include includes included including involve involves "
        "involved result results resulting show shows shown use uses using relate relates "
        "related associated provide provides thing things something anything way ways work "
        "works working want wants need needs come comes believe believes assume suppose "
        "indicate indicates suggest suggests imply implies represent represents cause causes "
        "caused",
    ),
    (
        POSITIVE,
        "correct right true best better suitable appropriate valid accurate plausible "
        "reasonable viable likely logical sensible relevant ideal perfect perfectly fits fit "
        "fitting matches match aligns align satisfies satisfy meets meet holds supports yes "
        "indeed good great strong consistent makes effective helps help correctly accurately "
        "clearly strongest designed essential key directly exactly",
    ),
    (
        NEGATIVE,
        "incorrect wrong false unlikely implausible invalid inaccurate irrelevant unsuitable "
        "inappropriate illogical unreasonable impossible unrelated lacks lack lacking fails "
        "fail failing contradicts contradict contradictory inconsistent impractical poor bad "
        "worse less unnecessary insufficient inadequate misleading eliminated excluded ruled "
        "incorrectly opposite contrary unable overly too irrelevance mistaken improbable "
        "untrue without ineffective unhelpful harmful problem problems misses ignores "
        "incomplete doubtful far counterproductive weak weaker limited doubt discard discarded "
        "rejected reject harm harms destroy destroys destroying damage damages damaging "
        "pollute dangerous danger unsafe difficult inefficient misleads outdated illegal "
        "unethical mismatch irrational absurd nonsense",
    ),
    (
        NEGATION,
        "not no never none nor neither cannot isn't aren't wasn't weren't don't doesn't didn't "
        "can't couldn't won't wouldn't shouldn't hasn't haven't hadn't without nothing rarely "
        "hardly seldom nobody nowhere non barely scarcely dont doesnt isnt cant wont",
    ),
    (
        CAUSE,
        "because since as due therefore thus so hence which means implies indicates suggests "
        "causes leads allows cause lead making designed used reason since requires involves "
        "refers means",
    ),
    (
        CONTRAST,
        "but however although though while whereas yet despite instead rather still "
        "nevertheless nonetheless unlike conversely",
    ),
    (
        PRONOUN,
        "it this these those they that he she its their his her such here i there which for in "
        "as so also however while although but additionally furthermore moreover since because "
        "if when some both even although though thus or and",
    ),
    (COMPARE, "than unlike versus vs compared rather instead opposed beats outperforms exceeds"),
    (
        REJECT,
        "eliminate eliminated eliminating exclude excluded excluding rule ruled ruling discard "
        "discarded dismiss dismissed reject rejected out",
    ),
    (
        COPULA,
        "is are was were isn't aren't wasn't weren't does doesn't do don't did didn't can "
        "can't cannot could couldn't would wouldn't will won't should shouldn't may might must "
        "has have had hasn't haven't seems appears describes refers represents states says "
        "suggests implies involves means mentions talks sounds looks makes fits matches "
        "contains includes gives provides shows correctly incorrectly also and or",
    ),
    (
        VERDICT,
        "correct right true accurate valid answer incorrect wrong false inaccurate invalid untrue "
        "eliminated excluded discarded implausible impossible incorrectly correctly",
    ),
)


def _flags() -> dict[str, int]:
    flags: dict[str, int] = {}
    for flag, words in _LISTS:
        for word in words.split():
            flags[word] = flags.get(word, 0) | flag
    return flags


FLAGS: dict[str, int] = _flags()
"""Lower-case word -> flags; a word that is not here has none."""


OPTION_WORDS = word_set(
    "option options choice choices answer answers statement statements alternative "
    "alternatives situation situations candidate candidates item items letter letters "
    "response responses label selection possibility scenario opt ans"
)
"""Nouns after which a letter is a label."""

AFTER_LABEL = word_set(
    "because since as is was are for due which that and or but with from by in the so if "
    "when while its it has have would will can could should seems appears describes does do "
    "did may might must then here also rather"
)
"""Words that can follow a capital A which is a label, and hardly one that is the article."""

ORDINALS = {
    word: index
    for index, word in enumerate(
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]
    )
}
"""The ordinal before "option", "choice", "statement" -> place."""
ORDINAL_WORDS = frozenset({*ORDINALS, "last"})

NOT_LABEL_AFTER = word_set(
    "vitamin vitamins type types hepatitis grade appendix section phase point points vector "
    "set event person company country firm player mr mrs dr plan group class figure part "
    "block team city node variable matrix line segment angle process program language state "
    "bank object protein antigen blood influenza batch sample molecule gene allele product "
    "step room and/or"
)
"""Nouns after which a capital letter is a name of something else."""

_LINE = re.compile(r"[^\n]+")
_MARKER = re.compile(
    r"(?:[ >|]*+(?:-{1,3}+(?=[ (])|\+ |#{1,6}+|[{\[,](?= {0,4}[\"'{\[])|"
    r"[\"'](?=[\w(\[]))){0,4}+[ >|\"']*+"
)
_NUMBER = re.compile(
    r"(?:(?:step|point|item) {1,3})?[(\[]?\d{1,3}[.):\]](?: ?[-:])? {1,9}(?=\D)|"
    r"step {1,3}\d{1,3} {0,3}[:.)-]++ {0,3}",
    re.I,
)
_END = re.compile(r"[.!?]['\")\]]*(?= +\S|$)")
_STARTERS = re.compile(
    r" *['\"(]*(?:so|therefore|thus|this|these|the|it|because|however|hence|explanation|reason|in|"
    r"here|we|i|based|that|although|while|since|since|option|choice|answer|my|note|step|let|for|"
    r"and|but|question|q|a)\b",
    re.I,
)
_ABBREVIATIONS = word_set(
    "e.g i.e vs etc dr mr mrs ms prof st no fig eq al cf approx inc ltd co u.s u.k jr sr ca"
)
_LONG = frozenset({"prof", "prox"})
"""The ends of those of more than three letters."""
_LAST_WORD = re.compile(r"[\w.]+$")
_FIELD = re.compile(r"\"(?P<key>\w[\w -]{0,40})\" {0,4}: {0,4}")
LABEL_KEY = 4
MAX_SENTENCE = 4000
"""Characters after which a sentence is cut, so that a text without full stops stays linear."""


class Segment(NamedTuple):
    """One stretch of text that says one thing."""

    start: int
    end: int
    """[start, end) in characters, without surrounding blanks."""
    content: int
    """Where the words begin, after a bullet, a number or a quote mark."""
    kind: str
    """sentence, item, heading, row or field."""
    line: int
    paragraph: int
    opens: bool
    """First of its line."""
    indent: int
    key: str
    """Of a JSON field; empty for none."""


def split(text: str) -> list[Segment]:
    """The segments of a normalised text, in order and apart. Linear in the length of the text."""
    segments: list[Segment] = []
    paragraph, previous_end = 0, 0
    is_json = text[:400].lstrip(" \n`'jsonJSON").startswith(("{", "["))
    for number, line in enumerate(_LINE.finditer(text)):
        start, end = line.span()
        while end > start and text[end - 1] == " ":
            end -= 1
        if start == end or not any(map(str.isalnum, text[start:end])):
            continue
        if text.count("\n", previous_end, start) > 1:
            paragraph += 1
        previous_end = end
        if is_json and '"' in line[0]:
            segments += _fields(text, start, end, number, paragraph)
        else:
            segments += _sentences(text, start, end, number, paragraph)
    return segments


def _fields(text: str, start: int, end: int, line: int, paragraph: int) -> list[Segment]:
    """The values of one line of JSON, each with its key."""
    keys = list(_FIELD.finditer(text, start, end))
    if not keys:
        return _sentences(text, start, end, line, paragraph)
    found: list[Segment] = []
    if keys[0].start() > start and any(map(str.isalnum, text[start : keys[0].start()])):
        found += _sentences(text, start, keys[0].start(), line, paragraph)
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        stop = following.start() if following else end
        name = key["key"].strip().lower()
        # A short key may be a label; it then is part of what it says.
        begin = key.start() if len(name) <= LABEL_KEY else key.end()
        found += _sentences(text, begin, stop, line, paragraph, name)
    return found


def _sentences(
    text: str, start: int, end: int, line: int, paragraph: int, key: str = ""
) -> list[Segment]:
    """The sentences of one line."""
    indent = 0
    while start < end and text[start] == " ":
        start += 1
        indent += 1
    marker = _MARKER.match(text, start, end)
    content = marker.end() if marker else start
    number = _NUMBER.match(text, content, end)
    kind = _kind(text, start, content, end, bool(number), key)
    words = number.end() if number else content
    found: list[Segment] = []
    at, opens = start, True
    for stop in _stops(text, words, end) if kind != "row" else [end]:
        if any(map(str.isalnum, text[at:stop])):
            begin = words if opens else at
            found.append(Segment(at, stop, begin, kind, line, paragraph, opens, indent, key))
            opens = False
        at = stop
        while at < end and text[at] == " ":
            at += 1
    return found


def _kind(text: str, start: int, content: int, end: int, numbered: bool, key: str) -> str:
    marks = text[start:content]
    if key:
        return "field"
    if "#" in marks:
        return "heading"
    if text.count("|", start, end) >= 2:
        return "row"
    if numbered or "-" in marks or "+" in marks:
        return "item"
    return "sentence"


def _stops(text: str, start: int, end: int) -> list[int]:
    """Where the sentences between start and end end; the last is `end`."""
    stops, begin = [], start
    for match in _END.finditer(text, start, end):
        stops_here = text[match.start()] != "." or _is_stop(text, begin, match)
        if not stops_here and match.end() - begin < MAX_SENTENCE:
            continue
        if match.end() < end:
            stops.append(match.end())
            begin = match.end()
    return [*stops, end]


def _is_stop(text: str, begin: int, match: re.Match[str]) -> bool:
    at = match.start()
    tail = text[max(begin, at - 4) : at]
    if len(tail) == 4 and tail.isalpha() and tail.lower() not in _LONG:
        return not text[match.end() : match.end() + 24].lstrip(" '\"(")[:1].islower()
    before = _LAST_WORD.search(text, max(begin, at - 12), at)
    word = before[0] if before else ""
    following = text[match.end() : match.end() + 24].lstrip(" '\"(")
    if word.lower() in _ABBREVIATIONS:
        # "no. 5" is a number; "so no. Mars ..." ends a sentence.
        return word.lower() == "no" and not following[:1].isdigit()
    if len(word) == 1 and word.isalpha():
        # "A. Snort" opens an option; "the answer is A. So ..." ends a sentence.
        return at - begin > 8 and bool(_STARTERS.match(following))
    if word.isdigit() and at - begin <= 4:
        return False
    return not following[:1].islower()


LEAD = 4
"""A label at the beginning of a line or of a sentence: "A.", "(b)", "**C)**", "Option D:"."""
LABEL = 3
TEXT = 2
FUZZY = 1
"""Most of the telling words of the option, in one segment."""


class Mention(NamedTuple):
    """One reference to one option."""

    option: int
    first: int
    """First token."""
    stop: int
    """One past the last token."""
    start: int
    end: int
    """Characters."""
    kind: int
    score: float
    """Share of the option's telling words; 1 for a label or the whole text."""


class Document(NamedTuple):
    """A response cut into tokens and segments, with the mentions of each segment."""

    raw: str
    text: str
    """Normalised: as long as the original."""
    words: list[str]
    stems: list[str]
    flags: list[int]
    starts: list[int]
    ends: list[int]
    segments: list[Segment]
    bounds: list[tuple[int, int]]
    """Of each segment: its first token (after a marker) and one past its last."""
    mentions: list[list[Mention]]
    """Of each segment, in order, apart."""


_PARTS = re.compile(f"({TOKEN.pattern})", TOKEN.flags)
"""Cuts a text into what stands between tokens and tokens, by turns."""


def cut(raw: str) -> Document:
    """The tokens and segments of a text, without mentions."""
    plain = normalise(raw)
    parts = _PARTS.split(plain)
    bounds = list(accumulate(map(len, parts)))
    words, starts, ends = list(map(str.lower, parts[1::2])), bounds[0:-1:2], bounds[1::2]
    flags = list(map(FLAGS.get, words, repeat(0)))
    segments = split(plain)
    inside, at = [], 0
    for segment in segments:
        first = bisect_left(starts, segment.content, at)
        at = bisect_left(starts, segment.end, first)
        inside.append((first, at))
    return Document(
        raw, plain, words, list(map(stem, words)), flags, starts, ends, segments, inside, []
    )
