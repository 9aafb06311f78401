"""What a training leaves behind for others: merged, GGUF, Ollama, the hub; and its card."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from starprobe.bench.files import write_atomic
from starprobe.bench.models import parse_model
from starprobe.bench.models.local import EMBEDDED
from starprobe.bench.run_folder import hardware, versions
from starprobe.probes.errors import FolderError, InputError, MissingError
from starprobe.star.config import StarConfig
from starprobe.star.folder import Training, replace_folder
from starprobe.star.records import Exam, Forgetting, Interval, IterationMetrics
from starprobe.star.tables import differences
from starprobe.star.work import base_weights

CARD = """\
---
library_name: {library}
{base_line}license: {license}
pipeline_tag: text-generation
tags:
- starprobe
- star
---

# {title}

{how} Trained on from {restart}.

| | |
| --- | --- |
| base | `{base}` |
| questions | `{questions}`, {trained_on} trained on, {held} held out |
| preset, method, style | {preset}, {method}, {style} |
| iteration | {iteration} |
| rows trained on | {rows}, of them rationalized {hinted} |
| validation accuracy, before | {before} |
| validation accuracy, after | {after} |
| reasons for every option, after | {breakdown} |
{tested}
Intervals are 95 % (Wilson). The behaviour that it shows is what it was trained to show; it says
nothing of how other models were trained. The licence is the base model's.

Made by `starprobe train --config config.json --out DIR` with the config.json of the training:

```json
{config}
```

{versions}
"""


TARGETS = ("merged", "gguf", "ollama", "hub:USER/NAME")
CONVERTER = "convert_hf_to_gguf.py"
"""Of llama.cpp, which comes in no package."""
MODELFILE = "FROM .\nPARAMETER temperature 0\n"


def export(
    training: Training, to: str, iteration: int | None = None, out: Path | None = None
) -> str:
    """Trained weights in a form that other programs take; gives what to do with it.

    Args:
        training: a training that is done, or has finished iterations.
        to: merged (a transformers folder), gguf (one file, by llama.cpp's converter), ollama (a
            folder with a Modelfile), or hub:USER/NAME (the weights with their card, uploaded).
        iteration: whose weights; the chosen one for None.
        out: the folder or file; beside the training's iterations for None.

    Raises:
        InputError: there is no such target or iteration.
        MissingError: no converter, or the hub does not take it.
    """
    kind, _, name = to.partition(":")
    if kind not in ("merged", "gguf", "ollama", "hub") or (kind == "hub") != bool(name):
        raise InputError(f"--to {to}: name one of {', '.join(TARGETS)}")
    weights = weights_of(training, iteration)
    folder = training.path / f"export_{weights.parent.name}"
    if kind == "hub":
        return _upload(training, weights, name)
    if kind == "gguf":
        file = out or folder.with_suffix(".gguf")
        convert(merge(training, folder, iteration), file)
        return f"{file}: ask it with starprobe run hf:{file}, or any program that reads GGUF"
    target = merge(training, out or folder, iteration)
    if kind == "ollama":
        write_atomic(target / "Modelfile", MODELFILE)
        return f"{target}: make it a model of Ollama's with: cd {target} && ollama create NAME"
    return f"{target}: ask it with starprobe run hf:{target}"


def weights_of(training: Training, iteration: int | None) -> Path:
    """The folder of trained weights: of this iteration, or of the chosen one.

    Raises:
        InputError: that iteration has none.
        FolderError: nothing was trained.
    """
    number = training.best if iteration is None else iteration
    if not number:
        raise FolderError(f"{training.path} has no trained weights: the base stands")
    weights = training.iteration(number).adapter
    if not weights.is_dir():
        done = [one.number for one in training.started() if one.adapter.is_dir()]
        raise InputError(f"--iteration {number}: not trained; there are {done}")
    return weights


def merge(training: Training, target: Path, iteration: int | None = None) -> Path:
    """Trained weights merged into their base, as a model folder; tokenizer and card with it.

    Raises:
        FolderError: nothing was trained, or the disk is full.
    """
    weights = weights_of(training, iteration)
    model, tokenizer = _load(weights)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        made.chmod(0o755)
        write_atomic(made / "README.md", card(training, "transformers", iteration))
        replace_folder(made, target)
    except OSError as error:
        raise FolderError(f"cannot write {target}: {error.strerror or error}") from None
    return target


def convert(folder: Path, file: Path) -> None:
    """A model folder as one GGUF file, by llama.cpp's converter.

    Raises:
        MissingError: it is not to be found, or fails.
    """
    home = os.environ.get("LLAMA_CPP", "")
    script = shutil.which(CONVERTER) or (str(Path(home) / CONVERTER) if home else "")
    if not script or not Path(script).is_file():
        raise MissingError(
            f"--to gguf needs {CONVERTER} of llama.cpp on the PATH, or its folder in LLAMA_CPP; "
            f"the merged model is in {folder}"
        )
    command = [sys.executable, script, str(folder), "--outfile", str(file), "--outtype", "f16"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not file.is_file():
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise MissingError(f"{CONVERTER} failed: {said[-1] if said else 'without a word'}")


def _upload(training: Training, weights: Path, name: str) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    library = "peft" if (weights / "adapter_config.json").exists() else "transformers"
    number = int(weights.parent.name.rpartition("_")[2])
    api = HfApi()
    try:
        api.create_repo(name, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=str(weights), ignore_patterns=["README.md"])
        api.upload_file(
            path_or_fileobj=card(training, library, number).encode(),
            path_in_repo="README.md",
            repo_id=name,
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise MissingError(f"hub:{name}: {first}; log in with: hf auth login") from None
    return f"https://huggingface.co/{name}: ask it with starprobe run hf:{name}"


def card(training: Training, library: str, iteration: int | None = None) -> str:
    """The model card of an iteration, the chosen one for None, as Markdown."""
    config, done = training.config, {one.iteration: one for one in training.iterations()}
    number = (training.best or 0) if iteration is None else iteration
    best = done.get(number, IterationMetrics(iteration=0))
    before = done.get(0, IterationMetrics(iteration=0))
    splits = training.splits()
    return CARD.format(
        library=library,
        base=config.model,
        base_line=_base_line(config.model, library),
        config=config.model_dump_json(indent=2),
        license=base_licence(base_weights(config.model)),
        title=f"{config.model} after {best.iteration} iterations of STaR",
        how=_how(config),
        restart="the base each time"
        if config.training.restart == "base"
        else "the iteration before",
        questions=config.questions,
        trained_on=len(splits.train) if splits else 0,
        held=len(splits.validation) if splits else 0,
        preset=config.preset,
        method=config.method,
        style=config.style,
        iteration=best.iteration,
        rows=best.train_rows,
        hinted=best.rationalized_rows,
        before=_share(before.accuracy),
        after=_share(best.accuracy),
        breakdown=_share(best.option_by_option),
        tested=_tested(training.tested()) + _unlearnt(training.forgetting()),
        versions="Made with "
        + ", ".join(f"{name} {version}" for name, version in versions().items())
        + f" on {hardware()['system']}.",
    )


def hub_name(model: str) -> str | None:
    """The hub's name of a base; None where it is a folder or file of this machine."""
    name = parse_model(model).name
    if name in EMBEDDED:
        return EMBEDDED[name].hub
    if Path(name).expanduser().exists() or not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        return None
    return name


