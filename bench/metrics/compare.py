"""Two frames, before and after, paired verdict by verdict: differences, intervals, tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from starprobe.bench.metrics.definitions import BY_NAME, HEADLINES, Definition
from starprobe.bench.metrics.lengths import NAME as MATCHED
from starprobe.bench.metrics.lengths import matched_length
from starprobe.bench.records import Comparison
from starprobe.bench.statistics.paired import Paired, holm, paired_mean, paired_rate
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


DEFAULT = (*HEADLINES, MATCHED)
PAIR_KEYS = ("question_id", "condition", "order", "repeat")


def compare(
    before: pd.DataFrame, after: pd.DataFrame, metrics: Sequence[str] = DEFAULT
) -> list[Comparison]:
    """A row for each metric and condition that both frames have, p adjusted over all of them.

    Verdicts are paired by question, condition, order and repeat. Where each frame holds one model,
    they are the two that are compared; otherwise each model is compared with itself.

    Raises:
        InputError: the frames share no model, or no question in the same condition.
    """
    unknown = [name for name in metrics if name not in BY_NAME and name != MATCHED]
    if unknown:
        raise InputError(f"unknown metric {unknown[0]!r}; known: {', '.join(BY_NAME)}, {MATCHED}")
    found = [
        at_matched_length(cell[:3], *cell[3:])
        if name == MATCHED
        else comparison(name, BY_NAME[name].kind, cell[:3], paired(BY_NAME[name], *cell[3:]))
        for cell in paired_cells(before, after)
        for name in metrics
    ]
    if not found:
        raise InputError(
            "nothing to compare: the two runs share no question in the same condition, order and "
            "repeat; compare runs of the same probe set and conditions"
        )
    return adjust(found)


def adjust(family: Sequence[Comparison]) -> list[Comparison]:
    """The same rows with p adjusted over all of them."""
    adjusted = holm([row.p for row in family])
    return [
        row.model_copy(update={"p_adjusted": p}) for row, p in zip(family, adjusted, strict=True)
    ]


def paired_rows(
    before: pd.DataFrame, after: pd.DataFrame, keys: Sequence[str] = PAIR_KEYS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that both frames have, aligned by these keys, in the order of `before`."""
    first = before.drop_duplicates(list(keys)).set_index(list(keys), drop=False)
    second = after.drop_duplicates(list(keys)).set_index(list(keys), drop=False)
    shared = first.index[first.index.isin(second.index)]
    return first.loc[shared], second.loc[shared]


Cell = tuple[str, str, str, "pd.DataFrame", "pd.DataFrame"]


def paired_cells(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[Cell]:
    """(model before, model after, condition, aligned rows before, aligned rows after)."""
    for one, two in _model_pairs(before, after):
        rows, others = paired_rows(before[before["model"] == one], after[after["model"] == two])
        for condition in rows["condition"].drop_duplicates():
            yield (
                one,
                two,
                str(condition),
                rows[rows["condition"] == condition],
                others[others["condition"] == condition],
            )


def _model_pairs(before: pd.DataFrame, after: pd.DataFrame) -> list[tuple[str, str]]:
    one = [str(name) for name in before["model"].drop_duplicates()]
    two = [str(name) for name in after["model"].drop_duplicates()]
    if len(one) == len(two) == 1:
        return [(one[0], two[0])]
    shared = [(name, name) for name in one if name in two]
    if not shared:
        raise InputError(
            f"the runs share no model (before: {', '.join(one)}; after: {', '.join(two)}); compare "
            f"runs of one model each, or runs of the same models"
        )
    return shared


def paired(definition: Definition, before: pd.DataFrame, after: pd.DataFrame) -> Paired:
    """One metric over aligned rows: the test that fits its kind."""
    over = paired_rate if definition.kind == "rate" else paired_mean
    questions = before["question_id"].to_numpy()
    return over(definition.values(before), definition.values(after), questions)


def comparison(
    metric: str, kind: Literal["rate", "mean"], names: tuple[str, str, str], found: Paired
) -> Comparison:
    """A paired result as a record, its p not adjusted yet.

    Args:
        metric: its name.
        kind: a share of zeros and ones, or a mean of numbers.
        names: model before, model after, condition.
        found: the result.
    """
    return Comparison(
        metric=metric,
        kind=kind,
        model_before=names[0],
        model_after=names[1],
        condition=names[2],
        before=found.before,
        after=found.after,
        difference=found.difference.value,
        low=found.difference.low,
        high=found.difference.high,
        test=found.test,
        p=found.p,
        p_adjusted=None,
        n=found.difference.n,
        pairs=found.pairs,
        before_only=found.before_only,
        after_only=found.after_only,
    )


def at_matched_length(
    names: tuple[str, str, str], before: pd.DataFrame, after: pd.DataFrame
) -> Comparison:
    """The full-breakdown rates in the bins of length that both fill; see `lengths`."""
    found = matched_length({"before": before, "after": after})
    return Comparison(
        metric=MATCHED,
        kind="rate",
        model_before=names[0],
        model_after=names[1],
        condition=names[2],
        before=found.rates["before"].value,
        after=found.rates["after"].value,
        difference=found.difference.value,
        low=found.difference.low,
        high=found.difference.high,
        test=found.difference.method,
        p=found.p,
        p_adjusted=None,
        n=found.difference.n,
        pairs=found.matched,
    )
