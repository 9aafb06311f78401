"""Reward models: every shape of the wire over a real socket, and a real local classifier."""

import json

import pytest

from starprobe.bench.judges.panel import read_judgements
from starprobe.bench.judges.rewards import RewardDialect, load_reward, read_scores, scores_of
from starprobe.bench.judges.stage import JudgeConfig, judge_run, summarize
from starprobe.bench.models.transport import Fault
from starprobe.bench.records import Usage
from starprobe.probes.errors import InputError, MissingError
from tests.bench.judges.server import JudgeServer
from tests.bench.metrics.runs import make_prompt, make_response, make_run, make_verdict

FIVE = {
    "helpfulness": 1.6171875,
    "correctness": 1.6484375,
    "coherence": 3.3125,
    "complexity": 0.546875,
    "verbosity": 0.515625,
}
CONTENT = ",".join(f"{name}:{score}" for name, score in FIVE.items())
LOGPROBS = {"content": [{"token": name, "logprob": score} for name, score in FIVE.items()]}


def choice(message, logprobs=None):
    return {
        "id": "x",
        "model": None,
        "choices": [
            {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "length"}
        ],
    }


@pytest.mark.parametrize(
    "body",
    [
        choice({"role": "assistant", "content": CONTENT}),
        choice([{"role": "assistant", "content": CONTENT}]),
        choice({"role": "assistant", "content": ""}, LOGPROBS),
        choice({"role": "assistant", "content": None}, LOGPROBS),
        choice({"role": "assistant", "content": [{"type": "text", "text": CONTENT}]}),
        choice({"role": "assistant", "content": CONTENT.replace(",", ", ").replace(":", ": ")}),
    ],
)
def test_the_five_attributes_are_read_in_every_shape(body):
    assert scores_of(body) == FIVE


@pytest.mark.parametrize(
    ("body", "score"),
    [
        (choice([{"role": "assistant", "content": "reward:-12.5"}]), -12.5),
        (choice({"role": "assistant", "content": "-3.25e-1"}), -0.325),
        ({"data": [{"index": 0, "data": [2.5]}]}, 2.5),
        ({"data": [{"index": 0, "data": [[0.1], [0.2], [4.0]]}]}, 4.0),
        ({"data": [{"index": 0, "probs": [0.75]}]}, 0.75),
    ],
)
def test_one_score_is_read_whatever_it_is_called(body, score):
    assert scores_of(body) == {"reward": score}


@pytest.mark.parametrize(
    "body",
    [
        choice({"role": "assistant", "content": "I would give it a score: 3 out of 4."}),
        choice({"role": "assistant", "content": "reward:nan"}),
        choice([]),
        {"choices": []},
        {"data": []},
        {},
    ],
)
def test_what_is_no_score_is_a_fault_and_never_a_number(body):
    with pytest.raises(Fault, match="no scores"):
        scores_of(body)


def test_prose_with_a_number_in_it_is_no_score():
    assert read_scores("Helpfulness is about 3") == {}
    assert read_scores("helpfulness:3, and more") == {}


def test_the_url_is_a_chat_s_unless_it_names_pooling():
    assert RewardDialect().fit_url("http://h:1") == "http://h:1/v1/chat/completions"
    assert RewardDialect().fit_url("http://h:1/v1/") == "http://h:1/v1/chat/completions"
    assert (
        RewardDialect().fit_url("http://h:1/v1/chat/completions")
        == "http://h:1/v1/chat/completions"
    )
    assert RewardDialect().fit_url("http://h:1/pooling") == "http://h:1/pooling"


def two_models(count=8):
    rows = []
    for number in range(count):
        prompt = make_prompt(f"q{number}")
        for model, text in (("hf:short", "basket"), ("hf:long", "basket, and here is why" * 3)):
            response = make_response(prompt, model, text=text)
            rows.append((prompt, response, make_verdict(response, "o1")))
    return rows


def test_rewards_stand_beside_length_and_are_compared_within_a_prompt_only(tmp_path):
    run = make_run(tmp_path / "run", two_models())

    def reply(path, body):
        said = body["messages"][-1]
        assert said["role"] == "assistant" and body["messages"][0]["role"] == "user"
        lower = 0.5 if "why" in said["content"] else 0.0
        content = f"helpfulness:{3.5 - lower},verbosity:{1 + lower}"
        return 200, choice([{"role": "assistant", "content": content}])

    with JudgeServer(reply) as server:
        name = f"openai:nvidia/nemotron-4-340b-reward@{server.url}/v1"
        found = judge_run(run.path, JudgeConfig(rewards=(name,)))
        assert set(server.paths) == {"/v1/chat/completions"}
    judge = found.judges[0].judge
    means = {(row.model, row.name.removeprefix(f"{judge} ")): row.value for row in found.metrics}
    assert means["hf:short", "helpfulness"] == 3.5 and means["hf:long", "helpfulness"] == 3.0
    assert means["hf:long", "chars"] > means["hf:short", "chars"]
    rows = {row.metric.removeprefix(f"{judge} "): row for row in found.rewards}
    assert rows["helpfulness"].difference == pytest.approx(-0.5)
    assert rows["helpfulness"].n == 8 and rows["chars"].difference > 0
    assert (rows["helpfulness"].model_before, rows["helpfulness"].model_after) == (
        "hf:short",
        "hf:long",
    )
    stored = list(read_judgements(run.judgements()).values())[::-1]
    assert summarize(stored, run.prompts(), run.responses()).rewards == found.rewards


