"""Draws have known probabilities, and figures checked by labels hold whatever the reader does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.annotate import Reader, make, sides
from starprobe.bench.annotations.checked import compare_checked, transfer
from starprobe.bench.annotations.draw import draw
from starprobe.bench.annotations.labels import shown, take_in
from starprobe.bench.frames import frame
from starprobe.bench.readers.annotated import is_unclaimed, marks, shipped
from starprobe.bench.readers.base import Reading
from starprobe.bench.results import measure_run
from starprobe.bench.statistics.labelled import (
    CheckedShare,
    Limits,
    Side,
    Stratum,
    allocate,
    checked_change,
    checked_share,
    plan_labels,
)
from starprobe.probes.schema import ShownOption
from tests.bench.annotations.runs import erring_run, label_row, write_rows
from tests.reports.makers import EAGER, TERSE


def test_allocation_keeps_the_total_the_floor_and_what_there_is() -> None:
    given = allocate([100, 100, 3], [0.5, 0.2, 0.2], 50, 4)
    assert sum(given) == 50
    assert given[2] == 3 and given[0] > given[1] >= 4
    assert allocate([1, 2], [0.3, 0.3], 50, 4) == [1, 2]
    assert sum(allocate([9] * 40, [0.3] * 40, 10, 4)) == 10


def test_a_longer_sample_holds_the_shorter_one_in_its_order(tmp_path: Path) -> None:
    run, _ = erring_run(tmp_path / "run")
    first = draw(run, 20)
    assert [row.id for row in draw(run, 20)] == [row.id for row in first]
    longer = draw(run, 45)
    assert [row.id for row in longer][:20] == [row.id for row in first]
    assert len({row.id for row in longer}) == 45
    assert {row.draw for row in longer} == {1, 2}


def test_every_stored_probability_is_the_share_of_its_stratum_drawn(tmp_path: Path) -> None:
    run, _ = erring_run(tmp_path / "run")
    drawn = draw(run, 40)
    counts = Counter((row.model, row.condition, row.said) for row in drawn)
    for row in drawn:
        stratum = row.model, row.condition, row.said
        assert row.probability == pytest.approx(counts[stratum] / row.size)


def test_each_response_of_a_stratum_is_drawn_as_often_as_its_probability_says(
    tmp_path: Path,
) -> None:
    run, _ = erring_run(tmp_path / "run", (EAGER,), 30)
    seen: Counter[str] = Counter()
    said: dict[str, float] = {}
    for seed in range(120):
        (run.path / "sample.jsonl").unlink(missing_ok=True)
        for row in draw(run, 12, seed=seed):
            seen[row.id] += 1
            said[row.id] = row.probability
    worst = max(abs(seen[one] / 120 - p) / np.sqrt(p * (1 - p) / 120) for one, p in said.items())
    assert len(said) == 30 and worst < 4


def simulated(
    reader: Reader, share: float, labels: int, repeats: int, runs: int = 150
) -> tuple[float, float]:
    """Share of intervals that held the truth: of one side, and of the change from 0.2 to it."""
    rng = np.random.default_rng(3)
    held = [0, 0]
    for _ in range(runs):
        latent = rng.normal(size=100)
        first = make(rng, 0.2, Reader("", 0.92, 0.97), repeats, latent)
        second = make(rng, share, reader, repeats, latent)
        was, now = (sides(rng, made, labels)[0] for made in (first, second))
        one, change = checked_share(now), checked_change(was, now)
        assert one is not None and change is not None
        held[0] += one.low <= share <= one.high
        held[1] += change.low <= share - 0.2 <= change.high
    return held[0] / runs, held[1] / runs


@pytest.mark.parametrize("reader", [Reader("", 0.8, 0.92), Reader("", 0.92, 0.8)])
@pytest.mark.parametrize("repeats", [1, 3])
def test_fifty_labels_hold_the_truth_when_the_reader_is_worse_than_shipped(
    reader: Reader, repeats: int
) -> None:
    for share in (0.05, 0.5):
        # Of 150 runs of a true 95 % fewer than 91 % hold in about one of a hundred cases.
        assert min(simulated(reader, share, 50, repeats)) >= 0.91


def test_the_raw_share_would_not_have_held() -> None:
    rng = np.random.default_rng(3)
    off = [
        float((made.read == 5).mean())
        for made in (
            make(rng, 0.05, Reader("", 0.92, 0.8), 1, rng.normal(size=100)) for _ in range(50)
        )
    ]
    assert np.mean(off) > 0.15


def one_side(read: list[float], labels: list[float], unlabelled: int = 0) -> Side:
    said = np.array(read + [0.0] * unlabelled)
    mean, ones = float(said.mean()), np.ones(len(read))
    stratum = Stratum(len(said), 1.0, mean, np.array(read), np.array(labels), ones)
    return Side((stratum,), said, np.arange(len(said)), np.full(len(said), 1 / len(said)))


def test_when_all_is_labelled_the_labels_are_the_figure() -> None:
    found = checked_share(one_side([1, 1, 0, 0, 1], [1, 0, 0, 0, 1]))
    assert found is not None
    assert (found.read, found.value) == pytest.approx((0.6, 0.4))
    assert tuple(found.excess) == pytest.approx((0.2, 0.0, 0.0), abs=1e-6)


def test_no_error_seen_is_no_proof_of_none_and_no_labels_are_no_figure() -> None:
    found = checked_share(one_side([0.0] * 10, [0.0] * 10, unlabelled=90))
    assert found is not None and found.value == 0.0
    assert 0.2 < found.excess.below < 0.35
    assert checked_share(one_side([], [], unlabelled=90)) is None


def test_a_stratum_without_labels_could_be_anything() -> None:
    labelled = Stratum(50, 0.5, 0.0, np.zeros(25), np.zeros(25), np.ones(25))
    blank = Stratum(50, 0.5, 1.0, np.zeros(0), np.zeros(0), np.zeros(0))
    said = np.repeat([0.0, 1.0], 50)
    found = checked_share(Side((labelled, blank), said, np.arange(100), np.full(100, 0.01)))
    assert found is not None and found.low < 0.02 and found.high > 0.5


def test_labels_halve_an_interval_less_than_the_reader_helps() -> None:
    many, few = (plan_labels(n, 1000, 0.5, 0.92, 0.97) for n in (200, 50))
    assert many.share < few.share < few.alone
    assert few.share < few.difference


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        (Limits(0.02, 0.05, 0.05), "PASS"),
        (Limits(0.3, 0.1, 0.1), "FAIL"),
        (Limits(-0.3, 0.1, 0.1), "FAIL"),
        (Limits(0.08, 0.05, 0.05), "INCONCLUSIVE"),
    ],
)
def test_the_verdict_on_transfer_follows_from_the_interval_and_the_margin(
    limits: Limits, verdict: str
) -> None:
    found = transfer(CheckedShare(0.5, 0.5, 0.4, 0.6, limits, 50, 100), 0.1)
    assert found.verdict == verdict
    assert transfer(None, 0.1).verdict == "NOT CHECKED"


def test_metrics_json_holds_what_was_read_and_what_the_labels_say(tmp_path: Path) -> None:
    run, truth = erring_run(tmp_path / "run", missed=0.5)
    sample = shown(run, draw(run, 70))
    take_in(run, write_rows(tmp_path / "l.jsonl", (label_row(s, truth) for s in sample)), "ann")
    check = measure_run(run.path).reader_check
    assert check is not None and check.labels == 70 and check.by == ("ann",)
    rows = {(row.metric, row.model): row for row in check.metrics}
    row = rows["full_breakdown", "scripted:eager"]
    eager = {one.id for one in run.responses().values() if one.model == "scripted:eager"}
    true = [v.style == "option_by_option" for one, v in truth.items() if one in eager]
    assert row.read < sum(true) / len(true) - 0.2
    assert row.low <= sum(true) / len(true) <= row.high
    assert row.value > row.read + 0.1
    # What the reader gets right stays: labels must not shift it.
    accuracy = rows["accuracy", "scripted:terse"]
    assert accuracy.value == pytest.approx(accuracy.read)
    by_cell = {found.model: found for found in check.transfer}
    assert by_cell["scripted:eager"].verdict == "FAIL"
    with_reader = next(one for one in check.agreement if one.one == "rules")
    assert with_reader.other == "ann" and with_reader.every_option is not None
    assert with_reader.every_option < 1


def test_what_is_checked_is_the_figure_that_metrics_shows(tmp_path: Path) -> None:
    run, truth = erring_run(tmp_path / "run", (EAGER, TERSE), 20, 0.4)
    # One question asked over and over: it must not weigh more.
    first = next(iter(run.responses().values()))
    verdict = run.verdicts("rules")[first.id]
    with run.response_writer() as writer:
        writer.append(
            first.model_copy(update={"id": f"again{i}", "repeat": i + 1}) for i in range(15)
        )
    again = [verdict.model_copy(update={"id": f"again{i}"}) for i in range(15)]
    run.write_verdicts("rules", [*run.verdicts("rules").values(), *again])
    truth |= {one.id: one for one in again}
    sample = shown(run, draw(run, 55))
    take_in(run, write_rows(tmp_path / "l.jsonl", (label_row(s, truth) for s in sample)), "ann")
    found = measure_run(run.path)
    assert found.reader_check is not None and found.reader_check.labels == 55
    read = {(m.name, m.model): m.value for m in found.readers["rules"]}
    for row in found.reader_check.metrics:
        assert row.read == pytest.approx(read[row.metric, row.model]), row.metric
    # All is labelled: the checked figure is that of the truth.
    run.write_verdicts("rules", truth.values())
    true = {(m.name, m.model): m.value for m in measure_run(run.path).readers["rules"]}
    for row in found.reader_check.metrics:
        assert row.value == pytest.approx(true[row.metric, row.model]), row.metric


def test_a_paired_difference_is_checked_by_the_labels_of_both_runs(tmp_path: Path) -> None:
    pair = []
    for name, shape, missed in (("before", TERSE, 0.0), ("after", EAGER, 0.6)):
        run, truth = erring_run(tmp_path / name, (shape,), 80, missed)
        sample = shown(run, draw(run, 50))
        rows = (label_row(one, truth) for one in sample)
        take_in(run, write_rows(tmp_path / f"{name}.jsonl", rows), "ann")
        pair.append((run, frame(run), truth))
    found = compare_checked(pair[0][:2], pair[1][:2])
    row = next(one for one in found if one.metric == "full_breakdown")
    before, after = (
        np.mean([v.style == "option_by_option" for v in truth.values()]) for _, _, truth in pair
    )
    assert row.read < after - before - 0.2
    assert row.low <= after - before <= row.high
    assert (row.labels_before, row.labels_after) == (50, 50)
    (pair[0][0].path / "annotations.ann.jsonl").unlink()
    assert compare_checked(pair[0][:2], pair[1][:2]) == []


def test_a_response_unlike_the_training_texts_is_marked_by_how_it_is_unlike() -> None:
    known = shipped()
    plain = "The basket is light and has a handle, so it is easy to carry. The answer is (B)."
    assert marks(plain, 4, known) == []
    assert marks(plain, 26, known) == ["options"]
    assert marks(plain * 100, 4, known) == ["length"]
    german = "Der Korb ist leicht und hat einen Henkel, deshalb kann man ihn gut tragen. Antwort B."
    assert marks(german, 4, known) == ["language"]
    assert marks(f"## Answer\n{plain}", 4, known) == ["format"]


def test_a_text_that_speaks_of_no_option_is_told_from_one_that_does() -> None:
    shown = tuple(
        ShownOption(label=label, option_id=label, text=text)
        for label, text in (("A", "a basket"), ("B", "a swimming pool"))
    )
    stem = "What can be used to carry a small dog?"
    said = (
        "(A) a basket has a handle, so it is carried. (B) a swimming pool cannot be moved at all."
    )
    other = "Dogs are descended from wolves. They were bred for many tasks over the centuries."
    assert not is_unclaimed(Reading("r", said, stem, shown))
    assert is_unclaimed(Reading("r", other, stem, shown))
    assert not is_unclaimed(Reading("r", "", stem, shown))
    assert 0.1 < shipped().unclaimed < 0.4


def test_without_labels_the_run_says_that_its_reader_is_not_checked(tmp_path: Path) -> None:
    run, _ = erring_run(tmp_path / "run", missed=0.5)
    check = measure_run(run.path).reader_check
    assert check is not None and not check.metrics
    assert [found.verdict for found in check.transfer] == ["NOT CHECKED"]
    grey = {row.model: row.grey for row in check.unlabelled}
    assert all(row.unclaimed < 0.1 for row in check.unlabelled)
    assert grey["scripted:terse"] == 0 and (grey["scripted:eager"] or 0) > 0.2
