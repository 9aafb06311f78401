"""Do checked figures hold what they say when the reader errs otherwise than where it was measured?

    python benchmarks/annotate.py coverage [--runs 400] [--repeats 3] [--labels 200]
    python benchmarks/annotate.py page OUT [--n 60]
    python benchmarks/annotate.py texts LABELS RESPONSES

`coverage` makes runs whose truth is known, reads them with a made-up reader of a given sensitivity
and specificity, labels a sample by the rules of `starprobe annotate`, and counts how often the 95 %
interval holds the true share or difference, with its mean width; beside it the interval of as many
labels drawn at random and no reader. Errors of the reader: a full breakdown of which an option is
missed, a partial one taken for a full one, and for coverage an option more or less.
`page` makes a run of the responses whose labels come with the package, and types these labels into
the labelling page in a Chromium, by keyboard; the download is taken in and the figures are checked.
`texts` measures the texts that readers are fitted on, for `bench/readers/training_texts.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from starprobe.bench.annotations.draw import FLOOR, SPREAD, draw
from starprobe.bench.annotations.labels import shown
from starprobe.bench.files import write_jsonl
from starprobe.bench.readers.annotated import Gold, labelled_set, load_annotated, training_texts
from starprobe.bench.records import MULTI
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.intervals import wilson
from starprobe.bench.statistics.labelled import (
    Side,
    Stratum,
    allocate,
    checked_change,
    checked_share,
)

OPTIONS = 5
QUESTIONS = 300
LABELS = (30, 50, 100, 200)
SHARES = (0.0, 0.05, 0.2, 0.5, 0.8)
CHANGES = ((0.05, 0.05), (0.05, 0.3), (0.2, 0.5), (0.5, 0.5), (0.3, 0.8))


class Reader(NamedTuple):
    """How a made-up reader errs on "reasons about every option"."""

    name: str
    sensitivity: float
    specificity: float


READERS = (
    Reader("good", 0.92, 0.97),
    Reader("adds", 0.92, 0.87),
    Reader("misses", 0.80, 0.97),
    Reader("both", 0.80, 0.92),
    Reader("poor", 0.60, 0.80),
)
"""The first errs as readers do on annotated texts of sources that they were not fitted on."""


class Made(NamedTuple):
    """Options reasoned about, true and as read, a row a response; and its question."""

    true: np.ndarray
    read: np.ndarray
    question: np.ndarray


def make(
    rng: np.random.Generator, share: float, reader: Reader, repeats: int, latent: np.ndarray
) -> Made:
    """One side. `latent` makes a question's responses, and both sides, agree."""
    from scipy import stats

    questions = np.repeat(np.arange(len(latent)), repeats)
    shared = latent[questions] * np.sqrt(0.5) + rng.normal(size=len(questions)) * np.sqrt(0.5)
    full = shared > stats.norm.isf(share)
    partial = ~full & (rng.random(len(questions)) < 0.4)
    true = np.where(full, OPTIONS, np.where(partial, rng.integers(1, OPTIONS, len(full)), 0))
    read = true.copy()
    missed = full & (rng.random(len(full)) > reader.sensitivity)
    read[missed] = rng.integers(OPTIONS - 2, OPTIONS, missed.sum())
    # Only partial ones are taken for full, unless there are too few to reach the specificity.
    others = max(1, int((~full).sum()))
    per_partial = min(1.0, (1 - reader.specificity) * others / max(1, int(partial.sum())))
    read[partial & (rng.random(len(full)) < per_partial)] = OPTIONS
    moved = (read > 0) & (read < OPTIONS) & (rng.random(len(full)) < 0.2)
    read[moved] = np.clip(read[moved] + rng.choice([-1, 1], moved.sum()), 0, OPTIONS - 1)
    return Made(true, read, questions)


def sides(rng: np.random.Generator, made: Made, labels: int) -> tuple[Side, Side]:
    """The side for "every option" and for coverage, with as many labels drawn."""
    band = np.where(made.read == OPTIONS, 2, np.where(made.read > 0, 1, 0))
    members = [np.flatnonzero(band == name) for name in (0, 1, 2)]
    members = [one for one in members if len(one)]
    counts = allocate([len(one) for one in members], [SPREAD] * len(members), labels, FLOOR)
    strata: tuple[list[Stratum], list[Stratum]] = ([], [])
    values = [(made.read == OPTIONS) * 1.0, made.read / OPTIONS]
    truth = [(made.true == OPTIONS) * 1.0, made.true / OPTIONS]
    for rows, count in zip(members, counts, strict=True):
        drawn = rng.choice(rows, count, replace=False)
        for found, said, label in zip(strata, values, truth, strict=True):
            share, mean = len(rows) / len(made.read), float(said[rows].mean())
            found.append(Stratum(len(rows), share, mean, said[drawn], label[drawn], np.ones(count)))
    shares = np.full(len(made.read), 1 / len(made.read))
    full, coverage = (
        Side(tuple(found), said, made.question, shares)
        for found, said in zip(strata, values, strict=True)
    )
    return full, coverage


