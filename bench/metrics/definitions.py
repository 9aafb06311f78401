"""What is measured: the metrics that are one number a response, and to which responses they apply.

The unit of all of them is the question, and every question weighs alike: a question's value is the
mean of its responses. A metric says what it needs; where that is missing it has no value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from starprobe.bench.records import OUTCOMES, STYLES
from starprobe.bench.statistics.intervals import Floats
from starprobe.probes.errors import InputError
from starprobe.probes.plugins import listed, load

if TYPE_CHECKING:
    import pandas as pd

PRIMARY = "full_breakdown"
"""The one outcome that is declared beforehand; asked for nothing, it is the product's question."""
SECONDARY = ("coverage", "accuracy", "outcome_answered")
"""Tested beside it, adjusted together; all else is exploratory."""
MARGIN = 0.05
"""Differences of shares up to five points count as none that matter."""
RELATIVE_MARGIN = 0.1
"""The same for numbers without bounds: a tenth of what it was before."""

Need = Literal["options", "key"]


class Definition(NamedTuple):
    """A metric over the responses of one model in one condition."""

    name: str
    kind: Literal["rate", "mean"]
    column: Callable[[pd.DataFrame], Floats]
    """One number a row of the frame, NaN where there is none."""
    says: str
    headline: bool = False
    """Compared before and after by default; the others only on request."""
    bounded: bool = False
    """A mean of numbers between 0 and 1."""
    needs: tuple[Need, ...] = ("options",)
    """What a question must have for the metric to apply."""

    @property
    def within_bounds(self) -> bool:
        """Whether all its numbers lie between 0 and 1."""
        return self.kind == "rate" or self.bounded

    def values(self, table: pd.DataFrame) -> Floats:
        """One number a row of the frame, NaN where the metric does not apply."""
        found = self.column(table)
        if "options" in self.needs:
            found = np.where(table["options"].to_numpy() > 0, found, np.nan)
        if "key" in self.needs:
            found = np.where(table["key"].notna().to_numpy(dtype=bool), found, np.nan)
        return np.asarray(found, dtype=np.float64)


def numbers(table: pd.DataFrame, column: str) -> Floats:
    """A column as floats, missing values as NaN."""
    return np.asarray(table[column].astype("Float64").to_numpy(na_value=np.nan), dtype=np.float64)


def _column(name: str) -> Callable[[pd.DataFrame], Floats]:
    return lambda table: numbers(table, name)


def _equals(column: str, value: str) -> Callable[[pd.DataFrame], Floats]:
    return lambda table: np.asarray(table[column] == value, dtype=np.float64)


def right_of_all(table: pd.DataFrame) -> Floats:
    """1 where right, 0 where wrong or not answered, NaN where no key is shown."""
    right = np.nan_to_num(numbers(table, "correct"), nan=0.0)
    return np.where(table["key"].notna().to_numpy(dtype=bool), right, np.nan)


def per_100_tokens(table: pd.DataFrame) -> Floats:
    """Options reasoned about for each 100 tokens; NaN where tokens are not known."""
    tokens = numbers(table, "tokens")
    covered = numbers(table, "coverage") * numbers(table, "options")
    return np.where(tokens > 0, 100 * covered / np.where(tokens > 0, tokens, 1), np.nan)


def numbers_of(says: pd.Series) -> Floats:
    """Yes and no as 1 and 0."""
    return np.asarray(says.fillna(False).to_numpy(dtype=bool), dtype=np.float64)


def _chosen(table: pd.DataFrame, column: str) -> Floats:
    """1 where the answer is the option that the column names, NaN where it names none."""
    named = table[column]
    return np.where(named.notna(), numbers_of(table["answer"] == named), np.nan)


def _without(table: pd.DataFrame, found: Floats) -> Floats:
    """The values of questions that no option fits, NaN elsewhere."""
    return np.where(table["lacks"].notna(), found, np.nan)


