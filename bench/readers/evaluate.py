"""How well the readers agree with annotators: bench.readers.evaluate LABELS RESPONSES.

The learned reader is judged on sources that it was not fitted on: each source of the file in turn
is left out. With --shipped the coefficients that come with the package are judged as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from starprobe.bench.readers.agreement import (
    Interval,
    Table,
    brier,
    clustered,
    ece,
    f1,
    full_breakdown_kappa,
    mean_of,
    reliability,
    side_accuracy,
    style_ac1,
    style_kappa,
    tabulate,
    take,
)
from starprobe.bench.readers.annotated import CODES, Annotated, Gold, gold_of, load_annotated
from starprobe.bench.records import STYLES, Verdict
from starprobe.probes.errors import UserError

FIGURES: tuple[tuple[str, Callable[[Table], float | None]], ...] = (
    ("reasoned, F1", f1),
    ("side, accuracy", side_accuracy),
    ("answer, accuracy", mean_of("answer")),
    ("outcome, accuracy", mean_of("outcome")),
    ("general, accuracy", mean_of("general")),
    ("style, Cohen's kappa", style_kappa),
    ("style, Gwet's AC1", style_ac1),
    ("option by option, kappa", full_breakdown_kappa),
    ("coverage, mean absolute error", mean_of("miss")),
    ("p_option_by_option, ECE", ece),
    ("p_option_by_option, Brier", brier),
)


class Judged(NamedTuple):
    """One reader held against the annotations."""

    name: str
    rows: list[Annotated]
    read: list[Gold]
    table: Table


def judge(name: str, rows: list[Annotated], verdicts: dict[str, Verdict]) -> Judged:
    """The table of one reader over these rows."""
    own = [verdicts[row.reading.id] for row in rows]
    read = [gold_of(verdict) for verdict in own]
    whole = [verdict.p_option_by_option for verdict in own]
    return Judged(name, rows, read, tabulate([row.gold for row in rows], read, whole))


def judge_passes(rows: list[Annotated]) -> Judged | None:
    """The second annotation pass against the first; None where nothing was annotated twice."""
    twice = [row for row in rows if len(row.passes) >= 2]
    if not twice:
        return None
    first, second = [row.passes[0] for row in twice], [row.passes[1] for row in twice]
    return Judged("annotators", twice, second, tabulate(first, second))


def evaluate(labels: Path, responses: Path, shipped: bool = False) -> list[Judged]:
    """The rules, the learned reader and the annotators, over the same rows.

    Raises:
        InputError: files that are not there or not in the annotation format.
    """
    from starprobe.bench.readers.rules import RulesClassifier

    rows = load_annotated(labels, responses)
    rules = RulesClassifier()
    judged = [judge("rules", rows, {r.reading.id: rules.classify(r.reading) for r in rows})]
    judged.append(judge(*_learned(rows, shipped)))
    passes = judge_passes(rows)
    return [*judged, *([passes] if passes else [])]


def _learned(
    rows: list[Annotated], shipped: bool
) -> tuple[str, list[Annotated], dict[str, Verdict]]:
    if shipped or len({row.source for row in rows}) < 2:
        from starprobe.bench.readers.learned import LearnedClassifier

        reader = LearnedClassifier()
        return "learned, as shipped", rows, {r.reading.id: reader.classify(r.reading) for r in rows}
    from starprobe.bench.readers.fitting import prepare_rows, read_left_out

    return "learned, source left out", rows, read_left_out(prepare_rows(rows))


def confusion(judged: Judged) -> dict[tuple[str, str], int]:
    """(true code, code read) -> options."""
    found: Counter[tuple[str, str]] = Counter()
    for row, read in zip(judged.rows, judged.read, strict=True):
        for label, code in row.gold.codes.items():
            found[code, read.codes.get(label, "0")] += 1
    return dict(found)


def show(judged: Sequence[Judged], console: Console, draws: int) -> None:
    """Prints every table."""
    console.print(_figures(judged, draws))
    for one in judged:
        if one.name == "annotators":
            continue
        console.print(_matrix(f"codes, {one.name} (rows: annotated)", CODES, confusion(one)))
        styles = Counter(
            (STYLES[a], STYLES[b]) for a, b in zip(one.table.truth, one.table.read, strict=True)
        )
        console.print(_matrix(f"styles, {one.name} (rows: annotated)", STYLES, styles))
        console.print(_parts(one, "source"))
        console.print(_parts(one, "family"))
        if parts := reliability(one.table):
            console.print(_reliability(one.name, parts))
    console.print(_left(next(one for one in judged if one.name.startswith("learned"))))


def _figures(judged: Sequence[Judged], draws: int) -> Grid:
    grid = Grid("figure", *(f"{one.name} (n = {len(one.rows)})" for one in judged))
    for name, measure in FIGURES:
        cells = []
        for one in judged:
            clusters = [row.source for row in one.rows]
            cells.append(_cell(clustered(one.table, clusters, measure, draws)))
        grid.add_row(name, *cells)
    grid.caption = "95 % intervals from resampling whole sources; annotators: pass 2 against pass 1"
    return grid


def _cell(interval: Interval) -> str:
    if interval.value is None:
        return "no value"
    if interval.low is None or interval.high is None:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _matrix(title: str, names: Sequence[str], counts: dict[tuple[str, str], int]) -> Grid:
    grid = Grid("", *names, title=title)
    for one in names:
        grid.add_row(one, *(str(counts.get((one, other), 0)) for other in names))
    return grid


def _parts(judged: Judged, by: str) -> Grid:
    names = ("reasoned F1", "side", "answer", "style kappa", "ECE")
    measures = (f1, side_accuracy, mean_of("answer"), style_kappa, ece)
    grid = Grid(by, "n", *names, title=f"by {by}, {judged.name}")
    keys = [getattr(row, by) for row in judged.rows]
    for key, count in Counter(keys).most_common():
        part = take(judged.table, np.flatnonzero(np.asarray(keys) == key))
        cells = [_cell(Interval(measure(part), None, None)) for measure in measures]
        grid.add_row(key or "(none)", str(count), *cells)
    return grid


def _reliability(name: str, parts: list[tuple[float, float, int]]) -> Grid:
    grid = Grid("said", "true", "n", title=f"p_option_by_option, {name}")
    for said, true, count in parts:
        grid.add_row(f"{said:.2f}", f"{true:.2f}", str(count))
    return grid


def _left(judged: Judged, most: int = 12) -> Grid:
    """The most frequent errors of the style, with ids to look at."""
    grid = Grid("annotated", "read", "n", "for example", title=f"style errors, {judged.name}")
    wrong: dict[tuple[str, str], list[str]] = {}
    for row, read in zip(judged.rows, judged.read, strict=True):
        if row.gold.style != read.style:
            wrong.setdefault((row.gold.style, read.style), []).append(row.reading.id)
    for (true, said), ids in sorted(wrong.items(), key=lambda item: -len(item[1]))[:most]:
        grid.add_row(true, said, str(len(ids)), ", ".join(ids[:3]))
    return grid


def main(arguments: list[str] | None = None) -> int:
    """The command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m starprobe.bench.readers.evaluate")
    parser.add_argument("labels", type=Path, help="JSONL of annotations")
    parser.add_argument("responses", type=Path, help="JSONL of the responses")
    parser.add_argument("--shipped", action="store_true", help="the shipped coefficients, as is")
    parser.add_argument("--draws", type=int, default=1000, help="resamples an interval")
    options = parser.parse_args(arguments)
    try:
        judged = evaluate(options.labels, options.responses, options.shipped)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    show(judged, Console(width=max(120, Console().width)), options.draws)
    return 0


if __name__ == "__main__":
    sys.exit(main())
