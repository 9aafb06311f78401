"""How well readers agree with the annotations: python -m starprobe.bench.readers.evaluate.

Without arguments: the readers that can run here, on the half of the labelled set that no weights
and no rules were made on. `--labels FILE --responses FILE` measures on other annotated rows.
Figures come with 95 % intervals from resampling whole sources (questions, where there is but one
source). `--cascade REPLIES` shows what a judge is worth that reads only what a reader is unsure of.
`--record` writes what was found beside the readers, for reports and for correcting rates.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from starprobe.bench.files import read_jsonl, write_atomic
from starprobe.bench.readers import DEFAULT_READER, load_reader, most_unsure
from starprobe.bench.readers.annotated import (
    Annotated,
    Gold,
    Interval,
    Table,
    brier,
    clustered,
    ece,
    f1,
    full_breakdown_kappa,
    gold_of,
    labelled_set,
    load_annotated,
    mean_of,
    reliability,
    side_accuracy,
    style_ac1,
    style_kappa,
    tabulate,
    take,
)
from starprobe.bench.readers.base import CODES
from starprobe.bench.readers.judge import parse
from starprobe.bench.records import STYLES, Verdict
from starprobe.probes.errors import InputError, UserError

FIGURES: tuple[tuple[str, Callable[[Table], float | None]], ...] = (
    ("style, Cohen's kappa", style_kappa),
    ("style, Gwet's AC1", style_ac1),
    ("option by option, kappa", full_breakdown_kappa),
    ("reasoned, F1", f1),
    ("side, accuracy", side_accuracy),
    ("answer, accuracy", mean_of("answer")),
    ("outcome, accuracy", mean_of("outcome")),
    ("general, accuracy", mean_of("general")),
    ("coverage, mean absolute error", mean_of("miss")),
    ("p_option_by_option, ECE", ece),
    ("p_option_by_option, Brier", brier),
)
SHARES = (0.0, 0.1, 0.2, 0.333, 0.5, 0.75, 1.0)


class Judged(NamedTuple):
    """One reader held against the annotations."""

    name: str
    rows: list[Annotated]
    read: list[Gold]
    table: Table


def judge(name: str, rows: list[Annotated], verdicts: Sequence[Verdict]) -> Judged:
    """The table of one reader over these rows."""
    read = [gold_of(verdict) for verdict in verdicts]
    whole = [verdict.p_option_by_option for verdict in verdicts]
    return Judged(name, rows, read, tabulate([row.gold for row in rows], read, whole))


def judge_reader(name: str, rows: list[Annotated]) -> Judged:
    """A reader of this name over the rows that it could read.

    Raises:
        InputError: there is no such reader, or it could read none of them.
    """
    reader = load_reader(name)
    try:
        verdicts = list(reader.read([row.reading for row in rows]))
    finally:
        reader.close()
    kept = [(row, found) for row, found in zip(rows, verdicts, strict=True) if found is not None]
    if not kept:
        raise InputError(f"{reader.name} could read none of the {len(rows)} responses")
    return judge(reader.name, [row for row, _ in kept], [found for _, found in kept])


def judge_passes(rows: list[Annotated]) -> Judged | None:
    """The second annotation pass against the first; None where nothing was annotated twice."""
    twice = [row for row in rows if len(row.passes) >= 2]
    if not twice:
        return None
    first, second = [row.passes[0] for row in twice], [row.passes[1] for row in twice]
    return Judged("annotators", twice, second, tabulate(first, second))


def clusters_of(rows: Sequence[Annotated]) -> list[str]:
    """What is resampled whole: sources, or questions where there are less than three sources."""
    sources = [row.source for row in rows]
    return sources if len(set(sources)) > 2 else [row.reading.stem for row in rows]


def summary(judged: Judged) -> dict[str, Any]:
    """What `measured.json` keeps of a reader."""
    sources: dict[str, list[int]] = {}
    for row, read in zip(judged.rows, judged.read, strict=True):
        counts = sources.setdefault(row.source, [0, 0, 0, 0])
        true, said = (gold.style == "option_by_option" for gold in (row.gold, read))
        counts[0 if true else 2] += true == said
        counts[1 if true else 3] += 1
    table = judged.table
    return {
        "responses": len(judged.rows),
        "reasoned_f1": round(f1(table) or 0.0, 4),
        "side_accuracy": round(side_accuracy(table) or 0.0, 4),
        "answer_accuracy": round(mean_of("answer")(table) or 0.0, 4),
        "style_kappa": round(style_kappa(table) or 0.0, 4),
        "sources": dict(sorted(sources.items())),
    }


def record(judged: Sequence[Judged], path: Path) -> None:
    """Writes the summaries of these readers into a file that keeps those of the others."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {one.name: summary(one) for one in judged if one.name != "annotators"}
    write_atomic(path, json.dumps(dict(sorted(known.items())), indent=1) + "\n")