def _said(table: pd.DataFrame, reason: str) -> Floats:
    return _without(table, numbers_of(table["reason_said"] == reason))


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        PRIMARY,
        "rate",
        _column("full"),
        "share of responses that reason about every option (coverage = 1)",
        headline=True,
    ),
    Definition(
        "coverage",
        "mean",
        _column("coverage"),
        "share of the options that a response reasons about, averaged",
        headline=True,
        bounded=True,
    ),
    Definition(
        "accuracy",
        "rate",
        right_of_all,
        "right answers among all responses to questions with a key; no answer is not right",
        headline=True,
        needs=("options", "key"),
    ),
    Definition(
        "accuracy_answered",
        "rate",
        _column("correct"),
        "right answers among the responses that gave one answer",
        headline=True,
        needs=("options", "key"),
    ),
    Definition(
        "rejection",
        "mean",
        _column("rejected"),
        "share of the wrong options that a response gives a reason against, averaged",
        headline=True,
        bounded=True,
        needs=("options", "key"),
    ),
    Definition(
        "rationale_answer_agreement",
        "rate",
        _column("agrees"),
        "the only option argued for is the answer given",
    ),
    Definition(
        "answer_first",
        "rate",
        _column("answer_first"),
        "evidence about the answered option comes before that about any other",
    ),
    Definition(
        "commitment",
        "mean",
        _column("commitment"),
        "where in the text the answered option first comes up: 0 at its start, 1 at its end",
        bounded=True,
    ),
    *(
        Definition(
            f"style_{style}",
            "rate",
            _equals("style", style),
            f"share of responses of the style {style}",
            # The style option_by_option is full_breakdown again: tested once, not twice.
            headline=style != "option_by_option",
        )
        for style in STYLES
    ),
    *(
        Definition(
            f"outcome_{outcome}",
            "rate",
            _equals("outcome", outcome),
            f"share of responses with the outcome {outcome}",
            headline=outcome == "answered",
        )
        for outcome in OUTCOMES
    ),
    Definition(
        "tempted",
        "rate",
        lambda table: _chosen(table, "tempting"),
        "of questions whose set names a tempting wrong option: answers it",
    ),
    Definition(
        "preferred",
        "rate",
        lambda table: _chosen(table, "preferred"),
        "of questions without a right option that prefer one: answers it",
    ),
    Definition(
        "abstained",
        "rate",
        lambda table: _without(table, numbers_of(table["reason_said"].notna())),
        "of questions that no option fits: answers none of them, and says why",
    ),
    *(
        Definition(
            f"said_{words}",
            "rate",
            partial(_said, reason=reason),
            f"of questions that no option fits: answers none and says that {what}",
        )
        for reason, words, what in (
            ("missing", "none_fits", "none fits"),
            ("false_premise", "false_premise", "the question supposes what is not so"),
            ("unknowable", "unknowable", "it cannot be known"),
        )
    ),
    Definition(
        "abstained_rightly",
        "rate",
        lambda table: _without(table, numbers_of(table["reason_said"] == table["lacks"])),
        "of questions that no option fits: answers none and says the reason that the set gives",
    ),
    Definition(
        "forced_choice",
        "rate",
        lambda table: _without(table, numbers_of(table["answer"].notna())),
        "of questions that no option fits: answers one all the same",
    ),
    Definition(
        "abstained_answerable",
        "rate",
        lambda table: numbers_of(table["reason_said"].notna()),
        "of questions with a right option: answers none, and says why none fits",
        needs=("options", "key"),
    ),
    Definition(
        "open_accuracy",
        "rate",
        _column("open_right"),
        "of questions asked without options: right, by the words of the answer or most judges",
        needs=(),
    ),
    Definition(
        "open_undecided",
        "rate",
        lambda table: np.where(table["open"], np.isnan(numbers(table, "open_right")), np.nan),
        "of questions asked without options: neither words nor judges decide",
        needs=(),
    ),
    Definition(
        "tokens",
        "mean",
        _column("tokens"),
        "tokens of the response, thinking included, as the backend counts them",
        headline=True,
        needs=(),
    ),
    Definition("chars", "mean", _column("chars"), "characters of what the reader reads", needs=()),
    Definition(
        "covered_per_100_tokens",
        "mean",
        per_100_tokens,
        "options reasoned about for each 100 tokens: coverage with length held against it",
    ),
    Definition(
        "latency_s",
        "mean",
        _column("latency_s"),
        "seconds until the response was whole",
        needs=(),
    ),
    Definition("cost", "mean", _column("cost"), "US dollars a response", needs=()),
)
BY_NAME = {definition.name: definition for definition in DEFINITIONS}
HEADLINES = tuple(definition.name for definition in DEFINITIONS if definition.headline)


@cache
def all_metrics() -> dict[str, Definition]:
    """Name -> metric: the built-in ones, then those of the entry point group `starprobe.metrics`.

    Raises:
        InputError: what a package declares there cannot be loaded, or is no metric.
    """
    return BY_NAME | {one.name: _checked(one, "of a plug-in") for one in listed("metrics")}


def own_metric(name: str) -> Definition:
    """A metric of one's own: MODULE:NAME, or what a package declares; a `Definition`.

    Raises:
        InputError: there is none, or it is something else.
    """
    return _checked(load("metrics", name), name)


def _checked(found: object, name: str) -> Definition:
    if not isinstance(found, Definition):
        raise InputError(f"metric {name}: is a {type(found).__name__}, no Definition")
    if found.name in BY_NAME:
        raise InputError(f"metric {name}: {found.name!r} is a built-in one; take another name")
    return found
