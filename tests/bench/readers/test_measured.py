"""The figures of the reader on annotated responses, and the shipped coefficients."""

from __future__ import annotations

import numpy as np
import pytest

from starprobe.bench.readers import error_counts, load_classifier
from starprobe.bench.readers.agreement import clustered, ece, f1, kappa, style_ac1, tabulate
from starprobe.bench.readers.annotated import Gold
from starprobe.bench.readers.learned import shipped


def gold(codes: str, answer: str | None = "A") -> Gold:
    from starprobe.bench.readers.annotated import treatment_of
    from starprobe.bench.readers.styles import codes_of, style_of

    split = dict(zip("ABCD", codes.split(), strict=False))
    treated = codes_of({label: treatment_of(code) for label, code in split.items()})
    return Gold(split, False, answer, "answered", style_of(treated, answer, False))


def test_f1_counts_options_and_not_responses() -> None:
    table = tabulate([gold("r+ r- 0 0"), gold("n 0 0 0")], [gold("r+ 0 0 r-"), gold("n 0 0 0")])
    assert f1(table) == pytest.approx(0.5)


def test_kappa_is_one_for_equals_and_zero_for_chance() -> None:
    one = np.array([0, 0, 1, 1])
    assert kappa(one, one) == 1.0
    assert kappa(one, np.array([0, 1, 0, 1])) == pytest.approx(0.0)


def test_ac1_agrees_with_the_published_formula() -> None:
    same = [gold("r+ 0 0 0"), gold("n 0 0 0"), gold("r+ r- r- r-")]
    assert style_ac1(tabulate(same, same)) == pytest.approx(1.0)


def test_calibration_error_is_the_gap_between_said_and_true() -> None:
    rows = [gold("r+ r- r- r-"), gold("n 0 0 0")]
    assert ece(tabulate(rows, rows, [1.0, 0.0])) == pytest.approx(0.0)
    assert ece(tabulate(rows, rows, [0.75, 0.25])) == pytest.approx(0.25)


def test_an_interval_over_one_cluster_is_none() -> None:
    table = tabulate([gold("r+ 0 0 0")], [gold("r+ 0 0 0")])
    assert clustered(table, ["only"], f1).low is None


def test_the_shipped_coefficients_say_where_they_come_from() -> None:
    provenance = shipped()["provenance"]
    assert provenance["responses"] == sum(provenance["sources"].values())
    assert {"data_hash", "made", "versions", "left_out"} <= set(provenance)


@pytest.mark.parametrize("reader", ["learned", "rules"])
def test_a_reader_knows_its_own_errors(reader: str) -> None:
    counts = error_counts(load_classifier(reader).name)
    assert counts is not None
    assert 0 < counts.true_positives <= counts.positives
    assert counts.positives + counts.negatives == shipped()["provenance"]["responses"]


def test_a_judge_has_no_error_counts() -> None:
    assert error_counts("judge:openai:any-1") is None
