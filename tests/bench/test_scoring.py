"""Scores: a missing answer is no wrong answer."""

from starprobe.bench.frames import exchanges, score
from starprobe.bench.records import MULTI
from tests.bench.metrics.runs import make_prompt, make_response, make_run, make_verdict


def verdict(answer: str | None, order: int = 0):
    return make_verdict(make_response(make_prompt("q", order=order)), answer)


def test_the_key_is_compared_by_option_id_whatever_letter_shows_it():
    for order in range(4):
        assert score(verdict("o1", order), make_prompt("q", order=order)).correct is True
        assert score(verdict("o2", order), make_prompt("q", order=order)).correct is False


def test_no_answer_and_several_answers_are_not_wrong():
    assert score(verdict(None), make_prompt("q")).correct is None
    assert score(verdict(MULTI), make_prompt("q")).correct is None


def test_without_a_key_nothing_is_right_or_wrong():
    prompt = make_prompt("q").model_copy(update={"answer_id": None})
    assert score(verdict("o1"), prompt).correct is None


def test_a_run_is_joined_once_each_response_with_its_prompt_verdict_and_score(tmp_path):
    rows = []
    for name, answer in (("a", "o1"), ("b", "o3")):
        prompt = make_prompt(name)
        response = make_response(prompt)
        rows.append((prompt, response, make_verdict(response, answer)))
    joined = list(exchanges(make_run(tmp_path / "run", rows)))
    assert [tuple(one) for one in joined] == rows
    assert [one.correct for one in joined] == [True, False]
