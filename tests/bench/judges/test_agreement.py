"""Agreement figures against statsmodels, the krippendorff package, and published numbers."""

import krippendorff
import numpy as np
import pytest
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from starprobe.bench.judges.panel import majority
from starprobe.bench.statistics.labelled import (
    agreement,
    count_choices,
    gwet_ac1,
    krippendorff_alpha,
)

CHOICES = ("RIGHT", "WRONG", "NONE")


def panel(rng: np.random.Generator, items: int, judges: int, missing: float):
    truth = rng.choice(3, items, p=[0.6, 0.3, 0.1])
    said = np.where(rng.random((judges, items)) < 0.7, truth, rng.choice(3, (judges, items)))
    lost = rng.random((judges, items)) < missing
    votes = {
        f"judge{j}": {f"r{i}": None if lost[j, i] else CHOICES[said[j, i]] for i in range(items)}
        for j in range(judges)
    }
    return votes, said, lost


@pytest.mark.parametrize("seed", range(5))
def test_alpha_is_the_krippendorff_package_s_with_missing_votes(seed):
    votes, said, lost = panel(np.random.default_rng(seed), 40, 4, 0.2)
    expected = krippendorff.alpha(
        reliability_data=np.where(lost, np.nan, said), level_of_measurement="nominal"
    )
    found = agreement(votes, CHOICES)
    assert found.krippendorff_alpha == pytest.approx(expected)
    assert found.alpha_low < expected < found.alpha_high


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_statsmodels_on_the_complete_items(seed):
    votes, said, lost = panel(np.random.default_rng(seed), 40, 3, 0.1)
    complete = ~lost.any(axis=0)
    expected = fleiss_kappa(aggregate_raters(said[:, complete].T, n_cat=3)[0])
    found = agreement(votes, CHOICES)
    assert found.fleiss_kappa == pytest.approx(expected)
    assert found.complete == complete.sum()


def test_ac1_gives_the_published_value_where_kappa_fails():
    # The skewed table that Gwet 2008 discusses: 118 of 125 items "yes" by both, 7 split. By hand:
    # raw 0.944, share of "yes" 0.972, chance 2 * 0.972 * 0.028, so (0.944 - 0.0544) / 0.9456.
    rows = [["+", "+"]] * 118 + [["+", "-"]] * 5 + [["-", "+"]] * 2
    counts = count_choices(rows, ("+", "-"))
    assert gwet_ac1(counts) == pytest.approx(0.9408, abs=1e-4)
    assert krippendorff_alpha(counts).value < 0.05


def test_nothing_to_agree_on_is_no_value():
    alone = agreement({"one": {"r1": "RIGHT"}}, CHOICES)
    assert (alone.raw, alone.fleiss_kappa, alone.krippendorff_alpha, alone.gwet_ac1) == (None,) * 4
    unanimous = agreement({j: {f"r{i}": "RIGHT" for i in range(5)} for j in "ab"}, CHOICES)
    assert unanimous.raw == 1 and unanimous.gwet_ac1 == 1
    assert unanimous.fleiss_kappa is None and unanimous.krippendorff_alpha is None


def test_the_majority_abstains_on_ties_and_does_not_count_the_missing():
    assert majority(["RIGHT", "RIGHT", "WRONG"]) == "RIGHT"
    assert majority(["RIGHT", None, None]) == "RIGHT"
    assert majority(["RIGHT", "WRONG", None]) is None
    assert majority(["RIGHT", "WRONG", "NONE"]) is None
    assert majority([None, None]) is None
    assert majority([]) is None