def _base_line(model: str, library: str) -> str:
    name = hub_name(model)
    relation = "adapter" if library == "peft" else "finetune"
    return f"base_model: {name}\nbase_model_relation: {relation}\n" if name else ""


def base_licence(base: str) -> str:
    """The licence that a base's own card names; `other` where it has none here."""
    path = Path(base) / "README.md"
    if "smollm2" in Path(base).name.lower():
        return "apache-2.0"
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[:40]:
            if line.startswith("license:"):
                return line.partition(":")[2].strip()
    return "other"


def _load(adapter: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(adapter))
    if not (adapter / "adapter_config.json").exists():
        return AutoModelForCausalLM.from_pretrained(str(adapter)), tokenizer
    from peft import AutoPeftModelForCausalLM

    try:
        model = AutoPeftModelForCausalLM.from_pretrained(str(adapter))
    except (OSError, ValueError) as error:
        config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
        raise MissingError(
            f"the base of {adapter} is not to be had: {config['base_model_name_or_path']} ({error})"
        ) from None
    return model.merge_and_unload(safe_merge=True), tokenizer


def _how(config: StarConfig) -> str:
    if config.method == "direct":
        return "A control, trained with starprobe: on right answers alone, no rationale."
    if config.method == "supervised":
        return (
            "A control, trained with starprobe: on rationales that the model did not make itself."
        )
    hinted = "with the hint where it never was (the hint is not in the training text)"
    return (
        "Trained with starprobe's STaR loop (Zelikman et al. 2022): sampled rationales of the "
        "model itself, kept where their answer was right"
        + ("." if config.rationalization.rationalize == "none" else f", {hinted}.")
    )


def _unlearnt(found: Forgetting | None) -> str:
    rows = found.comparisons if found else ()
    return "".join(f"| forgetting | {line} |\n" for line in differences(rows))


def _tested(tested: Exam | None) -> str:
    """Rows of the card's table; the test is of the weights that were chosen without it."""
    if tested is None or not tested.best:
        return ""
    rows = [
        f"| test accuracy ({tested.test}), before | {_share(tested.of(0).accuracy)} |",
        f"| test accuracy ({tested.test}), after | {_share(tested.of(tested.best).accuracy)} |",
        *(f"| on the test | {line} |" for line in differences(tested.comparisons)),
    ]
    return "".join(f"{row}\n" for row in rows)


def _share(share: Interval | None) -> str:
    if share is None or share.value is None or share.low is None or share.high is None:
        return "not measured"
    low, high = 100 * share.low, 100 * share.high
    return f"{100 * share.value:.1f} % ({low:.1f} to {high:.1f}, n = {share.n})"
