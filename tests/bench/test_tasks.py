"""Probe sets as tasks of the lm-evaluation-harness: the same prompts, scored by our reader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.ask import RunConfig, run
from starprobe.bench.importers import import_outputs
from starprobe.bench.lm_eval_tasks import ExportConfig, export_tasks, score_responses
from starprobe.bench.records import Sampling
from starprobe.probes.errors import FolderError
from starprobe.probes.rendering import render_set
from starprobe.probes.schema import Prompt
from starprobe.probes.sets import load_probe_set, sample_set

pytest.importorskip("lm_eval")
EVERYTHING = "(A) fits, because it does. (B) does not fit, because it leaks. The answer is (A)."


def prompts(probes: str, condition: str, limit: int) -> list[Prompt]:
    probe_set = load_probe_set(probes)
    probe_set = sample_set(probe_set, limit)
    return render_set(probe_set, [condition], 1)


def harness(folder: Path, answers: list[str], chat: bool) -> tuple[dict[str, Any], list[str]]:
    """The harness's results on the folder, and the contexts that its model got."""
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    seen: list[str] = []

    class Noting(LM):  # type: ignore[misc]
        """Gives its answers in turn."""

        @property
        def tokenizer_name(self) -> str:
            return "noting"

        def apply_chat_template(
            self, history: list[Any], add_generation_prompt: bool = True
        ) -> str:
            return json.dumps(history)

        def generate_until(self, requests: list[Any]) -> list[str]:
            start = len(seen)
            seen.extend(one.args[0] for one in requests)
            return [answers[(start + n) % len(answers)] for n in range(len(requests))]

        def loglikelihood(self, requests: list[Any]) -> list[Any]:
            raise NotImplementedError

        def loglikelihood_rolling(self, requests: list[Any]) -> list[Any]:
            raise NotImplementedError

    results = simple_evaluate(
        model=Noting(),
        tasks=["starprobe"],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        apply_chat_template=chat,
        bootstrap_iters=0,
    )
    return results, seen


@pytest.mark.parametrize("condition", ["plain", "few_shot_paper", "thinking_tags_system"])
def test_the_model_gets_our_prompts_to_the_letter(tmp_path: Path, condition: str) -> None:
    config = ExportConfig(conditions=(condition,), limit=3, reader="rules")
    export_tasks(tmp_path / "tasks", config)
    ours = prompts("everyday", condition, 3)
    _, plain = harness(tmp_path / "tasks", ["(A)"], chat=False)
    assert plain == [one.text for one in ours]
    _, chat = harness(tmp_path / "tasks", ["(A)"], chat=True)
    assert [json.loads(one) for one in chat] == [
        [turn.model_dump() for turn in one.messages] for one in ours
    ]


def test_every_repeat_is_scored_by_our_reader(tmp_path: Path) -> None:
    config = ExportConfig(
        limit=4,
        repeats=3,
        reader="rules",
        sampling=Sampling(temperature=0.8, max_tokens=9, stop=("\n\nQuestion:",)),
    )
    (name,) = export_tasks(tmp_path / "tasks", config)
    answers = ["(A)", EVERYTHING, "(C)"]
    results, seen = harness(tmp_path / "tasks", answers, chat=True)
    assert len(seen) == 12
    ours = [score_responses(one, answers, "rules") for one in prompts("everyday", "plain", 4)]
    found = results["results"][name]
    for metric in ours[0]:
        assert found[f"{metric},all"] == pytest.approx(sum(row[metric] for row in ours) / 4)
    asked = results["configs"][name]["generation_kwargs"]
    assert asked == {
        "until": ["\n\nQuestion:"],
        "max_gen_toks": 9,
        "do_sample": True,
        "temperature": 0.8,
        "top_p": 1.0,
    }


def test_a_set_without_keys_has_no_accuracy_and_an_open_one_no_coverage(tmp_path: Path) -> None:
    config = ExportConfig(
        probes=("unanswerable", "everyday"), conditions=("no_options",), limit=5, reader="rules"
    )
    export_tasks(tmp_path / "tasks", config)
    results, _ = harness(tmp_path / "tasks", ["It is a basket."], chat=True)
    for found in results["results"].values():
        assert not {"accuracy,all", "coverage,all"} & set(found)
    results, _ = harness(
        _exported(tmp_path / "more", ExportConfig(probes=("unanswerable",), limit=2)), ["(A)"], True
    )
    (found,) = [row for name, row in results["results"].items() if name != "starprobe"]
    assert "coverage,all" in found
    assert "accuracy,all" not in found


def _exported(folder: Path, config: ExportConfig) -> Path:
    export_tasks(folder, config.model_copy(update={"reader": "rules"}))
    return folder


def test_exporting_again_replaces_and_a_strangers_folder_is_left_alone(tmp_path: Path) -> None:
    config = ExportConfig(limit=2, reader="rules")
    export_tasks(tmp_path / "tasks", config)
    export_tasks(tmp_path / "tasks", config.model_copy(update={"limit": 3}))
    assert len((tmp_path / "tasks/starprobe_everyday_plain.jsonl").read_text().splitlines()) == 3
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(FolderError, match=r"thesis\.tex"):
        export_tasks(tmp_path / "mine", config)


@pytest.mark.slow
def test_plain_lm_eval_gives_the_same_responses_as_starprobe_run(tmp_path: Path) -> None:
    from starprobe.bench.models.local import embedded_folder, embedded_pieces

    if not embedded_pieces("smollm2"):
        pytest.skip("the embedded model is not installed")
    sampling = Sampling(max_tokens=24)
    export_tasks(tmp_path / "tasks", ExportConfig(limit=3, sampling=sampling, reader="rules"))
    command = [str(Path(sys.executable).with_name("lm_eval")), "run", "--model", "hf"]
    command += ["--model_args", f"pretrained={embedded_folder('smollm2')},dtype=float32"]
    command += ["--tasks", "starprobe", "--include_path", str(tmp_path / "tasks")]
    command += ["--apply_chat_template", "--log_samples", "--output_path", str(tmp_path / "res")]
    command += ["--device", "cpu", "--batch_size", "3"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **offline}, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = import_outputs(tmp_path / "res", tmp_path / "theirs").run
    ours = run(RunConfig(models=("smollm2",), limit=3, sampling=sampling), tmp_path / "ours")
    texts = [
        {one.prompts()[row.prompt_id].question_id: row.text for row in one.responses().values()}
        for one in (ours, theirs)
    ]
    assert texts[0] == texts[1]
    assert all(texts[0].values())