# A judge that reads only what a reader is unsure of.


class CascadePoint(NamedTuple):
    """What a cascade gives where this share of the responses goes to the judge."""

    share: float
    unsure: float | None
    """Style kappa where the judge reads what the reader is least sure of."""
    random: float | None
    """Where it reads as many drawn by chance (mean of 50 draws)."""


def cascade(rows: list[Annotated], replies: Path, name: str) -> tuple[int, list[CascadePoint]]:
    """Style kappa by the share that a judge reads, from replies that it gave before.

    Args:
        rows: annotated; those without a reply are left out.
        replies: JSONL of `id` and `reply` (an object or its text).
        name: the reader that reads first.

    Raises:
        InputError: no reply to any of the rows.
    """
    kept, better = replied(rows, replies)
    reader = load_reader(name)
    first = list(reader.read([row.reading for row in kept]))
    reader.close()
    truth = np.array([STYLES.index(row.gold.style) for row in kept])
    random = np.random.default_rng(0)
    points = []
    for share in SHARES:
        places = most_unsure(first, share)
        drawn = [random.permutation(len(kept))[: len(places)] for _ in range(50)]
        by_chance = [_mixed(first, better, places, truth) for places in drawn]
        points.append(
            CascadePoint(share, _mixed(first, better, places, truth), float(np.mean(by_chance)))
        )
    return len(kept), points


def replied(rows: list[Annotated], replies: Path) -> tuple[list[Annotated], list[Verdict]]:
    """The rows that a judge has replied to, and what it says of each.

    Raises:
        InputError: no reply to any of the rows.
    """
    said = {row["id"]: row["reply"] for row in read_jsonl(replies)}
    kept, better = [], []
    for row in rows:
        reply = said.get(row.reading.id)
        text = reply if isinstance(reply, str) else json.dumps(reply)
        verdict = parse(text, row.reading, "judge") if reply is not None else None
        if verdict is not None:
            kept.append(row)
            better.append(verdict)
    if not kept:
        raise InputError(f"{replies} has no reply to any of these responses")
    return kept, better


def _mixed(
    first: Sequence[Verdict | None], better: Sequence[Verdict], places: Any, truth: Any
) -> float:
    from starprobe.bench.readers.annotated import kappa

    styles = [STYLES.index((one or other).style) for one, other in zip(first, better, strict=True)]
    for place in places:
        styles[place] = STYLES.index(better[place].style)
    return kappa(truth, np.array(styles)) or 0.0


# What is shown.


def show(judged: Sequence[Judged], console: Console, draws: int) -> None:
    """Prints every table."""
    console.print(_figures(judged, draws))
    for one in judged:
        if one.name == "annotators":
            continue
        codes = Counter(
            (code, read.codes.get(label, "0"))
            for row, read in zip(one.rows, one.read, strict=True)
            for label, code in row.gold.codes.items()
        )
        console.print(_matrix(f"codes, {one.name} (rows: annotated)", CODES, codes))
        styles = Counter(
            (STYLES[a], STYLES[b]) for a, b in zip(one.table.truth, one.table.read, strict=True)
        )
        console.print(_matrix(f"styles, {one.name} (rows: annotated)", STYLES, styles))
        console.print(_by_source(one))
        if parts := reliability(one.table):
            grid = Grid("said", "true", "n", title=f"p_option_by_option, {one.name}")
            for said, true, count in parts:
                grid.add_row(f"{said:.2f}", f"{true:.2f}", str(count))
            console.print(grid)


