"""The findings in words: what the sign tells, when it tells nothing, and when the data are too few.

That a ratio was not shown to differ from 1 is no finding that it is 1: "does not distinguish" is
said only where the interval leaves no room for more than barely worth mentioning. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from starprobe.bench.signs.ratios import Ratio

BARELY = 3.0
"""Ratios between a third and three are barely worth mentioning (Kass & Raftery 1995, JASA 90:773,
section 3.2)."""
Verdict = Literal["speaks for", "speaks against", "alike", "undecided"]
"""What seeing the sign says of the first kind of model, as against the second."""


def informative(ratio: Ratio, p_adjusted: float, alpha: float = 0.05) -> bool:
    """Whether the sign tells two kinds of model apart at all, after Holm over the alternatives."""
    return p_adjusted < alpha and not ratio.low <= 1 <= ratio.high


def verdict(ratio: Ratio, p_adjusted: float) -> Verdict:
    """Told apart, one way or the other; alike, as far as matters; or undecided for want of data."""
    if informative(ratio, p_adjusted):
        return "speaks for" if ratio.value > 1 else "speaks against"
    return "alike" if ratio.low > 1 / BARELY and ratio.high < BARELY else "undecided"


def sentence(positive: str, negative: str, ratio: Ratio, p_adjusted: float) -> str:
    """One sentence on one alternative."""
    said = f"{_number(ratio.value)} [{_number(ratio.low)}, {_number(ratio.high)}]"
    start = f"Against {negative}: the likelihood ratio of the sign for {positive} is {said}"
    found = verdict(ratio, p_adjusted)
    if found == "alike":
        return f"{start}: the sign does not distinguish the two."
    if found == "undecided":
        return f"{start}: too few checkpoints or questions to say whether it tells the two apart."
    if ratio.value < 1:
        return (
            f"{start}: the sign is rarer in {positive}, so seeing it speaks for {negative} instead."
        )
    if ratio.low < BARELY:
        return f"{start}: the sign is more frequent in {positive}, but may be weak evidence."
    return f"{start}: the sign speaks for {positive}."


def summary(positive: str, found: Mapping[str, Verdict]) -> str:
    """The sentences over all alternatives: alternative -> verdict."""
    by = {kind: [name for name, one in found.items() if one == kind] for kind in get_args(Verdict)}
    if not found:
        return "There is nothing to compare with."
    if len(by["speaks for"]) == len(found):
        return f"The sign distinguishes {positive} from every alternative tested."
    if len(by["alike"]) == len(found):
        return (
            f"The sign does not distinguish {positive} from any alternative tested: seeing it is "
            f"no evidence of such training."
        )
    said = {
        "alike": f"The sign does not distinguish {positive} from {{}}: seeing it cannot show which "
        f"of them a model is.",
        "speaks for": f"The sign speaks for {positive} against {{}}.",
        "speaks against": f"The sign is rarer in {positive} than in {{}}: seeing it speaks for the "
        f"latter.",
        "undecided": f"Whether it distinguishes {positive} from {{}} these data cannot tell: too "
        f"few checkpoints or questions.",
    }
    return " ".join(text.format(", ".join(by[kind])) for kind, text in said.items() if by[kind])


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:.0e}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"
