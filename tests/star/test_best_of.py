"""Best of n: pairs of right and wrong samples, a ranker of real weights, and ways of choosing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models import BackendOptions, load_backend
from starprobe.probes.errors import InputError
from starprobe.star.config import make_config
from starprobe.star.evaluate import preference_pairs, told
from starprobe.star.loop import train
from tests.star.test_loop import small
from tests.star.test_measure import sample


def test_pairs_are_right_against_wrong_answers_to_one_prompt_and_of_different_texts() -> None:
    samples = [
        sample("a", 0, text="r"), sample("a", 1, text="r"), sample("a", 2, text="s"),
        sample("a", 3, text="w", reason="wrong"), sample("a", 4, text="x", reason="wrong"),
        sample("a", 5, text="y", reason="wrong", order=1), sample("a", 6, reason="cut", text="z"),
        sample("b", 0, text="r"), sample("c", 0, text="w", reason="wrong"),
    ]  # fmt: skip
    pairs = preference_pairs(samples, 9, 0)
    assert sorted((one.text, other.text) for one, other in pairs) == [
        ("r", "w"), ("r", "x"), ("s", "w"), ("s", "x"),
    ]  # fmt: skip
    assert len(preference_pairs(samples, 3, 0)) == 3
    assert preference_pairs(samples, 3, 0) == preference_pairs(samples, 3, 0)


def test_each_way_of_choosing_takes_the_sample_that_it_says() -> None:
    right = {"a": (0, 1, 0), "b": (1, 0, 0), "c": (0, 0, 0)}
    samples = [
        sample(name, repeat, reason="kept" if one else "wrong")
        for name, row in right.items()
        for repeat, one in enumerate(row)
    ]
    greedy = [sample(name, reason="wrong") for name in right]
    own = [3, 2, 1, 1, 2, 3, 1, 1, 1]
    ranked = [1, 2, 1, 3, 2, 1, 1, 1, 1]
    found = told(greedy, samples, own, ranked, 7)
    values = {name: one.value for name, one in found.ways.items()}
    assert values == {
        "greedy": 0, "sampled": pytest.approx(1 / 3), "majority": 0, "likeliest": 0,
        "ranker": pytest.approx(2 / 3), "any": pytest.approx(2 / 3),
    }  # fmt: skip
    assert (found.samples, found.pairs) == (3, 7)
    lead = {row.model_before: row.difference for row in found.comparisons}
    assert lead == dict.fromkeys(("greedy", "majority", "likeliest"), pytest.approx(2 / 3))


def test_best_of_needs_a_test_and_samples_that_differ() -> None:
    for changes in ({"best_of": 4}, {"best_of": 4, "test": "numbers:test", "temperature": 0}):
        with pytest.raises(InputError, match="best_of needs test="):
            make_config("smollm2", "numbers:train", overrides=changes)


def test_a_ranker_is_trained_on_wrong_samples_and_chooses_for_the_test(
    tiny_model: Path, numbers_file: Path, exam: Path, learner: Any, tmp_path: Path
) -> None:
    asked: list[str] = []

    def wavering(name: str, options: Any) -> Any:
        """Now right, now wrong; scores are those of the real weights."""
        backend, weights = learner(name, options), load_backend(name, BackendOptions(device="cpu"))
        answer = type(backend).answer

        def now_right_now_wrong(prompt: Any) -> str:
            asked.append(name)
            right = prompt.model_copy(update={"hinted_id": prompt.answer_id})
            if len(asked) % 2:
                return str(answer(backend, right))
            wrong = next(one for one in prompt.shown if one.option_id != prompt.answer_id)
            return f"The answer is ({wrong.label}) {wrong.text}."

        backend.answer = now_right_now_wrong
        backend.loglikelihoods = weights.loglikelihoods
        return backend

    changes = {"test": str(exam), "best_of": 2, "shuffle": False, "validation": 0, "iterations": 1}
    config = small(tiny_model, numbers_file, **changes, pair_learning_rate=1e-3)
    training = train(config, tmp_path / "t", load=wavering)
    chosen = training.iteration(1)
    pairs, found = chosen.pairs(), chosen.best_of()
    assert pairs and all(row.rejected and row.rejected != row.completion for row in pairs)
    assert found is not None and found.samples == 2 and found.pairs == len(pairs)
    assert found.ways["any"].value == 1 and found.ways["ranker"].n == 30
    assert {row.model_before for row in found.comparisons} == {"greedy", "majority", "likeliest"}
    assert not (chosen.path / "checkpoints").exists()
    backends = [
        load_backend(f"hf:{folder}", BackendOptions(device="cpu", base_model=str(tiny_model)))
        for folder in (chosen.adapter, chosen.path / "ranker")
    ]

    def lead(backend: Any) -> float:
        right = backend.loglikelihoods([(row.prompt, row.completion) for row in pairs])
        wrong = backend.loglikelihoods([(row.prompt, str(row.rejected)) for row in pairs])
        return float(sum(right) - sum(wrong))

    before, after = (lead(backend) for backend in backends)
    assert after > before
    count = len(asked)
    train(config, tmp_path / "t", load=wavering)
    assert len(asked) == count