def test_rewards_are_held_against_the_key_within_a_prompt(tmp_path):
    rows = []
    for number in range(6):
        prompt = make_prompt(f"q{number}")
        for model, answer, text in (("hf:a", "o1", "good"), ("hf:b", "o2", "bad")):
            response = make_response(prompt, model, text=text)
            rows.append((prompt, response, make_verdict(response, answer)))
    run = make_run(tmp_path / "run", rows)

    def reply(path, body):
        said = body["messages"][-1]["content"]
        return 200, choice({"content": f"reward:{1 if said == 'good' else 0}"})

    with JudgeServer(reply) as server:
        found = judge_run(run.path, JudgeConfig(rewards=(f"openai:rm@{server.url}/v1",)))
    (rank,) = [row for row in found.metrics if row.name.endswith("ranks_right_higher")]
    assert (rank.value, rank.n) == (1.0, 6)


def test_a_retired_model_is_said_in_one_line_and_asked_no_further(tmp_path):
    run = make_run(tmp_path / "run", two_models())
    detail = "The model 'nvidia/nemotron-4-340b-reward' has reached its end of life on 2025-06-01."
    with JudgeServer(lambda path, body: (410, {"status": 410, "detail": detail})) as server:
        name = f"openai:nvidia/nemotron-4-340b-reward@{server.url}/v1"
        found = judge_run(run.path, JudgeConfig(rewards=(name,)))
        assert len(server.bodies) <= 16
    (count,) = found.judges
    assert count.failed == count.asked == 16
    assert "410" in count.first_error and "end of life" in count.first_error
    assert "retired" in count.first_error and "\n" not in count.first_error
    assert found.metrics == () and found.rewards == ()


def test_other_backends_give_no_rewards():
    with pytest.raises(InputError, match="cannot be a reward model"):
        load_reward("scripted:echo")
    with pytest.raises(MissingError, match="cannot be loaded"):
        load_reward("hf:./no-such-folder")


@pytest.fixture(scope="module")
def tiny_reward(tiny_model, tmp_path_factory):
    """A real two-layer sequence classifier with one random score."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    path = tmp_path_factory.mktemp("reward")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    config = AutoConfig.from_pretrained(tiny_model, num_labels=1)
    config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_a_local_reward_model_scores_responses_whatever_the_batch(tiny_reward, tmp_path):
    from starprobe.bench.models.backend import BackendOptions

    found = []
    for size in (1, 4):
        run = make_run(tmp_path / f"run{size}", two_models(3))
        config = JudgeConfig(
            rewards=(f"hf:{tiny_reward}",), options=BackendOptions(batch_size=size, device="cpu")
        )
        found.append(judge_run(run.path, config))
    one, four = ({(m.name, m.model): m.value for m in summary.metrics} for summary in found)
    assert one == pytest.approx(four, abs=1e-4)
    scores = [value for (name, _), value in one.items() if name.endswith(" reward")]
    assert len(scores) == 2 and scores[0] != scores[1]


def test_a_local_score_is_the_model_s_own_logit(tiny_reward):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from starprobe.bench.judges.panel import SAMPLING
    from starprobe.bench.judges.rewards import conversation
    from starprobe.bench.models.backend import Request

    prompt = make_prompt("q")
    response = make_response(prompt, text="a basket").model_copy(update={"usage": Usage()})
    asked = conversation(prompt, response, "x")
    backend = load_reward(f"hf:{tiny_reward}")
    ((_, generation),) = backend.generate([Request(id="x", prompt=asked, sampling=SAMPLING)])
    tokenizer = AutoTokenizer.from_pretrained(tiny_reward)
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "a basket"}]
    model = AutoModelForSequenceClassification.from_pretrained(tiny_reward).eval()
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    with torch.inference_mode():
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        expected = model(input_ids=ids).logits[0, 0].item()
    assert json.loads(generation.text) == pytest.approx({"reward": expected}, abs=1e-5)


def test_a_conversation_that_does_not_fit_is_an_error_and_not_cut(tiny_reward, tmp_path):
    prompt = make_prompt("q1")
    response = make_response(prompt, text="word " * 5000)
    run = make_run(tmp_path / "run", [(prompt, response, make_verdict(response, "o1"))])
    found = judge_run(run.path, JudgeConfig(rewards=(f"hf:{tiny_reward}",)))
    assert found.judges[0].failed == 1
    assert "do not fit" in found.judges[0].first_error
