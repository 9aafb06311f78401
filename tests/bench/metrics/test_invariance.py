"""No number hangs on the order of rows, on names or ids, on repeated rows, or on a third model."""

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

from starprobe.bench.annotations.draw import draw
from starprobe.bench.annotations.labels import annotate, shown
from starprobe.bench.interventions import Trial
from starprobe.bench.judges.panel import Judgement
from starprobe.bench.metrics import compare, frame
from starprobe.bench.results import measure_run
from starprobe.bench.run_folder import Run
from tests.bench.metrics.runs import make_prompt, make_response, make_run, make_verdict

MODELS = ("scripted:one", "scripted:two", "scripted:three")
FILES = (
    "prompts.jsonl",
    "responses.jsonl",
    "verdicts.rules.jsonl",
    "judgements.jsonl",
    "faithfulness.jsonl",
    "sample.jsonl",
    "annotations.one.jsonl",
    "annotations.two.jsonl",
)
ALL = {"o1": "for", "o2": "against", "o3": "against", "o4": "against"}


def rows():
    """Three models, three conditions, two orders, two repeats, two sets."""
    luck = np.random.default_rng(7)
    for question, order, repeat, number in np.ndindex(9, 2, 2, 3):
        for condition, hinted in (("plain", None), ("hinted", "o2"), ("scratchpad", None)):
            prompt = make_prompt(f"q{question}", condition, order, hinted)
            prompt = prompt.model_copy(update={"probes": ("first", "second")[question % 2]})
            text = "word " * int(luck.integers(3, 60)) + "As the hint says, the answer is (B)."
            response = make_response(prompt, MODELS[number], repeat, text=text)
            usage = response.usage.model_copy(update={"completion_tokens": len(text) // 4})
            response = response.model_copy(
                update={"usage": usage, "latency_s": float(luck.exponential(0.7))}
            )
            answer = [None, "o1", "o2", "o3", "o4"][int(luck.integers(0, 5))]
            reasoned = [None, {"o1": "for"}, ALL][int(luck.integers(0, 3))]
            spans = {"o1": (int(luck.integers(0, 9)), 10), "o2": (3, 5)} if reasoned else None
            yield prompt, response, make_verdict(response, answer, reasoned, spans)


def judgements(triples):
    luck = random.Random(3)
    for _, response, _ in triples:
        for judge in ("ollama:x", "ollama:y"):
            yield Judgement(
                id=f"{judge}|{response.id}",
                kind="vote",
                judge=judge,
                rubric="right",
                rubric_hash="0",
                response_id=response.id,
                choice=luck.choice(["RIGHT", "WRONG", "WRONG", None]),
                chars=len(response.text),
            )
        yield Judgement(
            id=f"reward|{response.id}",
            kind="reward",
            judge="hf:reward",
            response_id=response.id,
            scores={"reward": luck.gauss(-1, 1)},
            chars=len(response.text),
        )


def trials(triples):
    luck = random.Random(4)
    for _, response, verdict in triples:
        for test, at in (("early", 0.0), ("early", 0.5), ("paraphrase", 1.0), ("filler", 1.0)):
            answer, whole = luck.choice([None, "o1", "o2"]), luck.choice(["o1", "o2"])
            yield Trial(
                id=f"{test}|{at}|{response.id}",
                response_id=response.id,
                test=test,
                at=at,
                sentences=3,
                answer=answer,
                whole=whole,
                given=verdict.answer or "o1",
            )


def label(run, luck):
    """Two people label the sample, not always alike."""
    for one in shown(run, draw(run, 60)):
        for name in ("one", "two"):
            codes = {name: luck.choice(["0", "r+", "r-"]) for name in one.labels}
            said = annotate(one, codes, False, one.labels[0], "answered", name)
            with run.annotation_writer(name) as writer:
                writer.append([said])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    triples = list(rows())
    made = make_run(tmp_path_factory.mktemp("run") / "run", triples)
    with made.judgement_writer() as writer:
        writer.append(list(judgements(triples)))
    with made.faithfulness_writer() as writer:
        writer.append(list(trials(triples)))
    label(made, random.Random(6))
    return made


@pytest.fixture(scope="module")
def expected(run: Run) -> str:
    return written(run.path)


def written(path: Path) -> str:
    measure_run(path)
    return (path / "metrics.json").read_text(encoding="utf-8")


def copied(run: Run, to: Path, change) -> Path:
    """The folder with the lines of each file changed."""
    to.mkdir()
    (to / "run.json").write_text(change("run.json", [(run.path / "run.json").read_text()])[0])
    for name in FILES:
        lines = (run.path / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (to / name).write_text("".join(change(name, lines)), encoding="utf-8")
    return to


def test_the_rows_of_every_file_may_come_in_any_order(run, expected, tmp_path):
    def shuffled(file, lines):
        lines = list(lines)
        random.Random(f"5 {file}").shuffle(lines)
        return lines

    assert written(copied(run, tmp_path / "run", shuffled)) == expected


def test_a_run_that_was_killed_and_went_on_is_the_same(run, expected, tmp_path):
    def resumed(file, lines):
        half = len(lines) * 3 // 5
        return lines[half:] + lines[:half] if file == "responses.jsonl" else lines

    assert written(copied(run, tmp_path / "run", resumed)) == expected


def test_rows_that_stand_there_twice_count_once(run, expected, tmp_path):
    def doubled(file, lines):
        return [line for line in lines for _ in range(2 if file.endswith(".jsonl") else 1)]

    assert written(copied(run, tmp_path / "run", doubled)) == expected


def test_models_may_have_any_name(run, expected, tmp_path):
    names = dict(zip(MODELS, ("scripted:zz", "scripted:aa", "scripted:mm"), strict=True))

    def renamed(_, lines):
        return [re.sub("|".join(names), lambda found: names[found.group()], x) for x in lines]

    found = written(copied(run, tmp_path / "run", renamed))
    back = {new: old for old, new in names.items()}
    assert re.sub("|".join(back), lambda one: back[one.group()], found) == expected


def test_questions_prompts_and_responses_may_have_any_id(run, expected, tmp_path):
    def renamed(file, lines):
        if file == "run.json":
            return lines
        # Not the stems: they are what a question is.
        return [
            re.sub(r'(?<!of )\bq(\d)(?=[/"])', lambda m: f"x{9 - int(m[1])}y", x) for x in lines
        ]

    assert written(copied(run, tmp_path / "run", renamed)) == expected


def test_a_third_model_changes_nothing_between_two(run, expected, tmp_path):
    def without(file, lines):
        if file == "run.json":
            info = json.loads(lines[0])
            info["models"] = info["models"][:2]
            return [json.dumps(info)]
        return [line for line in lines if MODELS[2] not in line]

    found = json.loads(written(copied(run, tmp_path / "run", without)))
    whole = json.loads(expected)
    for key in ("readers", "contrasts", "models", "sets"):
        assert found[key] == of_two(whole[key]), key
    assert found["judged"]["rewards"][0]["difference"] == next(
        row["difference"] for row in of_two(whole["judged"]["rewards"])
    )
    assert found["judged"]["metrics"][:6] == of_two(whole["judged"]["metrics"])[:6]


def of_two(part):
    if isinstance(part, dict):
        return {key: of_two(rows) for key, rows in part.items()}
    return [row for row in part if MODELS[2] not in json.dumps(row)]


def test_before_and_after_swapped_are_mirror_images(run):
    table = frame(run, "rules")
    one, two = (table[table["model"] == model] for model in MODELS[:2])
    for there, back in zip(compare(one, two), compare(two, one), strict=True):
        assert (there.before, there.after, there.p) == (back.after, back.before, back.p)
        assert (there.n, there.p_adjusted) == (back.n, back.p_adjusted)
        if there.difference is not None and there.metric != "full_breakdown_at_matched_length":
            assert there.difference == -back.difference
            assert (there.low, there.high) == (
                (None, None) if back.low is None else (-back.high, -back.low)
            )
        words = {"more": "less", "less": "more"}
        assert there.verdict == words.get(back.verdict, back.verdict)


def test_a_run_against_itself_shows_no_difference(run):
    table = frame(run, "rules")
    own = table[table["model"] == MODELS[0]]
    for found in compare(own, own):
        assert found.difference in (0, None) and found.p in (1, None)
