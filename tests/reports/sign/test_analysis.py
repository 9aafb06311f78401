"""The statistics of the sign on simulated arms whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from starprobe.bench.statistics.seeds import likelihood_ratio, rate_difference, seed_rate
from starprobe.probes.errors import InputError
from starprobe.reports.sign.analysis import (
    BARELY,
    analyse,
    at_matched_length,
    sentence,
    summaries,
    summary,
    times,
    variant,
    verdict,
)
from starprobe.reports.sign.arms import label
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
    runs, called = 300, 0
    for _ in range(runs):
        _, contrasts = analyse(labelled(rng, dict.fromkeys(ARMS, 0.0)), ARMS[:2])
        main = [row for row in contrasts if row.positive == contrasts[0].positive]
        called += not any(row.verdict in ("more", "less") for row in main)
    assert called / runs >= 0.95


def test_a_sign_that_supervised_text_teaches_too_does_not_single_out_star():
    logits = dict(zip(ARMS, (-3.5, 3.0, -3.5, -3.5, 3.0), strict=True))
    rows = labelled(np.random.default_rng(4), logits, seeds=4)
    _, found = analyse(rows, ["star_option_by_option"])
    told = {row.negative: row.verdict for row in found}
    assert told == {"star_paper": "more", "base": "more", "direct": "more", "supervised": "alike"}
    assert "does not distinguish star_option_by_option from supervised" in summaries(found)[0]
    sentences = {row.negative: row.sentence for row in found}
    assert "does not distinguish the two" in sentences["supervised"]
    assert "speaks for star_option_by_option" in sentences["base"]


def test_a_ratio_below_one_speaks_for_the_alternative():
    _, (row,) = analyse(labelled(np.random.default_rng(5), {"star": -3, "direct": 3}, 4), ["star"])
    assert row.ratio.high < 1 and "speaks for direct instead" in row.sentence
    assert row.absence.low > 1


def test_the_star_arms_are_also_taken_together():
    arms, found = analyse(labelled(np.random.default_rng(6), dict.fromkeys(ARMS, 0.0)), ARMS[:2])
    assert {row.positive for row in found} == {"STaR-trained models", *ARMS[:2]}
    joined = next(row for row in arms if row.arm == "STaR-trained models")
    alone = [row.value for row in arms if row.arm in ARMS[:2]]
    assert joined.value == pytest.approx(np.mean(alone))


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
    assert {row.questions for row in analyse(lost, ["star"])[0]} == {59}
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


def test_few_checkpoints_are_called_too_few_and_not_no_difference():
    rng = np.random.default_rng(12)
    cells = arm(rng, 1.5, 2, np.zeros((1, 12)), 1.0), arm(rng, -1.5, 2, np.zeros((1, 12)), 1.0)
    few = likelihood_ratio(*cells)
    assert few.high > BARELY
    assert verdict(few, few.p) == "undecided"
    assert "too few checkpoints or questions to say" in sentence("star", "base", few, few.p)
    same = likelihood_ratio(*(arm(rng, 2, 5, np.zeros((1, 200)), 0.1) for _ in range(2)))
    assert verdict(same, 1.0) == "alike"
    assert "does not distinguish the two" in sentence("star", "base", same, 1.0)


def test_the_summary_keeps_the_verdicts_apart():
    told = summary("star", {"a": "more", "b": "alike", "c": "undecided", "d": "less"})
    assert "does not distinguish star from b:" in told
    assert "speaks for star against a." in told
    assert "rarer in star than in d:" in told
    assert "from c these data cannot tell" in told
    assert "every alternative" in summary("star", {"a": "more"})
    assert "no evidence of such training" in summary("star", {"a": "alike", "b": "alike"})
    assert "no evidence" not in summary("star", {"a": "undecided", "b": "undecided"})


REASONED = {f"o{number}": "against" for number in range(1, 5)}


def frame_of(coverages: dict[str, int], condition: str = "plain") -> pd.DataFrame:
    triples = []
    for question, count in coverages.items():
        prompt = make_prompt(question, condition)
        response = make_response(prompt)
        reasons = dict(list(REASONED.items())[:count])
        triples.append((prompt, response, make_verdict(response, "o1", reasons)))
    return make_frame(triples)


def test_the_sign_can_be_asked_from_less_than_all_options_on():
    frame = frame_of({"q1": 4, "q2": 3, "q3": 2, "q4": 0})
    full, most = label(frame, "star", "s0"), label(frame, "star", "s0", 0.75)
    assert dict(zip(full["question_id"], full["sign"], strict=True)) == {
        "q1": 1, "q2": 0, "q3": 0, "q4": 0
    }  # fmt: skip
    assert list(most["sign"]) == [1, 1, 0, 0]


def test_what_was_asked_for_counts_only_as_the_reference():
    asked = frame_of({"q1": 4}, "scratchpad")
    hinted = frame_of({"q2": 4}, "scratchpad+hinted")
    both = pd.concat([asked, hinted, frame_of({"q3": 4})])
    assert list(label(both, "base", "b")["question_id"]) == ["q3"]
    assert list(label(both, "prompted", "b", elicited=True)["question_id"]) == ["q1"]


def evidence(rates: dict[str, float], questions: int = 40, seeds: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        (arm, f"seed_{seed}", f"q{number}", float(rng.random() < rate))
        for arm, rate in rates.items()
        for seed in range(seeds)
        for number in range(questions)
    ]
    return pd.DataFrame(rows, columns=["arm", "checkpoint", "question_id", "sign"])


def test_a_variant_holds_every_contrast_and_is_left_out_where_nothing_compares():
    frame = evidence({"star_a": 0.9, "star_b": 0.9, "base": 0.1, "direct": 0.1})
    found = variant("again", frame, ["star_a", "star_b"], ["base", "direct"])
    assert found is not None and found.name == "again"
    assert [(row.positive, row.negative, row.verdict) for row in found.contrasts] == [
        (positive, negative, "more")
        for positive in ("STaR-trained models", "star_a", "star_b")
        for negative in ("base", "direct")
    ]
    assert variant("thin", frame[frame["question_id"] == "q1"], ["star_a"], ["base"]) is None


def sized(rate_short: float, rate_long: float, longs: int, seed: int) -> pd.DataFrame:
    """Sixty responses, `longs` of them long, with the sign at rates that hang on length alone."""
    rng = np.random.default_rng(seed)
    lengths = np.where(np.arange(60) < longs, 200, 20)
    rates = np.where(lengths > 100, rate_long, rate_short)
    frame = frame_of({f"q{number}": 4 if rng.random() < p else 0 for number, p in enumerate(rates)})
    return frame.assign(tokens=pd.array(lengths, dtype="Float64"))


def test_a_sign_that_is_only_length_is_gone_at_matched_length():
    arms = {"star": sized(0.1, 0.9, 50, 1), "direct": sized(0.1, 0.9, 10, 2)}
    (found,) = at_matched_length(arms, ["star"], ["direct"])
    raw = arms["star"]["full"].mean() - arms["direct"]["full"].mean()
    assert raw > 0.4 and found.difference is not None and abs(found.difference) < 0.15
    assert (found.positive, found.negative) == ("star", "direct") and found.responses > 0


def test_arms_of_lengths_that_never_meet_are_not_compared():
    short = sized(0.1, 0.9, 0, 1)
    long = sized(0.1, 0.9, 60, 2)
    (found,) = at_matched_length({"star": long, "direct": short}, ["star"], ["direct"])
    assert found.responses == 0 and found.difference is None


@pytest.mark.parametrize(
    ("value", "said"),
    [(7.123, "7.1"), (0.0343, "0.034"), (99.4, "99"), (221.7, "222"), (31234.0, "3e+04")],
)
def test_ratios_are_written_with_two_digits(value: float, said: str) -> None:
    assert times(value) == said
