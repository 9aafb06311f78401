"""What a training leaves behind: the merged model and a card that says how it came about."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from starprobe.bench.files import write_atomic
from starprobe.bench.run_folder import hardware, versions
from starprobe.probes.errors import FolderError
from starprobe.star.config import StarConfig
from starprobe.star.folder import Training, replace_folder
from starprobe.star.records import Exam, Forgetting, Interval, IterationMetrics
from starprobe.star.tables import differences
from starprobe.star.work import base_weights

CARD = """\
---
library_name: {library}
base_model: {base}
license: {license}
tags: [starprobe, star, rationales]
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

{versions}
"""


def merge(training: Training, target: Path) -> Path:
    """The chosen weights merged into their base, as a model folder; the tokenizer with it.

    Raises:
        FolderError: nothing was trained, or the disk is full.
    """
    adapter = training.best_adapter
    if adapter is None:
        raise FolderError(f"{training.path} has no trained weights to merge")
    model, tokenizer = _load(adapter, base_weights(training.config.model))
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        made.chmod(0o755)
        write_atomic(made / "README.md", card(training, "transformers"))
        replace_folder(made, target)
    except OSError as error:
        raise FolderError(f"cannot write {target}: {error.strerror or error}") from None
    return target


def card(training: Training, library: str) -> str:
    """The model card of the chosen iteration as Markdown."""
    config, done = training.config, {one.iteration: one for one in training.iterations()}
    best = done.get(training.best or 0, IterationMetrics(iteration=0))
    before = done.get(0, IterationMetrics(iteration=0))
    splits = training.splits()
    return CARD.format(
        library=library,
        base=config.model,
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


def base_licence(base: str) -> str:
    """The licence that a base's own card names; `unknown` where it has none here."""
    path = Path(base) / "README.md"
    if "smollm2" in Path(base).name.lower():
        return "apache-2.0"
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[:40]:
            if line.startswith("license:"):
                return line.partition(":")[2].strip()
    return "unknown"


def _load(adapter: Path, base: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(adapter))
    if not (adapter / "adapter_config.json").exists():
        return AutoModelForCausalLM.from_pretrained(str(adapter)), tokenizer
    from peft import PeftModel

    model = AutoModelForCausalLM.from_pretrained(base)
    return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(
        safe_merge=True
    ), tokenizer


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
