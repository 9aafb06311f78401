"""The question of the seed, asked of public responses: who goes through every option, asked how?

    python benchmarks/study.py draw FILE --work DIR [--n 240]    # a blind sample, to be annotated
    python benchmarks/study.py write FILE --work DIR [--labels LABELS] [-o docs/study.md]

FILE holds responses with `id`, `question`, `options`, `response`, `model`, `source_repo` and
`prompt_style`. They are read once (DIR keeps the verdicts). Prompts differ by source, so models
are compared within a manner of asking only: a source and its style of prompt. The sample is
stratified by manner and by what the reader said at the time of the draw (every option, some, none);
its labels, without a text, stand in docs/study/labels.jsonl beside their stratum.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from starprobe.bench.annotations.draw import extent
from starprobe.bench.files import read_jsonl, write_atomic, write_jsonl
from starprobe.bench.read import classify_file
from starprobe.bench.readers import DEFAULT_READER
from starprobe.bench.readers.base import style_of
from starprobe.bench.statistics.intervals import Estimate, mean
from starprobe.bench.statistics.labelled import (
    CheckedShare,
    Side,
    Stratum,
    allocate,
    checked_share,
    kappa,
)

LABELS = Path(__file__).parents[1] / "docs" / "study" / "labels.jsonl"
FLOOR = 4
LEAST = 30
"""Responses of a model in a manner for it to have a line."""
REASONED = ("r+", "r-", "r~")


class Row(NamedTuple):
    """A response, read."""

    id: str
    manner: str
    model: str
    question: str
    coverage: float
    style: str


def place(name: str) -> str:
    """Random order by hash: the same each time, and longer draws hold shorter ones."""
    return hashlib.sha256(f"study {name}".encode()).hexdigest()


def read(file: Path, work: Path, reader: str) -> tuple[list[Row], dict[str, dict[str, Any]], str]:
    """All responses with options as they are read, the source rows by id, and the reader's name."""
    work.mkdir(parents=True, exist_ok=True)
    out = work / f"verdicts.{reader.replace(':', '-')}.jsonl"
    classify_file(file, out, reader)
    source = {row["id"]: row for row in read_jsonl(file)}
    verdicts = [row for row in read_jsonl(out) if row["coverage"] is not None]
    rows = []
    for verdict in verdicts:
        row = source[verdict["id"]]
        manner = f"{row['source_repo'].partition('/')[2]}: {row['prompt_style']}"
        question = hashlib.sha256(row["question"].encode()).hexdigest()[:12]
        rows.append(
            Row(row["id"], manner, row["model"], question, verdict["coverage"], verdict["style"])
        )
    return sorted(rows), source, verdicts[0]["classifier"]


def draw(file: Path, work: Path, count: int, reader: str) -> None:
    """Writes DIR/sample.jsonl (blind) and DIR/strata.jsonl (what the draw was)."""
    rows, source, name = read(file, work, reader)
    strata: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        strata.setdefault((row.manner, extent(row.coverage)), []).append(row.id)
    sizes = [len(ids) for ids in strata.values()]
    taken = allocate(sizes, [0.3] * len(sizes), count, FLOOR)
    drawn = [
        {"id": one, "manner": manner, "said": said, "size": len(ids), "reader": name}
        for ((manner, said), ids), number in zip(strata.items(), taken, strict=True)
        for one in sorted(ids, key=place)[:number]
    ]
    drawn.sort(key=lambda row: place(f"shown {row['id']}"))
    write_jsonl(work / "strata.jsonl", drawn)
    blind = ("id", "question", "options", "response")
    write_jsonl(
        work / "sample.jsonl", [{key: source[row["id"]][key] for key in blind} for row in drawn]
    )
    print(f"{len(drawn)} of {len(rows)} responses in {len(strata)} strata: {work / 'sample.jsonl'}")


def keep(labels: Path, work: Path) -> None:
    """Joins labels (annotation format) with their strata into docs/study/labels.jsonl."""
    strata = {row["id"]: row for row in read_jsonl(work / "strata.jsonl")}
    kept = []
    for row in read_jsonl(labels):
        fields = ("options", "general", "answer", "outcome")
        kept.append({**strata[row["id"]], **{field: row[field] for field in fields}})
    write_jsonl(LABELS, kept)
    print(f"{len(kept)} of {len(strata)} labelled: {LABELS}")


def coverage_of(label: Mapping[str, Any]) -> float:
    """Share of the options that the annotator finds reasoned about."""
    codes = label["options"].values()
    return sum(code in REASONED for code in codes) / len(codes)


def checked(rows: Sequence[Row], labels: Mapping[str, dict[str, Any]]) -> CheckedShare | None:
    """The share of full breakdowns as read and as checked; every response weighs alike.

    Strata are those of the draw: a response that was not drawn is in that of its verdict now.
    """
    sizes = {(row["manner"], row["said"]): row["size"] for row in labels.values()}
    said = np.array([float(row.coverage == 1) for row in rows])
    strata = []
    groups = [
        (row.manner, labels[row.id]["said"] if row.id in labels else extent(row.coverage))
        for row in rows
    ]
    for group in dict.fromkeys(groups):
        at = [number for number, one in enumerate(groups) if one == group]
        seen = [number for number in at if rows[number].id in labels]
        strata.append(
            Stratum(
                size=sizes.get(group, len(at)),
                share=len(at) / len(rows),
                said=float(said[at].mean()),
                read=said[seen],
                labels=np.array([float(coverage_of(labels[rows[n].id]) == 1) for n in seen]),
                weights=np.full(len(seen), len(at) / max(1, len(seen))),
            )
        )
    questions = np.array([row.question for row in rows])
    return checked_share(Side(tuple(strata), said, questions, np.full(len(rows), 1 / len(rows))))


