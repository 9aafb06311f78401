"""Intervals and tests against known answers and, by simulation, against their promises."""

import itertools

import numpy as np
import pytest

from starprobe.bench.statistics.intervals import (
    NOTHING,
    effective_size,
    mean,
    rate,
    resample,
    sums_by_cluster,
    wilson,
)
from starprobe.bench.statistics.paired import holm, mcnemar, paired_mean, paired_rate, sign_flip

SIMULATIONS = 1500
PROMISED = (0.93, 0.97)


def test_wilson_gives_the_published_interval():
    # Newcombe 1998, Stat. Med. 17:857, table I: 81 of 263 and 0 of 20, Wilson's score method.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_one_answer_a_question_is_plain_wilson():
    values = np.array([1.0, 0, 0, 1, 1, np.nan])
    found = rate(values, np.arange(6))
    assert (found.value, found.n, found.method) == (0.6, 5, "Wilson")
    assert (found.low, found.high) == pytest.approx(wilson(3, 5))


def test_repeating_every_answer_does_not_narrow_the_interval():
    values, questions = np.array([1.0, 0] * 20), np.arange(40)
    once, often = rate(values, questions), rate(np.tile(values, 10), np.tile(questions, 10))
    assert often.n == 40
    assert often.high - often.low >= once.high - once.low


def test_independent_repeats_do_narrow_it():
    rng = np.random.default_rng(3)
    values = (rng.random(400) < 0.4).astype(float)
    often = rate(values, np.repeat(np.arange(40), 10))
    assert often.high - often.low < 0.8 * (
        rate(values[:40], np.arange(40)).high - rate(values[:40], np.arange(40)).low
    )


def test_the_effective_size_stays_between_one_and_the_number_of_answers():
    alternating = sums_by_cluster(np.array([1.0, 0] * 10), np.repeat(np.arange(10), 2))
    assert effective_size(alternating) <= 20


def test_nothing_to_measure_is_nothing():
    assert rate(np.array([np.nan]), np.array([1])) == NOTHING
    assert mean(np.array([]), np.array([])) == NOTHING
    assert paired_rate(np.array([1.0]), np.array([np.nan]), np.array([0])).pairs == 0


def test_one_question_gives_a_mean_without_an_interval():
    found = mean(np.array([1.0, 3.0]), np.array([0, 0]))
    assert (found.value, found.low, found.n) == (2.0, None, 1)


def test_a_mean_at_its_bound_still_has_an_interval():
    found = mean(np.ones(30), np.arange(30), bounded=True)
    assert found.value == found.high == 1 and 0.85 < found.low < 0.9


def test_a_number_without_bounds_that_never_varies_is_not_taken_for_a_share():
    assert mean(np.zeros(30), np.arange(30))[:3] == (0, 0, 0)
    assert mean(np.full(30, 7.0), np.arange(30))[:3] == (7, 7, 7)


def test_resampling_is_seeded_and_blocks_do_not_change_its_shape(monkeypatch):
    columns = np.column_stack([np.arange(50.0), np.ones(50)])
    assert np.array_equal(resample(columns, 300, seed=4), resample(columns, 300, seed=4))
    assert not np.array_equal(resample(columns, 300, seed=4), resample(columns, 300, seed=5))
    monkeypatch.setattr("starprobe.bench.statistics.intervals._CELLS", 1000)
    blocked = resample(columns, 300, seed=4)
    assert blocked.shape == (300, 2) and np.all(blocked[:, 1] == 50)


def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs():
    from statsmodels.stats.contingency_tables import mcnemar as reference

    for before, after in itertools.product(range(7), repeat=2):
        expected = (
            reference([[3, before], [after, 4]], exact=True).pvalue if before + after else 1.0
        )
        assert mcnemar(before, after) == pytest.approx(min(1.0, expected))


def test_the_sign_flip_test_counts_every_swap():
    rng = np.random.default_rng(5)
    for _ in range(20):
        changes = rng.integers(-4, 5, size=9)
        sums = [abs(np.dot(signs, changes)) for signs in itertools.product((1, -1), repeat=9)]
        expected = np.mean(np.array(sums) >= abs(changes.sum()))
        assert sign_flip(changes) == pytest.approx(expected)


