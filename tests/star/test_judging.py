"""Judges and reward models in the place of the key: real servers, a real classifier."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.judges.panel import Judgement
from starprobe.bench.records import ResponseError
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.sets import load_probe_set, write_questions
from starprobe.star.config import StarConfig, make_config
from starprobe.star.filters import apply_filters
from starprobe.star.loop import train
from starprobe.star.sample import by_consensus, by_reward, decided_by, judging_numbers, score_of
from starprobe.star.tables import explain, judged
from starprobe.star.tuning.rows import rejected_for
from tests.bench.judges.server import JudgeServer, chat
from tests.star.conftest import Tutor
from tests.star.test_filters import RIGHT, reading
from tests.star.test_loop import small
from tests.star.test_measure import question, sample


def vote(name: str, judge: str, choice: str | None, **changed: Any) -> Judgement:
    values = {
        "id": f"{name}{judge}", "kind": "vote", "judge": judge, "rubric": "right",
        "response_id": name, "choice": choice, "chars": 9,
    }  # fmt: skip
    return Judgement(**(values | changed))


def score(name: str, **scores: float) -> Judgement:
    values = {"id": name, "kind": "reward", "judge": "r", "response_id": name, "chars": 9}
    return Judgement(**values, scores=scores or None)


def config(**changed: Any) -> StarConfig:
    return make_config("smollm2", "numbers:train", overrides=changed)


def test_a_panel_keeps_by_majority_and_abstains_on_ties_and_silence() -> None:
    rows = [sample(repeat=i) for i in range(5)]
    panel = {"q#0": "RIGHT RIGHT WRONG", "q#1": "WRONG RIGHT WRONG", "q#2": "WRONG RIGHT"}
    said = [
        vote(name, str(place), choice)
        for name, choices in panel.items()
        for place, choice in enumerate(choices.split())
    ]
    said.append(vote("q#3", "0", None, text="Hm."))
    found = by_consensus(rows, said)
    assert [found[one.id].reason for one in rows] == [
        "kept", "reward", "abstained", "abstained", "abstained",
    ]  # fmt: skip
    assert [found[one.id].score for one in rows] == [0.6667, 0.3333, 0.5, None, None]


def test_a_reward_keeps_the_best_of_a_question_above_a_threshold() -> None:
    rows = [sample("a", 0), sample("a", 1), sample("a", 2), sample("b", 0), sample("c", 0)]
    values = {"a#0": 1.0, "a#1": 3.0, "a#2": 3.0, "b#0": -1.0}
    said = [score(name, reward=value) for name, value in values.items()]
    best = by_reward(rows, said, config(reward="hf:r", reward_best=1))
    assert [best[one.id].reason for one in rows] == [
        "reward", "kept", "reward", "kept", "abstained",
    ]  # fmt: skip
    both = by_reward(rows, said, config(reward="hf:r", reward_best=2, reward_at_least=0.5))
    assert [both[one.id].reason for one in rows] == [
        "reward", "kept", "kept", "reward", "abstained",
    ]  # fmt: skip
    assert both["a#1"].score == 3.0


def test_which_score_counts_is_said_or_plain() -> None:
    assert score_of({"anything": 2.0}, "") == 2.0
    five = {"helpfulness": 1.0, "correctness": 3.0, "verbosity": 9.0}
    assert score_of(five, "") == 3.0 and score_of(five, "verbosity") == 9.0
    with pytest.raises(InputError, match="gives helpfulness, correctness, verbosity; name one"):
        score_of(five, "quality")
    with pytest.raises(InputError, match=r"reward_score=\(not said\)"):
        score_of({"a": 1.0, "b": 2.0}, "")


def test_the_key_decides_unless_there_is_none_or_others_are_chosen() -> None:
    known = question("q", "What?")
    unknown = known.model_copy(update={"answer_id": None})
    panel, model = {"judges": ("openai:a@http://h",)}, {"reward": "hf:r", "reward_best": 1}
    assert decided_by(known, config(**panel)) == "key"
    assert decided_by(unknown, config(**panel)) == "judges"
    assert decided_by(unknown, config(**model)) == "reward"
    assert decided_by(known, config(**panel, keep_by="judges")) == "judges"
    assert decided_by(unknown, config(**panel, **model, keep_by="reward")) == "reward"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"keep_by": "judges"}, "keep_by=judges needs judges=MODEL"),
        ({"keep_by": "reward"}, "keep_by=reward needs reward=MODEL"),
        ({"reward": "hf:r"}, "needs reward_best=N, reward_at_least=SCORE, or both"),
    ],
)
def test_settings_that_decide_nothing_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        config(**changed)


def test_a_wrong_answer_is_the_judges_to_drop_where_they_decide() -> None:
    wrong = reading(RIGHT.replace("The answer is (B) 65", "The answer is (D) 92"))
    chosen = config(keep_by="judges", judges=("openai:a@http://h",), filters=())
    assert [one.reason for one in apply_filters([wrong], config(filters=()))] == ["wrong"]
    assert [one.reason for one in apply_filters([wrong], chosen)] == ["kept"]


def test_judges_are_held_against_the_key_where_it_is_known() -> None:
    rows = [
        sample("a"), sample("b", correct=False),
        sample("c", correct=False, kept=False, reason="reward"),
        sample("d", kept=False, reason="abstained"), sample("e", correct=None),
        sample("f", correct=False, kept=False, reason="leak"),
    ]  # fmt: skip
    failed = ResponseError(kind="timeout", message="slow")
    said = [vote(f"{name}#0", "x", "RIGHT") for name in "abcde"]
    said += [vote("a#0", "y", None), vote("b#0", "y", None, error=failed)]
    found = judging_numbers(rows, said)
    assert found is not None and found.judged == 5
    assert found.abstained.value == pytest.approx(1 / 5)
    assert (found.matches_key.value, found.matches_key.n) == (pytest.approx(2 / 3), 3)
    assert (found.wanted_are_right.value, found.wanted_are_right.n) == (0.5, 2)
    assert [(one.asked, one.unreadable, one.failed) for one in found.judges] == [
        (5, 0, 0), (2, 1, 1),
    ]  # fmt: skip
    assert judging_numbers(rows, []) is None


def test_what_a_judge_does_not_want_is_a_rejected_answer_of_a_pair() -> None:
    rows = [sample("a", 0), sample("a", 1, kept=False, reason="reward", text="bad")]
    assert rejected_for(rows) == {"a#0": "bad"}


def knows(body: dict[str, Any], keys: dict[str, str]) -> str:
    """RIGHT or WRONG by the answer key; a moody judge says nothing or the contrary at times."""
    asked = body["messages"][0]["content"]
    stem = asked.partition("Question: ")[2].partition("\n")[0]
    closing = asked.rpartition("The answer is (")[2].partition("=====")[0].strip()
    text = closing.partition(") ")[2].rstrip(".")
    mood = sum(map(ord, stem)) % 3 if body["model"] == "moody" else 2
    if mood == 0:
        return "I cannot say."
    return f"Let me see.\nVERDICT: {'RIGHT' if (text == keys[stem]) == (mood == 2) else 'WRONG'}"


@pytest.fixture
def keyless(numbers_file: Path, tmp_path: Path) -> Path:
    """The same questions without their answers."""
    path = tmp_path / "keyless.jsonl"
    write_questions(
        [
            one.model_copy(update={"answer_id": None})
            for one in load_probe_set(numbers_file).questions
        ],
        path,
    )
    return path


@pytest.fixture
def keys(numbers_file: Path) -> dict[str, str]:
    found = load_probe_set(numbers_file).questions
    return {one.stem: one.option(str(one.answer_id)).text for one in found}


@pytest.fixture
def wavering(numbers_file: Path) -> Callable[[str, Any], Tutor]:
    """A tutor that is right about every other sample."""
    questions = load_probe_set(numbers_file).questions

    def load(name: str, options: Any) -> Tutor:
        tutor = Tutor(name, options, questions)
        answer, turn = tutor.answer, [0]

        def now_right_now_wrong(prompt: Any) -> str:
            turn[0] += 1
            known = {one.id: one.answer_id for one in questions}[prompt.question_id]
            hinted = {"hinted_id": known if turn[0] % 2 else None}
            return answer(prompt.model_copy(update=hinted))

        tutor.answer = now_right_now_wrong  # type: ignore[method-assign]
        return tutor

    return load


def panel_of(server: JudgeServer, *names: str) -> tuple[str, ...]:
    return tuple(f"openai:{name}@{server.url}/v1" for name in names)


def test_a_panel_trains_on_questions_without_answers_and_is_not_asked_twice(
    tiny_model: Path, keyless: Path, keys: dict[str, str], wavering: Any, tmp_path: Path
) -> None:
    left = [0]

    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        left[0] -= 1
        if left[0] < 0:
            return 400, {"error": {"message": "out of credit"}}
        return 200, chat(knows(body, keys))

    with JudgeServer(reply) as server:
        config = small(
            tiny_model, keyless, iterations=1, judges=panel_of(server, "sure", "moody"),
            filters=("label_text",), cap=2,
        )  # fmt: skip
        left[0] = 2 + 7
        with pytest.raises(MissingError, match=r"openai:sure@.* failed .*out of credit"):
            train(config, tmp_path / "t", load=wavering)
        assert not (tmp_path / "t" / "iteration_001" / "samples.jsonl").exists()
        left[0] = 10**6
        before = len(server.bodies)
        training = train(config, tmp_path / "t", load=wavering)
        # Two to see whether they answer; then what the first judge has left, and all of the other.
        assert len(server.bodies) - before == 2 + (20 - 7) + 20
        asked = len(server.bodies)
        train(config, tmp_path / "t", load=wavering)
        assert len(server.bodies) == asked
    metrics = training.iterations()[1]
    rows = training.samples(1)
    assert metrics.judging is not None and metrics.judging.judged == 20
    kept = [one for one in rows if one.kept]
    assert kept and all(_text(one.text) == keys[_stem(keyless, one.question_id)] for one in kept)
    silent = [one for one in rows if one.reason == "abstained"]
    assert metrics.judging.abstained.value == len(silent) / 20 > 0
    assert metrics.reasons["reward"] == 20 - len(kept) - len(silent) > 0
    assert [judge.unreadable > 0 for judge in metrics.judging.judges] == [False, True]
    assert training.iteration(1).rationalized() == [] and metrics.sample_accuracy is None
    assert {row.id for row in training.iteration(1).train_rows()} == {one.id for one in kept}
    assert judged(training.iterations()) is not None
    lines = (tmp_path / "t" / "iteration_001" / "judgements.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["kind"] == "rubric" for line in lines) == 1
    votes = training.iteration(1).judgements().values()
    assert {one.judge for one in votes} == set(config.selection.judges) and len(votes) == 40
    assert not any(one.self_judging for one in votes)
    dropped = next(one for one in rows if one.reason == "reward")
    told = "\n".join(explain(training, dropped.question_id))
    assert "a judge or a reward model put it below the threshold" in told


def _text(text: str) -> str:
    return text.rpartition("The answer is (")[2].partition(") ")[2].rstrip(".")


def _stem(path: Path, name: str) -> str:
    return next(one.stem for one in load_probe_set(path).questions if one.id == name)


def test_a_judge_that_does_not_answer_stops_the_training_before_anything_is_sampled(
    tiny_model: Path, keyless: Path, tutor: Any, tmp_path: Path
) -> None:
    def refuse(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return 401, {"error": {"message": "who are you?"}}

    with JudgeServer(refuse) as server:
        config = small(tiny_model, keyless, judges=panel_of(server, "stern"))
        with pytest.raises(MissingError, match=r"openai:stern@.* does not answer"):
            train(config, tmp_path / "t", load=tutor)
    assert tutor.made == []


@pytest.fixture
def reward_model(tiny_model: Path, tmp_path: Path) -> Path:
    """A random sequence classifier of one score with the tiny model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    folder = tmp_path / "reward"
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    shape = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=4096, num_labels=1,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForSequenceClassification(shape).save_pretrained(folder)
    return folder


def test_a_local_reward_model_keeps_the_best_of_each_question(
    tiny_model: Path, numbers_file: Path, reward_model: Path, wavering: Any, tmp_path: Path
) -> None:
    config = small(
        tiny_model, numbers_file, iterations=1, keep_by="reward", reward=f"hf:{reward_model}",
        reward_best=1, filters=("label_text",),
    )  # fmt: skip
    training = train(config, tmp_path / "t", load=wavering)
    rows = training.samples(1)
    by_question: dict[str, list[Any]] = {}
    for one in rows:
        by_question.setdefault(one.question_id, []).append(one)
    assert len(by_question) == 10
    for pair in by_question.values():
        assert [one.kept for one in sorted(pair, key=lambda one: -one.score)] == [True, False]
    stored = training.iteration(1).judgements().values()
    assert {one.response_id: round((one.scores or {})["reward"], 4) for one in stored} == {
        one.id: one.score for one in rows
    }
    judging = training.iterations()[1].judging
    assert judging is not None and judging.abstained.value == 0 and judging.matches_key.n == 20