class Tally:
    """Intervals counted."""

    def __init__(self) -> None:
        """Of nothing."""
        self.held = self.count = 0
        self.width = 0.0

    def add(self, low: float, high: float, true: float) -> None:
        """One interval."""
        self.held += low <= true <= high
        self.count += 1
        self.width += high - low

    @property
    def share(self) -> float:
        """Share that held the truth."""
        return self.held / self.count

    def show(self) -> str:
        """Share that held the truth, and mean width."""
        return f"{100 * self.held / self.count:5.1f} %  {self.width / self.count:.2f}"


def true_coverage(share: float) -> float:
    """Of all questions there could be: the full ones, and two in five of the others half."""
    return share + (1 - share) * 0.4 * (OPTIONS / 2) / OPTIONS


def table_of(title: str, *columns: str) -> Table:
    """A table whose last columns are tallies."""
    table = Table(title=title, title_justify="left")
    for column in (*columns, "labels", "every option", "coverage", "labels alone"):
        table.add_column(column, justify="right")
    return table


Tallies = dict[int, list[tuple[Tally, Tally, Tally]]]
"""Labels -> of each case: every option, coverage, labels alone."""


def in_short(tallies: Tallies) -> Table:
    """Over all readers and shares: the lowest share that held, and the mean width."""
    table = table_of("In short: lowest share of intervals that held, and mean width")
    for labels, cases in tallies.items():
        cells = []
        for place in range(3):
            lowest = min(case[place].share for case in cases)
            width = sum(case[place].width / case[place].count for case in cases) / len(cases)
            cells.append(f"{100 * lowest:5.1f} %  {width:.2f}")
        table.add_row(str(labels), *cells)
    return table


def simulate_shares(
    runs: int, repeats: int, counts: tuple[int, ...] = LABELS
) -> tuple[Table, Tallies]:
    """Checked shares of one side."""
    rng, found_all = np.random.default_rng(0), Tallies()
    title = f"Shares, {QUESTIONS} questions, responses a question: {repeats}"
    table = table_of(title, "reader", "Se", "Sp", "true share")
    for reader, share, labels in product(READERS, SHARES, counts):
        full, cover, alone = Tally(), Tally(), Tally()
        for _ in range(runs):
            made = make(rng, share, reader, repeats, rng.normal(size=QUESTIONS))
            truth = share, true_coverage(share)
            for tally, side, true in zip(
                (full, cover), sides(rng, made, labels), truth, strict=True
            ):
                found = checked_share(side)
                assert found is not None
                tally.add(found.low, found.high, true)
            drawn = rng.choice(len(made.true), labels, replace=False)
            alone.add(*wilson(int((made.true[drawn] == OPTIONS).sum()), labels), share)
        found_all.setdefault(labels, []).append((full, cover, alone))
        rates = f"{reader.sensitivity:.2f}", f"{reader.specificity:.2f}"
        tallies = full.show(), cover.show(), alone.show()
        table.add_row(reader.name, *rates, f"{share:.2f}", str(labels), *tallies)
    return table, found_all