def test_holm_is_statsmodels_with_missing_tests_left_out():
    from statsmodels.stats.multitest import multipletests

    ps = list(np.random.default_rng(6).random(12) ** 4)
    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]))
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([None]) == [None]


def clustered(rng: np.random.Generator, shape: tuple[int, int], p: float, rho: float):
    """Zeros and ones with mean p and correlation rho inside a question (beta-binomial)."""
    a, b = p * (1 - rho) / rho, (1 - p) * (1 - rho) / rho
    return (rng.random(shape) < rng.beta(a, b, shape[0])[:, None]).astype(float).ravel()


@pytest.mark.parametrize(
    ("questions", "answers", "p", "rho"),
    [(60, 4, 0.3, 0.3), (60, 4, 0.1, 0.5), (100, 5, 0.9, 0.1), (40, 1, 0.5, 0.3)],
)
def test_intervals_of_a_share_cover_the_truth(questions, answers, p, rho):
    rng = np.random.default_rng(11)
    clusters = np.repeat(np.arange(questions), answers)
    found = [
        rate(clustered(rng, (questions, answers), p, rho), clusters) for _ in range(SIMULATIONS)
    ]
    covered = np.mean([e.low <= p <= e.high for e in found])
    assert PROMISED[0] <= covered <= PROMISED[1]


def test_intervals_of_a_mean_cover_the_truth():
    rng = np.random.default_rng(12)
    clusters, covered = np.repeat(np.arange(60), 3), []
    for _ in range(SIMULATIONS):
        values = rng.exponential(1, (60, 1)) + rng.exponential(1, (60, 3))
        found = mean(values.ravel(), clusters)
        covered.append(found.low <= 2 <= found.high)
    assert PROMISED[0] <= np.mean(covered) <= PROMISED[1]


@pytest.mark.parametrize(("answers", "gain"), [(1, 0.2), (4, 0.2), (4, 0.0)])
def test_intervals_of_a_paired_difference_of_shares_cover_the_truth(answers, gain):
    rng = np.random.default_rng(13)
    clusters, covered, wrong = np.repeat(np.arange(60), answers), [], []
    for _ in range(SIMULATIONS):
        ease = rng.beta(0.8, 1.2, 60)[:, None]
        before = rng.random((60, answers)) < ease
        after = (rng.random((60, answers)) < ease) | (rng.random((60, answers)) < gain)
        found = paired_rate(before.ravel() * 1.0, after.ravel() * 1.0, clusters)
        truth = gain * 0.6
        covered.append(found.difference.low <= truth <= found.difference.high)
        wrong.append(found.p < 0.05)
    assert PROMISED[0] <= np.mean(covered) <= PROMISED[1]
    assert gain > 0 or np.mean(wrong) <= 0.055


def test_intervals_of_a_paired_difference_of_means_cover_the_truth_and_agree_with_p():
    rng = np.random.default_rng(14)
    clusters, covered = np.repeat(np.arange(60), 2), []
    for _ in range(SIMULATIONS):
        length = rng.exponential(1, (60, 1))
        before, after = (length + rng.exponential(1, (60, 2)) for _ in range(2))
        found = paired_mean(before.ravel(), after.ravel() + 0.3, clusters)
        covered.append(found.difference.low <= 0.3 <= found.difference.high)
        excludes = found.difference.low > 0 or found.difference.high < 0
        assert excludes == (found.p < 0.05) or abs(found.p - 0.05) < 0.005
    assert PROMISED[0] <= np.mean(covered) <= PROMISED[1]


def test_the_family_wise_error_stays_under_five_percent_where_nothing_differs():
    rng = np.random.default_rng(15)
    clusters, families = np.arange(60), []
    for _ in range(SIMULATIONS // 2):
        ps: list[float | None] = []
        for _ in range(4):
            ease = rng.beta(1, 1, 60)
            ps.append(
                paired_rate(
                    1.0 * (rng.random(60) < ease), 1.0 * (rng.random(60) < ease), clusters
                ).p
            )
            skewed = rng.exponential(1, 60)
            ps.append(paired_mean(skewed, rng.exponential(1, 60), clusters).p)
        families.append(any(p < 0.05 for p in holm(ps)))
    assert np.mean(families) <= 0.05
