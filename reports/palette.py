"""Colours, words and reading order of what a report shows. Colours tell apart without hue too."""

from __future__ import annotations

from starprobe.bench.records import STYLES, Outcome, Style

STYLE_COLOURS: dict[Style, str] = {
    "option_by_option": "#0072b2",
    "partial": "#56b4e9",
    "chosen_only": "#e69f00",
    "general_reasoning": "#9a6fb0",
    "direct": "#8c8c8c",
}
"""After Okabe & Ito, Color Universal Design (2008), with a purple that prints darker."""
STYLE_PATTERNS: dict[Style, str] = {
    "option_by_option": "",
    "partial": "",
    "chosen_only": "/",
    "general_reasoning": "\\",
    "direct": ".",
}
STYLE_WORDS: dict[Style, str] = {
    "option_by_option": "every option",
    "partial": "some options",
    "chosen_only": "its choice only",
    "general_reasoning": "reasons, no option",
    "direct": "no reason",
}
STYLE_MEANING: dict[Style, str] = {
    "option_by_option": "a reason for or against every option",
    "partial": "reasons about some options, not all",
    "chosen_only": "reasons about the chosen option alone",
    "general_reasoning": "reasoning that is about no option in particular",
    "direct": "no reasoning",
}
OUTCOME_WORDS: dict[Outcome, str] = {
    "answered": "answered",
    "no_answer": "no answer",
    "refused": "refused",
    "multi": "several answers",
    "cut": "cut short",
}
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c00", "#5b5b5b")
"""For models; with `SYMBOLS`, so that colour never stands alone."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "x")
BEFORE, AFTER = "#767676", "#0072b2"

assert set(STYLE_COLOURS) == set(STYLE_WORDS) == set(STYLES)


def colour_of(place: int) -> str:
    """The colour of the model at this place."""
    return SERIES[place % len(SERIES)]


def symbol_of(place: int) -> str:
    """The marker of the model at this place; differs where the colours begin again."""
    return SYMBOLS[(place + place // len(SERIES)) % len(SYMBOLS)]
