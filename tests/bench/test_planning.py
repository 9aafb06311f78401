"""Numbers of questions against simulation and against the test that will be made."""

import numpy as np
import pytest

from starprobe.bench.statistics.intervals import wilson
from starprobe.bench.statistics.paired import (
    Design,
    detectable_words,
    discordant_shares,
    mcnemar,
    mcnemar_power,
    plan,
    questions_for_width,
    smallest_difference,
)
from starprobe.probes.errors import InputError


@pytest.mark.parametrize(
    ("before", "after", "family"), [(0.1, 0.3, 1), (0.2, 0.3, 1), (0.1, 0.4, 20)]
)
def test_the_planned_number_of_questions_reaches_the_power_in_simulation(before, after, family):
    found = plan(Design(before=before, after=after, family=family))
    gained, lost = discordant_shares(before, after, 0.0)
    rng = np.random.default_rng(4)
    drawn = rng.multinomial(found.questions, [gained, lost, 1 - gained - lost], size=2000)
    power = np.mean([mcnemar(b, a) <= 0.05 / family for a, b, _ in drawn])
    assert power == pytest.approx(found.power, abs=0.03)
    assert found.power >= 0.8


def test_one_question_fewer_does_not_hold_the_power_for_good():
    found = plan(Design(before=0.1, after=0.3))
    gained, lost = discordant_shares(0.1, 0.3, 0.0)
    powers = [mcnemar_power(found.questions + k, gained, lost, 0.05) for k in range(-1, 20)]
    assert powers[0] < 0.8 <= min(powers[1:])


def test_correlation_helps_and_clustering_costs():
    free = plan(Design(before=0.3, after=0.5))
    assert plan(Design(before=0.3, after=0.5, correlation=0.5)).questions < free.questions
    useless = plan(Design(before=0.3, after=0.5, answers=4, clustering=1.0))
    assert useless.questions == free.questions and useless.responses == 4 * free.questions
    independent = plan(Design(before=0.3, after=0.5, answers=4, clustering=0.0))
    assert independent.questions == -(-free.questions // 4)


def test_a_larger_family_needs_more_questions():
    alone = plan(Design(before=0.3, after=0.5)).questions
    assert plan(Design(before=0.3, after=0.5, family=30)).questions > alone


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ({"before": 0.3, "after": 0.3}, "nothing to find"),
        ({"before": 0.3, "after": 1.3}, "between 0 and 1"),
        ({"before": 0.1, "after": 0.9, "correlation": 0.9}, "cannot have a correlation"),
        ({"before": 0.5, "after": 0.5001}, "larger difference"),
        ({"before": 0.5, "after": 0.6, "power": 1.0}, "power 1.0"),
    ],
)
def test_designs_that_cannot_be_are_refused_in_one_line(design, message):
    with pytest.raises(InputError, match=message):
        plan(Design(**design))


def test_the_width_is_reached_by_that_many_questions_and_not_by_fewer():
    needed = questions_for_width(0.3, 0.05)
    halves = [(high - low) / 2 for low, high in (wilson(0.3 * n, n) for n in (needed - 1, needed))]
    assert halves[0] > 0.05 >= halves[1]


def test_the_smallest_difference_is_found_four_times_in_five_and_no_smaller_one_is():
    for questions, before in ((97, 0.0), (52, 0.5), (23, 0.2)):
        rise = smallest_difference(questions, before)
        for size, reached in ((rise, True), (rise - 0.005, False)):
            gained, lost = discordant_shares(before, before + size, 0.0)
            power = mcnemar_power(questions, gained, lost, 0.05)
            assert (power >= 0.8) == reached
    assert smallest_difference(97, 0.0, family=12) > smallest_difference(97, 0.0)
    assert smallest_difference(5, 0.5) is None
    assert detectable_words(97) == "8.5 | 21"


def test_probes_list_says_what_each_set_finds():
    from typer.testing import CliRunner

    from starprobe.cli import app

    shown = CliRunner().invoke(app, ["probes", "list"], env={"COLUMNS": "140"}).output
    (line,) = [line for line in shown.splitlines() if "everyday" in line and "97" in line]
    assert detectable_words(97) in line
