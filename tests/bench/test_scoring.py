"""Scores: a missing answer is no wrong answer."""

from starprobe.bench.frames import score, score_all
from starprobe.bench.records import MULTI
from tests.bench.metrics.runs import make_prompt, make_response, make_verdict


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


def test_scores_keep_the_order_and_ids_of_the_verdicts():
    prompts = {p.id: p for p in (make_prompt("a"), make_prompt("b"))}
    responses = [make_response(prompt) for prompt in prompts.values()]
    verdicts = [make_verdict(responses[1], "o1"), make_verdict(responses[0], "o3")]
    scores = list(score_all(verdicts, prompts, {r.id: r.prompt_id for r in responses}))
    assert [(s.id, s.correct) for s in scores] == [
        (responses[1].id, True),
        (responses[0].id, False),
    ]
