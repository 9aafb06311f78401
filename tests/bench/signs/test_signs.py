"""The statistics of the sign on simulated arms whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from starprobe.bench.signs import (
    analyse,
    label,
    likelihood_ratio,
    posterior,
    rate_difference,
    roc,
    seed_rate,
)
from starprobe.bench.signs.posterior import beta_of, between_checkpoints
from starprobe.bench.signs.roc import area, auc_limits
from starprobe.bench.signs.words import BARELY, informative, sentence, summary, verdict
from starprobe.probes.errors import InputError
from tests.bench.metrics.runs import make_frame, make_prompt, make_response, make_verdict

TIMES = 1000
PROMISED = (0.93, 0.98)
"""Two standard errors of the simulation (0.7 points each) beside 93 to 97 %."""


def expit(x):
    return 1 / (1 + np.exp(-x))


def truth(logit: float, seeds_sd: float, questions_sd: float) -> float:
    """The mean rate over all seeds and questions, by Gauss-Hermite quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    spread = np.hypot(seeds_sd, questions_sd)
    return float(weights @ expit(logit + spread * points) / weights.sum())


def arm(rng, logit, seeds, hard, seeds_sd, repeats=1):
    """Seeds by questions: every seed is easier or harder, and every question is."""
    p = expit(logit + rng.normal(0, seeds_sd, (seeds, 1)) + hard)
    return rng.binomial(repeats, p) / repeats


@pytest.mark.parametrize(
    ("logit", "seeds", "questions", "seeds_sd", "repeats"),
    [(0, 3, 60, 0.5, 1), (-2, 3, 80, 0.5, 1), (1.5, 5, 60, 0.8, 1), (0, 3, 80, 0.3, 3)],
)
def test_the_interval_of_an_arm_covers_its_true_rate(logit, seeds, questions, seeds_sd, repeats):
    rng = np.random.default_rng(1)
    true, covered = truth(logit, seeds_sd, 1), []
    for _ in range(TIMES):
        hard = rng.normal(0, 1, (1, questions))
        found = seed_rate(arm(rng, logit, seeds, hard, seeds_sd, repeats))
        covered.append(found.low <= true <= found.high)
    assert PROMISED[0] <= np.mean(covered) <= PROMISED[1]


@pytest.mark.parametrize(
    ("positive", "negative", "seeds", "seeds_sd"),
    [(1, -1, 3, 0.5), (2, -3, 3, 0.5), (0, 0, 5, 0.8), (1, -2, 3, 0.3)],
)
def test_the_interval_of_a_likelihood_ratio_covers_the_true_one(
    positive, negative, seeds, seeds_sd
):
    rng = np.random.default_rng(2)
    true, covered = truth(positive, seeds_sd, 1) / truth(negative, seeds_sd, 1), []
    for _ in range(TIMES):
        hard = rng.normal(0, 1, (1, 60))
        found = likelihood_ratio(
            arm(rng, positive, seeds, hard, seeds_sd), arm(rng, negative, seeds, hard, seeds_sd)
        )
        covered.append(found.low <= true <= found.high)
    assert PROMISED[0] <= np.mean(covered) <= PROMISED[1]


@pytest.mark.parametrize(
    ("first", "second", "seeds", "seeds_sd"),
    [(1, -1, 3, 0.5), (-1.2, -1.2, 3, 0.3), (0, -2, 5, 0.8), (-1, -2, 3, 0.1)],
)
def test_the_interval_of_a_difference_of_rates_covers_the_true_one(first, second, seeds, seeds_sd):
    rng = np.random.default_rng(6)
    true, covered, small = truth(first, seeds_sd, 1) - truth(second, seeds_sd, 1), [], []
    for _ in range(TIMES):
        hard = rng.normal(0, 1, (1, 60))
        found = rate_difference(
            arm(rng, first, seeds, hard, seeds_sd), arm(rng, second, seeds, hard, seeds_sd)
        )
        covered.append(found.low <= true <= found.high)
        small.append(found.p <= 0.05)
        assert (found.p > 0.05) or not found.low <= 0 <= found.high
    assert PROMISED[0] <= np.mean(covered) <= PROMISED[1] + 0.01
    if first == second:
        assert np.mean(small) <= 0.06


def test_a_difference_is_seen_from_both_sides():
    rng = np.random.default_rng(8)
    hard = rng.normal(0, 1, (1, 40))
    one, two = arm(rng, 1, 3, hard, 0.3), arm(rng, 0, 1, hard, 0)
    there, back = rate_difference(one, two), rate_difference(two, one)
    assert there.value == pytest.approx(one.mean() - two.mean())
    assert (there.low, there.high, there.p) == pytest.approx((-back.high, -back.low, back.p))
    assert (there.seeds, there.questions) == ((3, 1), 40)
    with pytest.raises(ValueError, match="not the same questions"):
        rate_difference(one, two[:, :5])


