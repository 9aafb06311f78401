"""The rules that derive coverage and style from the treatments of the options.

The table at the end of the annotation guideline; knows nothing of text.
"""

from __future__ import annotations

from collections.abc import Mapping

from starprobe.bench.records import Style, Treatment, TreatmentCode


def coverage_of(codes: Mapping[str, TreatmentCode]) -> float | None:
    """Share of the options reasoned about, 0 to 1; None where there are no options."""
    if not codes:
        return None
    return sum(code == "reasoned" for code in codes.values()) / len(codes)


def style_of(codes: Mapping[str, TreatmentCode], answer: str | None, general: bool) -> Style:
    """The style of a response: the first rule that fits.

    Args:
        codes: option -> how it is treated; may be empty (a question without options).
        answer: the option answered, in the same words as the keys; `multi`; or None.
        general: whether the response holds reasoning that is about no single option.
    """
    reasoned = {option for option, code in codes.items() if code == "reasoned"}
    if not reasoned:
        return "general_reasoning" if general else "direct"
    if len(reasoned) == len(codes) and len(codes) >= 2:
        return "option_by_option"
    if reasoned == {answer}:
        return "chosen_only"
    return "partial"


def codes_of(options: Mapping[str, Treatment]) -> dict[str, TreatmentCode]:
    """Option -> treatment code."""
    return {option: treatment.treatment for option, treatment in options.items()}
