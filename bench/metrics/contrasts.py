"""Which conditions belong together, and what one adds to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from starprobe.bench.metrics.compare import adjust, comparison, paired, paired_rows
from starprobe.bench.metrics.definitions import BY_NAME
from starprobe.bench.records import Comparison
from starprobe.probes.conditions import Condition, get_condition
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


PLAIN = "plain"


def is_elicited(condition: Condition) -> bool:
    """Whether the wording asks for reasons."""
    return condition.elicited


def is_hinted(condition: Condition) -> bool:
    """Whether the prompt presents an option as right."""
    return condition.hinted


def own_twins(table: pd.DataFrame) -> dict[str, str]:
    """Condition -> the twin that it names itself, of a frame's conditions."""
    if "twin" not in table:
        return {}
    named = table[table["twin"] != ""].drop_duplicates("condition")
    return {str(c): str(t) for c, t in zip(named["condition"], named["twin"], strict=True)}


def hinted_pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(unhinted, hinted) conditions of a frame."""
    hinted = set(table.loc[table["hinted"].notna(), "condition"].astype(str))
    own = {name: twin for name, twin in own_twins(table).items() if name in hinted}
    return twins(table["condition"].astype(str), is_hinted, own)


def elicited_pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(spontaneous, elicited) conditions of a frame, and a user's own that do not hint."""
    hinted = set(table.loc[table["hinted"].notna(), "condition"].astype(str))
    own = {name: twin for name, twin in own_twins(table).items() if name not in hinted}
    return twins(table["condition"].astype(str), is_elicited, own)


def twins(
    names: Iterable[str], has: Callable[[Condition], bool], own: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """(without, with) pairs of conditions that differ only in the parts that `has` is true of.

    `scratchpad+hinted` has the unhinted twin `scratchpad`, and `scratchpad` the spontaneous twin
    `plain`. Conditions whose twin was not run, and names that are not known, have no pair.

    Args:
        names: of the conditions that were run.
        has: what is to be left out.
        own: condition -> twin, of those that name it themselves.
    """
    there = list(dict.fromkeys(names))
    pairs = [((own or {}).get(name) or without(name, has), name) for name in there]
    return [(twin, name) for twin, name in pairs if twin is not None and twin in there]


def without(name: str, has: Callable[[Condition], bool]) -> str | None:
    """The condition's name without the parts that `has` is true of; None where there are none."""
    parts = name.split("+")
    try:
        kept = [part for part in parts if not has(get_condition(part))]
    except InputError:
        # A user's own condition: its file is not known here.
        return None
    if len(kept) == len(parts):
        return None
    return "+".join(kept) or PLAIN


def spontaneous(name: str) -> bool:
    """Whether a condition neither asks for reasons nor hints; False for unknown names."""
    try:
        condition = get_condition(name)
    except InputError:
        return False
    return not condition.elicited and not condition.hinted


def elicited_only(name: str) -> bool:
    """Whether a condition asks for reasons and does not hint; False for unknown names."""
    try:
        condition = get_condition(name)
    except InputError:
        return False
    return condition.elicited and not condition.hinted


KEYS = ("question_id", "order", "repeat")
METRICS = ("full_breakdown", "coverage", "accuracy", "tokens")


def contrasts(frame: pd.DataFrame) -> list[Comparison]:
    """Elicited minus spontaneous, and hinted minus unhinted, for each model of the frame.

    The condition of a row reads `plain -> scratchpad`; p is adjusted over all rows.
    """
    return adjust(list(_contrasts(frame)))


def _contrasts(frame: pd.DataFrame) -> Iterator[Comparison]:
    for model, table in frame.groupby("model", sort=False):
        for before, after in elicited_pairs(table) + hinted_pairs(table):
            one, two = paired_rows(
                table[table["condition"] == before], table[table["condition"] == after], KEYS
            )
            if not len(one):
                continue
            for name in METRICS:
                cell = str(model), str(model), f"{before} -> {after}"
                both = paired(BY_NAME[name], one, two)
                yield comparison(name, BY_NAME[name].kind, cell, both)