def labelled(rng, logits: dict[str, float], seeds=3, questions=60, seeds_sd=0.5) -> pd.DataFrame:
    hard = rng.normal(0, 1, (1, questions))
    rows = []
    for name, logit in logits.items():
        cells = arm(rng, logit, seeds, hard, seeds_sd)
        for seed, question in np.ndindex(cells.shape):
            rows.append((name, f"{name}-{seed}", f"q{question}", cells[seed, question]))
    return pd.DataFrame(rows, columns=["arm", "checkpoint", "question_id", "sign"])


ARMS = ("star_paper", "star_option_by_option", "base", "direct", "supervised")


def test_an_uninformative_sign_is_called_uninformative():
    rng = np.random.default_rng(3)
    times, called = 300, 0
    for _ in range(times):
        found = analyse(labelled(rng, dict.fromkeys(ARMS, 0.0)), ARMS[:2])
        main = [row for row in found.contrasts if row.positive == found.contrasts[0].positive]
        called += not any(row.informative for row in main)
    assert called / times >= 0.95


def test_a_sign_that_supervised_text_teaches_too_does_not_single_out_star():
    logits = dict(zip(ARMS, (-3.5, 3.0, -3.5, -3.5, 3.0), strict=True))
    found = analyse(labelled(np.random.default_rng(4), logits, seeds=4), ["star_option_by_option"])
    told = {row.negative: row.informative for row in found.contrasts}
    assert told == {"star_paper": True, "base": True, "direct": True, "supervised": False}
    assert "does not distinguish star_option_by_option from supervised" in found.summary
    sentences = {row.negative: row.sentence for row in found.contrasts}
    assert "does not distinguish the two" in sentences["supervised"]
    assert "speaks for star_option_by_option" in sentences["base"]


def test_a_ratio_below_one_speaks_for_the_alternative():
    found = analyse(labelled(np.random.default_rng(5), {"star": -3, "direct": 3}, 4), ["star"])
    (row,) = found.contrasts
    assert row.ratio.high < 1 and "speaks for direct instead" in row.sentence
    assert row.absence.low > 1


def test_the_star_arms_are_also_taken_together():
    found = analyse(labelled(np.random.default_rng(6), dict.fromkeys(ARMS, 0.0)), ARMS[:2])
    assert {row.positive for row in found.contrasts} == {"STaR-trained models", *ARMS[:2]}
    joined = next(row for row in found.arms if row.arm == "STaR-trained models")
    alone = [row.value for row in found.arms if row.arm in ARMS[:2]]
    assert joined.value == pytest.approx(np.mean(alone))
    assert found.roc.positives == 6 and found.roc.negatives == 9


def test_a_small_p_never_contradicts_the_interval():
    rng = np.random.default_rng(7)
    for _ in range(50):
        hard = rng.normal(0, 1, (1, 40))
        found = likelihood_ratio(arm(rng, 0.5, 3, hard, 0.4), arm(rng, -0.5, 3, hard, 0.4))
        assert found.p >= 0.05 or found.low > 1 or found.high < 1
        assert 0 < found.p <= 1


def test_a_sign_that_was_never_shown_gives_a_finite_ratio_with_a_wide_interval():
    rng = np.random.default_rng(8)
    never, often = np.zeros((3, 60)), arm(rng, 1, 3, np.zeros((1, 60)), 0.3)
    found = likelihood_ratio(often, never)
    assert 50 < found.value < 200 and found.low > 1 and found.high / found.low > 10
    neither = likelihood_ratio(never, never)
    assert neither.value == 1 and neither.low < 0.1 and neither.high > 10


def test_one_checkpoint_is_a_model_and_not_a_kind_of_model():
    rng = np.random.default_rng(9)
    base = arm(rng, 0, 1, rng.normal(0, 1, (1, 60)), 0)
    found = seed_rate(base)
    assert "one checkpoint" in found.method
    assert found.low < found.value < found.high
    assert likelihood_ratio(arm(rng, 2, 3, np.zeros((1, 60)), 0.2), base).low > 1


def test_questions_that_a_checkpoint_was_not_read_on_are_left_out_for_all():
    frame = labelled(np.random.default_rng(10), {"star": 1, "base": -1})
    lost = frame[~((frame["checkpoint"] == "base-0") & (frame["question_id"] == "q7"))]
    assert {row.questions for row in analyse(lost, ["star"]).arms} == {59}
    with pytest.raises(InputError, match="fewer than two questions"):
        analyse(lost[lost["question_id"] == "q1"], ["star"])
    with pytest.raises(InputError, match="STaR arms and others"):
        analyse(frame[frame["arm"] == "base"], ["star"])


def test_only_what_was_not_asked_for_is_a_sign():
    rows = []
    for condition in ("plain", "direct", "scratchpad", "hinted", "no_such_condition"):
        prompt = make_prompt("q1", condition)
        response = make_response(prompt)
        everything = dict.fromkeys(("o1", "o2", "o3", "o4"), "against")
        rows.append((prompt, response, make_verdict(response, "o1", everything)))
    found = label(make_frame(rows), "star", "seed-0")
    assert list(found.columns) == ["arm", "checkpoint", "question_id", "sign"]
    assert found["sign"].tolist() == [1.0, 1.0]