def share(rows: Sequence[Row], value: str = "full") -> Estimate:
    """Share of full breakdowns, or mean coverage, with the question as its unit."""
    numbers = [float(row.coverage == 1) if value == "full" else row.coverage for row in rows]
    return mean(np.array(numbers), np.array([row.question for row in rows]), bounded=True)


def points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f}"


def told(found: Estimate) -> str:
    return f"{points(found.value)} ({points(found.low)} to {points(found.high)})"


def table(head: str, rows: Iterator[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|" + " --- |" * columns, *rows])


def write(file: Path, work: Path, labels: Path, out: Path, reader: str) -> None:
    """Writes the page."""
    rows, _, name = read(file, work, reader)
    known = {row["id"]: row for row in read_jsonl(labels)} if labels.exists() else {}
    manners: dict[str, list[Row]] = {}
    for row in rows:
        manners.setdefault(row.manner, []).append(row)
    order = sorted(manners, key=lambda one: (-(share(manners[one]).value or 0), one))
    models = len({row.model for row in rows})

    def manner_lines() -> Iterator[str]:
        for manner in order:
            mine = manners[manner]
            labelled = {one.id: known[one.id] for one in mine if one.id in known}
            found = checked(mine, labelled)
            by_label = (
                f"{points(found.value)} ({points(found.low)} to {points(found.high)})"
                if found
                else ""
            )
            yield (
                f"| {manner} | {len(mine):,} | {len({row.model for row in mine})} | "
                f"{told(share(mine))} | {by_label} | {len(labelled)} | "
                f"{told(share(mine, 'mean'))} |"
            )

    def model_lines(manner: str) -> Iterator[str]:
        by_model: dict[str, list[Row]] = {}
        for row in manners[manner]:
            by_model.setdefault(row.model, []).append(row)
        for model in sorted(by_model, key=lambda one: (-(share(by_model[one]).value or 0), one)):
            mine = by_model[model]
            if len(mine) < LEAST:
                continue
            styles = Counter(row.style for row in mine)
            most = ", ".join(
                f"{style} {100 * number / len(mine):.0f}" for style, number in styles.most_common(2)
            )
            yield (
                f"| {model} | {len(mine)} | {told(share(mine))} | {told(share(mine, 'mean'))} | "
                f"{most} |"
            )

    whole = checked(rows, known)
    text = PAGE.format(
        responses=f"{len(rows):,}",
        models=models,
        manners=len(manners),
        reader=name,
        asked=f"{points(whole.read)} %" if whole else told(share(rows)),
        checked=(
            f"{points(whole.value)} % ({points(whole.low)} to {points(whole.high)}, "
            f"{whole.labels} labels)"
            if whole
            else "not checked"
        ),
        agreement=agreement(rows, known),
        by_manner=table(
            "| manner of asking | responses | models | full breakdown, as read, % | checked, % | "
            "labels | coverage, as read, % |",
            manner_lines(),
        ),
        by_model="\n\n".join(
            f"### {manner}\n\n"
            + table(
                "| model | responses | full breakdown, as read, % | coverage, % | "
                "commonest styles, % |",
                model_lines(manner),
            )
            for manner in order
            if any(True for _ in model_lines(manner))
        ),
        spread=spread(manners, order),
    )
    write_atomic(out, text)
    print(f"written: {out}")


def agreement(rows: Sequence[Row], known: Mapping[str, dict[str, Any]]) -> str:
    """How well the reader read the sample, in which hard rows stand more often."""
    mine = [row for row in rows if row.id in known]
    if not mine:
        return "The sample has not been annotated."
    gold = [known[row.id] for row in mine]
    styles = [style_of(label["options"], label["answer"], label["general"]) for label in gold]
    style = kappa(np.array([row.style for row in mine]), np.array(styles))
    every = kappa(
        np.array([row.coverage == 1 for row in mine]),
        np.array([coverage_of(label) == 1 for label in gold]),
    )
    error = np.mean([abs(r.coverage - coverage_of(g)) for r, g in zip(mine, gold, strict=True)])
    return (
        f"On the {len(mine)} labelled responses (drawn by stratum: hard ones are among them more "
        f"often than in the whole) reader and annotator agree at kappa {style:.2f} on style and "
        f"{every:.2f} on whether every option is reasoned about; coverage is off by "
        f"{100 * error:.0f} points on average."
    )


def spread(manners: Mapping[str, Sequence[Row]], order: Sequence[str]) -> str:
    """Models in more than one manner: what the manner does to one and the same model."""
    found: dict[str, dict[str, Estimate]] = {}
    for manner in order:
        for model in {row.model for row in manners[manner]}:
            mine = [row for row in manners[manner] if row.model == model]
            if len(mine) >= LEAST:
                found.setdefault(model, {})[manner] = share(mine)
    lines = [
        f"- {model}: " + "; ".join(f"{told(one)} in {manner}" for manner, one in by.items())
        for model, by in sorted(found.items())
        if len(by) > 1
    ]
    return "\n".join(lines) or "No model stands in two manners with enough responses."


PAGE = Path(__file__).with_name("study.md.txt").read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("draw", "keep", "write"))
    parser.add_argument("file", type=Path, help="the responses; for keep, the labels")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--n", type=int, default=240)
    parser.add_argument("--reader", default=DEFAULT_READER)
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/study.md"))
    asked = parser.parse_args()
    if asked.what == "draw":
        draw(asked.file, asked.work, asked.n, asked.reader)
    elif asked.what == "keep":
        keep(asked.file, asked.work)
    else:
        write(asked.file, asked.work, asked.labels, asked.out, asked.reader)


if __name__ == "__main__":
    main()
