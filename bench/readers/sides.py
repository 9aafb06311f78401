"""Which side a response takes on an option it reasons about: for, against or neutral, by rule.

A learned side was tried and read unseen sources worse: "neutral" occurs in bulk in few sources.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.examine import Examined
from starprobe.bench.readers.lexicon import COMPARE, REJECT
from starprobe.bench.readers.summaries import Crowd, Summary, peers_of
from starprobe.bench.records import Side

_EXTREME = re.compile(
    r"\b(?:most|least|first|last|(?:clos|larg|small|bigg|high|low|long|short|fast|slow|old|young|light|heavi|"
    r"warm|hott|cold|cool|strong|weak|near|farth|furth|deep|earli|lat|cheap|great|rich|poor|hard|"
    r"soft|thick|thin|dens|few)est)\b",
    re.I,
)
MAX_ASKED = 300
"""Characters at the end of a question that say what it asks for."""


def side_of(summary: Summary, crowd: Crowd, examined: Examined, option: int) -> Side:
    """The side by rule: what the guideline says of the plain cases.

    The answered option is argued for. Of another option, any word against it is against, and so is
    a plain statement in a response that rejects others, that gave its answer before, or that finds
    what is asked for in the answered option. Where nothing is rejected, a plain statement takes no
    side.
    """
    answer, options = examined.answer, examined.options
    if option in examined.marked:
        return "for" if examined.marked[option] else "against"
    if option == answer.answer or option in answer.members:
        refuted = summary.denied > 0 and summary.affirmed + summary.positives == 0
        return "against" if refuted and not options.negated else "for"
    if answer.answer is None and not answer.members:
        return _unanswered(summary, crowd, examined)
    if options.negated:
        return "against"
    if not summary.against and (
        summary.affirmed > summary.denied or answer.answer in options.all_of
    ):
        return "for"
    if summary.against or summary.marks & (COMPARE | REJECT):
        return "against"
    rejecting = _rejecting(summary, crowd, examined) or _measured(summary, examined)
    return "against" if rejecting or examined.tested else "neutral"


def _measured(summary: Summary, examined: Examined) -> bool:
    """It is given a number, and so is the answered option, and the question asks for an extreme."""
    chosen = examined.evidence.get(-1 if examined.answer.answer is None else examined.answer.answer)
    return (
        summary.numbers > 0
        and chosen is not None
        and any(count.numbers for count in chosen.counts)
        and bool(_EXTREME.search(examined.stem[-MAX_ASKED:]))
    )


def _unanswered(summary: Summary, crowd: Crowd, examined: Examined) -> Side:
    """The side in a response that gives no answer."""
    if examined.options.negated:
        return "for" if summary.asked_denied else "against"
    if summary.against or examined.answer.how == "field":
        # An explicit "none of the above" rejects all.
        return "against"
    alone = peers_of(crowd, summary).talked == 0
    affirmed = summary.affirmed > summary.denied
    return "for" if affirmed or alone or _rejecting(summary, crowd, examined) else "neutral"


def _rejecting(summary: Summary, crowd: Crowd, examined: Examined) -> bool:
    """The option is taken up among rejections: many peers are, or it comes after the answer."""
    peers = peers_of(crowd, summary)
    if peers.rejected >= peers.talked / 3 > 0:
        return True
    return summary.start > min(examined.answering, examined.rejecting)
