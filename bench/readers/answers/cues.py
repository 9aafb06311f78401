"""The words that announce an answer, keyed by one word of each: "answer is", "I'd go with".

Knows English phrases only; what is named behind them is for `references` to find.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from starprobe.bench.readers.words import word_set

FAR, NEAR, LAST, WEAK = 3, 2, 1, 0
"""How far the option may stand: in the rest of the sentence; right behind; right behind and closing
the clause; and right behind where nothing better is said anywhere."""


class Cue(NamedTuple):
    """What has to follow the head word, and how far it reaches."""

    pattern: re.Pattern[str]
    reach: int


_IS = (
    r"(?:is|are|was|were|would be|will be|should be|must be|may be|might be|could be|can only be|"
    r"has to be|have to be|to be|becomes|remains|seems to be|appears to be)\b"
)
_IT_IS = r"(?:'s|(?: (?:correct|right|best|final))? {0,2}" + _IS + r")"
_NOUNS = (
    r"(?:options?|choices?|answers?|statements?|description|selection|one|reason|response|letter|"
    r"alternative|candidate|match|fit)"
)


def _cue(pattern: str, reach: int) -> Cue:
    return Cue(re.compile(pattern, re.I), reach)


_ANSWER = _cue(rf"answers?\b[^.?!\n:]{{0,60}}?(?:\b{_IS}|[:=\u2192]| --? )", FAR)
_SUPERLATIVE = _cue(
    rf"\w+\b[^.?!\n:]{{0,80}}?\b{_NOUNS}\b[^.?!\n:]{{0,120}}?(?:\b{_IS}|[:=\u2192])", FAR
)
_OPTION = _cue(r"options?\b[^.?!\n:]{0,60}?\bthat\b[^.?!\n:]{0,120}?\bis\b", FAR)
_BOXED = _cue(r"f?boxed *\{|fbox *\{", FAR)
_CHOOSE = _cue(r"\w+(?: (?:for|on|to report|only|with))?(?: the)?\b:?", FAR)
_GO_WITH = _cue(r"(?:go(?:ing)?|went|gone) (?:ahead )?with\b", FAR)
_LEAN = _cue(r"lean(?:ing)? (?:more )?(?:towards?|to)\b", NEAR)
_SAY = _cue(rf"\w+:?(?: that)?(?: (?:it|that|this|they){_IT_IS})?", NEAR)
_NOT_BUT = _cue(r"not\b[^.?!\n:]{1,40}?\b(?:but|it(?:'s| is))\b", FAR)
_LABELLED = _cue(rf"\w+ *(?:[:=\u2192]| --? )|\w+ {_IS}", NEAR)
_RESULT = _cue(r"\w+ *[:=\u2192]", WEAK)
_SO = _cue(r"\w+[,:]?", LAST)
_IT = _cue(rf"(?:it|that|this|which|these|one){_IT_IS}|(?:it's|that's)", WEAK)
_THAT_IS = _cue(r"(?<=\bi\.)e\.,?", WEAK)
_LEAVES = _cue(
    r"(?:leaves|leaving|left|remains)(?: (?:us|me|you))?(?: (?:with|only|just|behind))*:?", WEAK
)
_MATCHES = _cue(
    r"(?:corresponds?|corresponding|equivalent|points?|pointing|leads?(?: (?:us|me))?) to|"
    r"match(?:es|ing)?(?: (?:with|to))?|means(?: that)?",
    WEAK,
)

_HEADS: tuple[tuple[Cue, str], ...] = (
    (_ANSWER, "answer answers"),
    (_SUPERLATIVE, "correct right best final most closest only likeliest strongest"),
    (_OPTION, "option options"),
    (_BOXED, "boxed fbox"),
    (
        _CHOOSE,
        "choose select pick choosing selecting picking chose selected picked opt opting settle "
        "report mark circle vote",
    ),
    (_GO_WITH, "go going went gone"),
    (_LEAN, "lean leaning"),
    (_SAY, "say think believe guess conclude bet suppose"),
    (_NOT_BUT, "not"),
    (
        _LABELLED,
        "choice option selection selected verdict prediction decision pick guess ans letter "
        "correct",
    ),
    (_RESULT, "result output response solution conclusion"),
    (_SO, "so therefore thus hence then actually"),
    (_IT, "it that this which these it's that's one"),
    (_THAT_IS, "e"),
    (_LEAVES, "leaves leaving left remains"),
    (
        _MATCHES,
        "corresponds correspond corresponding equivalent points pointing leads lead match "
        "matches matching means",
    ),
)


def _by_head() -> dict[str, tuple[Cue, ...]]:
    found: dict[str, tuple[Cue, ...]] = {}
    for cue, words in _HEADS:
        for word in words.split():
            found[word] = (*found.get(word, ()), cue)
    return found


BY_HEAD: dict[str, tuple[Cue, ...]] = _by_head()
"""Head word -> the cues that begin with it."""
HEADS = frozenset(BY_HEAD)

FIRST_PERSON = word_set("i we i'd we'd i'll we'll i'm we're let's would will i've we've us")
"""One of these stands close before a verb of choosing that is the writer's own."""
CONNECTIVES = word_set(
    "so thus therefore hence actually then no wait think believe guess say conclude probably "
    "instead rather conclusion"
)
"""Right after one of these, "it is (B)" is an answer."""