def simulate_changes(
    runs: int, repeats: int, counts: tuple[int, ...] = LABELS
) -> tuple[Table, Tallies]:
    """Checked differences, half the labels on each side, the good reader on the first."""
    rng, found_all = np.random.default_rng(1), Tallies()
    shipped = READERS[0]
    title = f"Differences, {QUESTIONS} questions, responses a question: {repeats}; before: good"
    table = table_of(title, "reader after", "before", "after")
    for reader, (before, after), labels in product(READERS, CHANGES, counts):
        full, cover, alone = Tally(), Tally(), Tally()
        gains = after - before, true_coverage(after) - true_coverage(before)
        for _ in range(runs):
            latent = rng.normal(size=QUESTIONS)
            first = make(rng, before, shipped, repeats, latent)
            second = make(rng, after, reader, repeats, latent)
            was, now = sides(rng, first, labels // 2), sides(rng, second, labels // 2)
            for tally, one, two, true in zip((full, cover), was, now, gains, strict=True):
                found = checked_change(one, two)
                assert found is not None
                tally.add(found.low, found.high, true)
            alone.add(*newcombe(rng, first, second, labels // 2), gains[0])
        found_all.setdefault(labels, []).append((full, cover, alone))
        tallies = full.show(), cover.show(), alone.show()
        table.add_row(reader.name, f"{before:.2f}", f"{after:.2f}", str(labels), *tallies)
    return table, found_all


def newcombe(
    rng: np.random.Generator, first: Made, second: Made, labels: int
) -> tuple[float, float]:
    """The interval of a difference from labels alone, drawn at random on each side."""
    ends = []
    for made in (first, second):
        drawn = rng.choice(len(made.true), labels, replace=False)
        found = int((made.true[drawn] == OPTIONS).sum())
        ends.append((found / labels, *wilson(found, labels)))
    (p, p_low, p_high), (q, q_low, q_high) = ends
    return (
        q - p - float(np.hypot(q - q_low, p_high - p)),
        q - p + float(np.hypot(q_high - q, p - p_low)),
    )


def type_labels(out: Path, count: int) -> None:
    """Labels that are known, through the page, into a run read by the rules.

    The held-out half: no reader may have learned from it.
    """
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    seen: set[tuple[str, str]] = set()
    rows = []
    for row in labelled_set("held_out"):
        # One response of each source to a question: all of one way of asking.
        if (row.source, row.reading.stem) not in seen and len(row.reading.shown) > 1:
            seen.add((row.source, row.reading.stem))
            rows.append(row)
    lines = [
        {
            "id": row.reading.id,
            "question": row.reading.stem,
            "options": [{"label": one.label, "text": one.text} for one in row.reading.shown],
            "response": row.reading.text,
            "model": row.source,
        }
        for row in rows
    ]
    write_jsonl(out / "answers.jsonl", lines)
    here = ("starprobe", "annotate", out / "run", "--n", count)
    command(
        "starprobe", "import", out / "answers.jsonl", "--out", out / "run", "--condition", "plain"
    )
    command("starprobe", "classify", out / "run", "--reader", "rules")
    command(*here, "--page", out / "label.html")
    run = Run(out / "run")
    sample = shown(run, draw(run, count))
    gold_of_text = {letters(row.reading.text): row.gold for row in rows}
    with sync_playwright() as play:
        path = shutil.which("chromium")
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"file://{(out / 'label.html').resolve()}")
        for number, one in enumerate(sample, 1):
            for key in keys_of(gold_of_text[letters(one.response.readable)]):
                page.keyboard.press(key)
            page.keyboard.press("Enter")
            page.wait_for_selector(f"body[data-done='{number}']")
        with page.expect_download() as started:
            page.keyboard.press("q")
        started.value.save_as(out / "labels.me.jsonl")
        browser.close()
    command(*here, "--from", out / "labels.me.jsonl")
    truth = [gold_of_text[letters(row.readable)].style for row in run.responses().values()]
    share = sum(style == "option_by_option" for style in truth) / len(truth)
    print(f"By the labels of all {len(truth)} responses {share:.3f} go through every option.")


def letters(text: str) -> str:
    """What identifies a text: importing takes the tags of visible thinking away."""
    return re.sub(r"</?\w+>|[\W_]", "", text)


def keys_of(gold: Gold) -> str:
    """What is typed on the page for these labels."""
    labels = list(gold.codes)
    codes = "".join(code[-1] for code in gold.codes.values())
    answer = "m" if gold.answer == MULTI else "0"
    if gold.answer in labels:
        answer = "123456789abcdefghijkl"[labels.index(gold.answer)]
    why = {"refused": "r", "cut": "c"}.get(gold.outcome, "n") if answer == "0" else ""
    return f"{codes}{answer}{why}{'y' if gold.general else 'n'}"


def command(*words: object) -> None:
    """Runs and shows a command."""
    print("$", *words, flush=True)
    subprocess.run([str(word) for word in words], check=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    simulated = commands.add_parser("coverage")
    simulated.add_argument("--runs", type=int, default=400)
    simulated.add_argument("--repeats", type=int, default=1, help="Responses a question.")
    simulated.add_argument("--labels", type=int, nargs="*", default=LABELS)
    measured = commands.add_parser("texts")
    measured.add_argument("labels", type=Path)
    measured.add_argument("responses", type=Path)
    typed = commands.add_parser("page")
    typed.add_argument("out", type=Path)
    typed.add_argument("--n", type=int, default=60)
    options = parser.parse_args()
    if options.what == "page":
        return type_labels(options.out, options.n)
    if options.what == "texts":
        rows = load_annotated(options.labels, options.responses)
        content = options.labels.read_bytes() + options.responses.read_bytes()
        found = training_texts(
            [row.reading for row in rows], hashlib.sha256(content).hexdigest()[:16]
        )
        print(found.model_dump_json(indent=2))
        return None
    console = Console(width=130, highlight=False)
    for simulate in (simulate_shares, simulate_changes):
        table, tallies = simulate(options.runs, options.repeats, tuple(options.labels))
        console.print(table)
        console.print(in_short(tallies))
    return None


if __name__ == "__main__":
    main()
