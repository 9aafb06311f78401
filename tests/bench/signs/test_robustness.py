"""The checks on arms whose truth is known: other thresholds, length, the reader's errors."""

import numpy as np
import pandas as pd
import pytest

from starprobe.bench.signs import label
from starprobe.bench.signs.robustness import at_matched_length, corrected, variant
from starprobe.bench.statistics.corrected import ReaderError
from tests.bench.metrics.runs import make_frame, make_prompt, make_response, make_verdict

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
        (positive, negative, "speaks for")
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
    assert found.responses == 0 and found.difference is None and found.p is None


def test_corrected_rates_undo_the_readers_known_errors():
    error = ReaderError(true_positives=180, positives=200, true_negatives=190, negatives=200)
    arms = {"star": frame_of({f"q{n}": 4 if n < 475 else 0 for n in range(1000)})}
    (found,) = corrected(arms, error)
    assert found.observed == pytest.approx(0.475)
    assert found.value == pytest.approx((0.475 - 0.05) / 0.85)
    assert found.low < found.value < found.high