def _figures(judged: Sequence[Judged], draws: int) -> Grid:
    grid = Grid("figure", *(f"{one.name} (n = {len(one.rows)})" for one in judged))
    for name, measure in FIGURES:
        cells = [
            _cell(clustered(one.table, clusters_of(one.rows), measure, draws)) for one in judged
        ]
        grid.add_row(name, *cells)
    grid.caption = "95 % intervals from resampling whole sources, or questions of a single source"
    return grid


def _cell(interval: Interval) -> str:
    if interval.value is None:
        return "no value"
    if interval.low is None or interval.high is None:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _matrix(title: str, names: Sequence[str], counts: Counter[tuple[str, str]]) -> Grid:
    grid = Grid("", *names, title=title)
    for one in names:
        grid.add_row(one, *(str(counts.get((one, other), 0)) for other in names))
    return grid


def _by_source(judged: Judged) -> Grid:
    names = ("reasoned F1", "side", "answer", "style kappa", "option by option", "ECE")
    measures = (
        f1, side_accuracy, mean_of("answer"), style_kappa, full_breakdown_kappa, ece,
    )  # fmt: skip
    grid = Grid("source", "n", *names, title=f"by source, {judged.name}")
    keys = [row.source for row in judged.rows]
    for key, count in Counter(keys).most_common():
        part = take(judged.table, np.flatnonzero(np.asarray(keys) == key))
        cells = [_cell(Interval(measure(part), None, None)) for measure in measures]
        grid.add_row(key or "(none)", str(count), *cells)
    return grid


def _show_cascade(count: int, points: Sequence[CascadePoint], name: str, console: Console) -> None:
    grid = Grid(
        "read by the judge", "least sure", "by chance", title=f"style kappa, {name} and a judge"
    )
    for point in points:
        cells = ("no value" if x is None else f"{x:.3f}" for x in (point.unsure, point.random))
        grid.add_row(f"{point.share:.0%}", *cells)
    grid.caption = f"{count} responses with a stored reply of the judge"
    console.print(grid)


def main(arguments: list[str] | None = None) -> int:
    """The command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m starprobe.bench.readers.evaluate")
    parser.add_argument("--labels", type=Path, help="JSONL of annotations; default: the held-out")
    parser.add_argument("--responses", type=Path, help="JSONL of the responses")
    parser.add_argument("--half", choices=("learn", "held_out"), default="held_out")
    parser.add_argument("--reader", action="append", help="a reader's name; may be repeated")
    parser.add_argument("--cascade", type=Path, metavar="REPLIES", help="stored judge replies")
    parser.add_argument("--draws", type=int, default=1000, help="resamples an interval")
    parser.add_argument("--record", action="store_true", help="write measured.json")
    options = parser.parse_args(arguments)
    console = Console(width=max(120, Console().width))
    names = options.reader or list(dict.fromkeys((DEFAULT_READER, "rules")))
    try:
        if (options.labels is None) != (options.responses is None):
            raise InputError("--labels and --responses go together")
        rows = labelled_set(options.half)
        if options.labels is not None:
            rows = load_annotated(options.labels, options.responses)
        if options.cascade is not None:
            for name in names:
                _show_cascade(*cascade(rows, options.cascade, name), name, console)
            alone = judge("the judge", *replied(rows, options.cascade))
            console.print(_figures([alone], options.draws))
            return 0
        judged = [judge_reader(name, rows) for name in names]
        if options.record:
            record(judged, Path(__file__).with_name("measured.json"))
        passes = judge_passes(rows)
        show([*judged, *([passes] if passes else [])], console, options.draws)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