def test_the_curve_counts_pairs_and_thresholds():
    from sklearn.metrics import roc_auc_score

    up, down = [0.9, 0.5, 0.4], [0.1, 0.5, 0.2]
    found = roc(up, down)
    assert found.auc == pytest.approx(roc_auc_score([1, 1, 1, 0, 0, 0], [*up, *down]))
    at = {row.rate: (row.sensitivity, row.specificity) for row in found.thresholds}
    assert at[0.5] == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert at[0.0] == (1, 0) and at[1.0] == (0, 1)


def test_the_limits_of_an_area_under_the_curve_cover_it_even_for_few_checkpoints():
    rng = np.random.default_rng(11)
    for shift in (0.0, 1.0, 2.5):
        true, covered = float(stats.norm.cdf(shift / 2**0.5)), []
        for _ in range(TIMES):
            low, high = auc_limits(area(rng.normal(shift, 1, 6), rng.normal(0, 1, 12)), 6, 12)
            covered.append(low <= true <= high)
        assert np.mean(covered) >= 0.92
    assert auc_limits(1.0, 6, 12)[1] == 1 and 0.5 < auc_limits(1.0, 6, 12)[0] < 1
    assert auc_limits(0.0, 6, 12)[0] == 0


RATES = {"star": [0.9, 0.8, 0.95], "base": [0.1, 0.05, 0.0], "supervised": [0.85, 0.9, 0.9]}


def test_the_posterior_moves_from_the_priors_by_the_likelihoods():
    found = {
        row.arm: row
        for row in posterior(70, 80, RATES, {"star": 1, "base": 8, "supervised": 1}, questions=80)
    }
    assert sum(row.prior for row in found.values()) == pytest.approx(1)
    assert sum(row.posterior for row in found.values()) == pytest.approx(1)
    assert found["base"].posterior < 0.01 < found["base"].prior
    odds = found["star"].posterior / found["supervised"].posterior
    prior_odds = found["star"].prior / found["supervised"].prior
    expected = found["star"].likelihood / found["supervised"].likelihood * prior_odds
    assert odds == pytest.approx(expected)
    assert 1 / 3 < odds < 3


def test_a_kind_without_a_prior_is_not_considered_and_bad_priors_are_refused():
    found = posterior(5, 80, RATES, {"star": 0.5, "base": 0.5}, questions=80)
    assert [row.arm for row in found] == ["star", "base"]
    assert found[1].posterior > 0.95
    with pytest.raises(ValueError, match="priors must be of"):
        posterior(5, 80, RATES, {"unheard_of": 1}, questions=80)
    with pytest.raises(ValueError, match="cannot show the sign"):
        posterior(81, 80, RATES, {"star": 1}, questions=80)


def test_checkpoints_that_scatter_make_the_posterior_less_sure():
    calm = posterior(40, 80, {"star": [0.7] * 3, "base": [0.3] * 3}, {"star": 1, "base": 2}, 80)
    wild = {"star": [0.4, 0.7, 1.0], "base": [0.0, 0.3, 0.6]}
    loose = posterior(50, 80, wild, {"star": 1, "base": 2}, 80)
    tight = posterior(50, 80, {"star": [0.7] * 3, "base": [0.3] * 3}, {"star": 1, "base": 2}, 80)
    assert loose[0].posterior < tight[0].posterior
    assert calm[0].posterior == pytest.approx(1 / 3, abs=0.05)
    assert between_checkpoints(wild) > 0.2
    a, b = beta_of([0.0, 0.0, 0.0], 0.0, 80)
    assert 0 < a / (a + b) < 0.01


def test_few_checkpoints_are_called_too_few_and_not_no_difference():
    rng = np.random.default_rng(12)
    cells = arm(rng, 1.5, 2, np.zeros((1, 12)), 1.0), arm(rng, -1.5, 2, np.zeros((1, 12)), 1.0)
    few = likelihood_ratio(*cells)
    assert not informative(few, few.p) and few.high > BARELY
    assert verdict(few, few.p) == "undecided"
    assert "too few checkpoints or questions to say" in sentence("star", "base", few, few.p)
    same = likelihood_ratio(*(arm(rng, 2, 5, np.zeros((1, 200)), 0.1) for _ in range(2)))
    assert verdict(same, 1.0) == "alike"
    assert "does not distinguish the two" in sentence("star", "base", same, 1.0)


def test_the_summary_keeps_the_verdicts_apart():
    told = summary(
        "star", {"a": "speaks for", "b": "alike", "c": "undecided", "d": "speaks against"}
    )
    assert "does not distinguish star from b:" in told
    assert "speaks for star against a." in told
    assert "rarer in star than in d:" in told
    assert "from c these data cannot tell" in told
    assert "every alternative" in summary("star", {"a": "speaks for"})
    assert "no evidence of such training" in summary("star", {"a": "alike", "b": "alike"})
    assert "no evidence" not in summary("star", {"a": "undecided", "b": "undecided"})
