"""Trained weights travel: plain peft and transformers, another folder, the hub, GGUF."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from starprobe.probes.errors import FolderError, InputError, MissingError
from starprobe.star.folder import Training
from starprobe.star.loop import train
from starprobe.star.tuning.export import card, export, hub_name
from tests.star.test_loop import small


@pytest.fixture(scope="module")
def trained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """One round of answers alone, from a base that is named by a relative path."""
    from starprobe.probes.generated.numbers import NumbersSpec, make_numbers
    from starprobe.probes.sets import write_questions
    from tests.star.conftest import Tutor

    root = tmp_path_factory.mktemp("home")
    shutil.copytree(tiny_model, root / "own")
    questions = make_numbers(NumbersSpec(split="train", n=40, seed=3))
    write_questions(questions, root / "questions.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        config = small(Path("own"), Path("questions.jsonl"), method="direct", iterations=1)
        return Training(train(config, root / "t", load=lambda n, o: Tutor(n, o, questions)).path)


def test_an_adapter_names_its_base_so_that_plain_peft_finds_it_from_anywhere(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from peft import AutoPeftModelForCausalLM

    monkeypatch.chdir(tmp_path)
    adapter = trained.iteration(1).adapter
    base = Path(
        json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    )
    assert base.is_absolute() and base.name == "own"
    told = json.loads((adapter / "base.json").read_text())
    assert told["base"] == str(base) and len(told["weights"]) == 12
    model = AutoPeftModelForCausalLM.from_pretrained(str(adapter))
    with torch.no_grad():
        assert model(input_ids=torch.tensor([[5, 6]])).logits.shape[1] == 2


def test_a_merged_model_is_the_adapter_on_its_base_and_needs_neither(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    said = export(trained, "merged", 1, tmp_path / "merged")
    assert said == f"{tmp_path / 'merged'}: ask it with starprobe run hf:{tmp_path / 'merged'}"
    shutil.move(tmp_path / "merged", tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    model = AutoModelForCausalLM.from_pretrained("elsewhere")
    assert AutoTokenizer.from_pretrained("elsewhere").chat_template
    apart = AutoPeftModelForCausalLM.from_pretrained(str(trained.iteration(1).adapter))
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, apart(ids).logits, atol=1e-4, rtol=1e-4)


def test_an_adapter_whose_base_has_moved_is_asked_with_its_base_named(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from starprobe.cli import app

    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained.iteration(1).adapter, "adapter")
    config = json.loads(Path("adapter", "adapter_config.json").read_text())
    base = config["base_model_name_or_path"]
    gone = config | {"base_model_name_or_path": "/not/there/any/more"}
    Path("adapter", "adapter_config.json").write_text(json.dumps(gone))
    asked = ["run", "hf:adapter", "--limit", "1", "--max-tokens", "2", "--reader", "rules"]
    failed = CliRunner().invoke(app, [*asked, "--out", "none"])
    said = failed.output + str(failed.exception)
    assert failed.exit_code and "no such file or folder; name it with --base-model" in said
    done = CliRunner().invoke(app, [*asked, "--out", "some", "--base-model", base])
    assert done.exit_code == 0, done.output
    assert len(Path("some", "responses.jsonl").read_text().splitlines()) == 1
    one = ["ask", "Is it?", "hf:adapter", "--max-tokens", "2", "--reader", "rules"]
    assert CliRunner().invoke(app, one).exit_code == 1
    assert CliRunner().invoke(app, [*one, "--base-model", base]).exit_code == 0


def test_plain_lm_eval_scores_the_adapter_and_the_merged_model_alike_from_another_folder(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval")
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    monkeypatch.chdir(tmp_path)
    export(trained, "merged", 1, tmp_path / "merged")
    shutil.copytree(trained.iteration(1).adapter, "adapter")
    base = json.loads(Path("adapter", "adapter_config.json").read_text())["base_model_name_or_path"]
    asked = [Instance("loglikelihood", {}, ("Which of the numbers", " is the largest?"), 0)]
    found = [
        HFLM(device="cpu", dtype="float32", batch_size=1, **named).loglikelihood(
            asked, disable_tqdm=True
        )[0][0]
        for named in ({"pretrained": "merged"}, {"pretrained": base, "peft": "adapter"})
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-3) and found[0] < 0


PLAIN_VLLM = """
import sys
from vllm import LLM, SamplingParams
engine = LLM(sys.argv[1], max_model_len=256, enforce_eager=True, dtype="float32")
how = SamplingParams(temperature=0, max_tokens=6)
print("SAID", engine.generate(["The answer is"], how, use_tqdm=False)[0].outputs[0].token_ids)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
def test_plain_vllm_and_plain_transformers_say_the_same_from_a_merged_model(
    wide_model: Path, numbers_file: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = small(wide_model, numbers_file, method="direct", iterations=1)
    export(Training(train(config, tmp_path / "t").path), "merged", 1, tmp_path / "out" / "merged")
    merged = str(tmp_path / "out" / "merged")
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_VLLM, merged],
        cwd=tmp_path / "out", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("SAID")]
    assert said, done.stderr[-2000:]
    model = AutoModelForCausalLM.from_pretrained(merged)
    ids = AutoTokenizer.from_pretrained(merged)("The answer is", return_tensors="pt")
    made = model.generate(**ids, max_new_tokens=6, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert said[0] == f"SAID {made.tolist()}"


def test_a_card_has_front_matter_that_the_hub_takes(trained: Training) -> None:
    import yaml

    text = card(trained, "peft")
    _, front, body = text.split("---\n", 2)
    said = yaml.safe_load(front)
    assert said["library_name"] == "peft" and said["license"] == "other"
    assert "base_model" not in said  # A folder of this machine is no name of the hub's.
    assert said["pipeline_tag"] == "text-generation"
    assert json.loads(body.partition("```json\n")[2].partition("```")[0])["method"] == "direct"
    assert hub_name("smollm2") == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert hub_name("hf:google/gemma-2-9b") == "google/gemma-2-9b"
    assert hub_name("hf:./own") is None


def test_gguf_is_made_by_the_converter_of_llama_cpp(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match=r"needs convert_hf_to_gguf\.py of llama"):
        export(trained, "gguf", 1, tmp_path / "m.gguf")
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text("import sys\nopen(sys.argv[3], 'w').write(sys.argv[1])\n")
    export(trained, "gguf", 1, tmp_path / "m.gguf")
    assert Path((tmp_path / "m.gguf").read_text(), "model.safetensors").is_file()
    script.write_text("import sys\nsys.exit('no such architecture')\n")
    (tmp_path / "m.gguf").unlink()
    with pytest.raises(MissingError, match="failed: no such architecture"):
        export(trained, "gguf", 1, tmp_path / "m.gguf")


def test_ollama_gets_a_folder_with_a_modelfile(trained: Training, tmp_path: Path) -> None:
    said = export(trained, "ollama", None, tmp_path / "o")
    assert "ollama create" in said
    assert (tmp_path / "o" / "Modelfile").read_text().startswith("FROM .\n")
    assert (tmp_path / "o" / "model.safetensors").is_file()


def test_the_hub_gets_the_weights_and_the_card(
    trained: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, Any]] = []

    class Api:
        def create_repo(self, name: str, exist_ok: bool) -> None:
            sent.append(("repo", name))

        def upload_folder(self, repo_id: str, folder_path: str, ignore_patterns: Any) -> None:
            sent.append(("folder", sorted(path.name for path in Path(folder_path).iterdir())))

        def upload_file(self, path_or_fileobj: bytes, path_in_repo: str, repo_id: str) -> None:
            sent.append((path_in_repo, path_or_fileobj))

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    assert export(trained, "hub:me/mine").startswith("https://huggingface.co/me/mine")
    assert sent[0] == ("repo", "me/mine") and "adapter_config.json" in sent[1][1]
    assert sent[2][0] == "README.md" and sent[2][1].startswith(b"---\nlibrary_name: peft\n")


@pytest.mark.parametrize("to", ["onnx", "hub:", "merged:x", ""])
def test_an_unknown_target_is_one_line(trained: Training, to: str) -> None:
    with pytest.raises(InputError, match="name one of merged, gguf"):
        export(trained, to)


def test_an_iteration_that_is_not_there_and_a_training_without_weights_are_one_line(
    trained: Training, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"--iteration 7: not trained; there are \[1\]"):
        export(trained, "merged", 7)
    empty = Training.create(tmp_path / "e", trained.config)
    with pytest.raises(FolderError, match="the base stands"):
        export(empty, "merged")
