"""Phrases that give a sentence its part in a response: declaring, concluding, rejecting.

Knows words only; neither options nor labels.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.lexicon import words_in

DECLARATION = re.compile(
    r"\banswers?\b[^.?!\n:]{0,60}?(?:\b(?:is|are|would be|should be|must be)\b|[:=])|"
    r"\b(?:correct|right|best|final|most \w+|only|closest)\b[^.?!\n:]{0,60}?"
    r"\b(?:option|choice|response|selection|one)s?\b[^.?!\n:]{0,90}?"
    r"(?:\b(?:is|are|would be|must be|seems to be)\b|:)|"
    r"\b(?:i|we)(?:'d| would| will|'ll)? (?:choose|select|pick|go with|opt for)\b|\bboxed\b|"
    r"\b(?:that|this|which|what|only)(?: only)? (?:leaves|remains|is left)\b|\bleaving\b",
    re.I,
)
DECLARING = words_in(
    "answer answers correct right best final most only closest choose select pick go opt boxed "
    "leaves remains left leaving"
)
"""Every declaration holds one of these."""
CONCLUDES = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in conclusion|in summary|overall|ultimately|obviously)\b",
    re.I,
)
REJECTS = re.compile(
    r"\bincorrect\b|\bwrong\b|\bfalse\b|\bnot\b|n't\b|\beliminate|\bunlikely\b", re.I
)
CONCLUSION = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in (?:conclusion|summary|short)|overall|to (?:sum up|"
    r"summari[sz]e|conclude)|"
    r"based on|considering|given|putting|after|consequently|accordingly|ultimately|finally|"
    r"in the end|"
    r"taking|from the|among|of (?:these|the)|out of|as a result|the (?:final|correct|best|right|"
    r"most|only|answer)|"
    r"(?:final )?answer|my answer|i (?:choose|would|think))\b",
    re.I,
)
OTHERS = re.compile(
    r"\b(?:the|all|any of the|none of the|no|those|these) (?:of the )?(?:other|others|rest|"
    r"remaining)\b|\bother (?:options?|choices?|answers?)\b",
    re.I,
)
ANNOUNCES = re.compile(
    r"[\W_]*(?:okay|ok|sure|first|now|well|so)?[\s,.!]*(?:"
    r"(?:let's|let us|let me|we(?:'ll| will| can| need to| have to| should| must)?|"
    r"i(?:'ll| will| need to)?) "
    r"(?:refer|look|think|go|analy[sz]e|evaluate|consider|examine|break|start|begin|solve|see|"
    r"consult|assess|review|explore|answer|determine|find|figure|identify|choose|select)\b|"
    r"to (?:answer|solve|address|determine|identify|find|choose|select)\b[^.,]{0,60}"
    r"\b(?:question|problem|answer|option|choice|statement)|"
    r"(?:the|this) question (?:asks|is asking|is about|wants|requires)|here (?:is|are)\b|here's\b)",
    re.I,
)
"""Says what will be done; a reason can only follow."""
