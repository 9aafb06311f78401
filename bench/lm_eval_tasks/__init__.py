"""Probe sets as a task folder of the lm-evaluation-harness: `lm_eval run --include_path DIR`.

The prompts are those of `starprobe run`, to the letter, with and without a chat template; the
scores are made by our reader. The folder holds data and YAML; the code stays here, so that plain
lm_eval runs it wherever starprobe is installed, with no network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

from starprobe.bench.files import write_atomic, write_jsonl
from starprobe.bench.readers import DEFAULT_READER, Reader, Reading, load_reader, read_one
from starprobe.bench.records import STYLES, Sampling, Verdict
from starprobe.bench.run_config import Conditions, Probes
from starprobe.probes.errors import FolderError
from starprobe.probes.schema import ProbeSet, Prompt, Record
from starprobe.probes.sets import sample_set

GROUP = "starprobe"
MODULE = "starprobe.bench.lm_eval_tasks"
METRICS = (
    "full_breakdown",
    "coverage",
    "accuracy",
    "answered",
    *(f"style_{style}" for style in STYLES),
)
"""All metrics of a task; not every prompt has each."""


class ExportConfig(Record):
    """What to export, and how it is to be asked."""

    probes: Probes = ("everyday",)
    conditions: Conditions = ("plain",)
    orders: int = 1
    repeats: int = 1
    limit: int | None = None
    sampling: Sampling = Sampling()
    reader: str = DEFAULT_READER


def export_tasks(out: Path | str, config: ExportConfig) -> list[str]:
    """The names of the tasks written: one for each set and condition, and a group of them all.

    Raises:
        InputError: an unknown set, condition or reader.
        FolderError: the folder holds other things.
    """
    from starprobe.probes.rendering import render_set
    from starprobe.probes.sets import load_probe_set

    load_reader(config.reader)
    out = Path(out)
    strangers = [path.name for path in out.iterdir()] if out.is_dir() else []
    if any(not name.startswith((GROUP, "README", "__pycache__")) for name in strangers):
        raise FolderError(f"{out} holds other things ({strangers[0]}); name another folder")
    names = []
    for probes in config.probes:
        probe_set = load_probe_set(probes)
        probe_set = sample_set(probe_set, config.limit)
        for condition in config.conditions:
            prompts = render_set(probe_set, [condition], config.orders)
            if prompts:
                names.append(_write_task(out, probe_set, prompts, config))
    write_atomic(out / f"{GROUP}.yaml", group_yaml(names))
    write_atomic(out / "README.md", readme(names, config))
    return names


def task_row(prompt: Prompt, reader: str) -> dict[str, Any]:
    """One document: what lm_eval shows and logs, and the prompt as a whole for the scores."""
    key = prompt.label_of(prompt.answer_id) if prompt.answer_id and prompt.shown else ""
    return {
        "id": prompt.id,
        "question": prompt.stem,
        "options": [{"label": one.label, "text": one.text} for one in prompt.shown],
        "answer": key,
        "text": prompt.text,
        "prompt": prompt.model_dump_json(),
        "classifier": reader,
    }


def task_yaml(name: str, file: str, metrics: Sequence[str], config: ExportConfig) -> str:
    """The YAML of one task; the metrics are those that every prompt of it has."""
    sampling = config.sampling
    generation: dict[str, Any] = {
        "until": list(sampling.stop),
        "max_gen_toks": sampling.max_tokens,
        "do_sample": sampling.temperature > 0,
    }
    if sampling.temperature > 0:
        generation |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
    lines = [
        f"task: {name}",
        f"class: !function {MODULE}.task.ProbeTask",
        f"custom_dataset: !function {MODULE}.task.load_rows",
        f"dataset_kwargs: {json.dumps({'file': file})}",
        "test_split: test",
        "output_type: generate_until",
        'doc_to_text: "{{text}}"',
        'doc_to_target: "{{answer}}"',
        f"generation_kwargs: {json.dumps(generation)}",
        f"repeats: {config.repeats}",
        # Without it the harness scores the first repeat and forgets the others.
        "filter_list:",
        "  - name: all",
        f"    filter: [{{function: take_first_k, k: {config.repeats}}}]",
        f"process_results: !function {MODULE}.task.process_results",
        "metric_list:",
        *(
            f"  - {{metric: {metric}, aggregation: mean, higher_is_better: true}}"
            for metric in metrics
        ),
        "metadata: {version: 1.0}",
    ]
    return "\n".join(lines) + "\n"


def group_yaml(names: Sequence[str]) -> str:
    """The YAML of the group that runs them all."""
    lines = [f"group: {GROUP}", "task:", *(f"  - {name}" for name in names)]
    lines += ["aggregate_metric_list:"]
    lines += [
        "  - {metric: full_breakdown, aggregation: mean, weight_by_size: true, filter_list: all}"
    ]
    return "\n".join([*lines, "metadata: {version: 1.0}"]) + "\n"


def readme(names: Sequence[str], config: ExportConfig) -> str:
    """How to run the folder."""
    return f"""# Tasks of starprobe for the lm-evaluation-harness

    lm_eval run --model hf --model_args pretrained=MODEL --tasks {GROUP} --include_path . \\
        --apply_chat_template --log_samples --output_path results

Leave `--apply_chat_template` out for base models: they are then asked in plain text, as `starprobe
run` asks them. starprobe must be installed beside lm_eval; the scores are made by its reader
({config.reader}). `starprobe import results/MODEL --out DIR` turns the logged samples into a
run.

Tasks: {", ".join(names)}.
"""


def _write_task(
    out: Path, probe_set: ProbeSet, prompts: Sequence[Prompt], config: ExportConfig
) -> str:
    condition = re.sub(r"\W+", "_", prompts[0].condition)
    name = f"{GROUP}_{re.sub(r'[^A-Za-z0-9]+', '_', probe_set.name)}_{condition}"
    write_jsonl(out / f"{name}.jsonl", (task_row(prompt, config.reader) for prompt in prompts))
    metrics = [metric for metric in METRICS if all(metric in row_metrics(one) for one in prompts)]
    write_atomic(out / f"{name}.yaml", task_yaml(name, f"{name}.jsonl", metrics, config))
    return name


def row_metrics(prompt: Prompt) -> frozenset[str]:
    """The metrics that a prompt has: no coverage without options, no accuracy without a key."""
    missing = set()
    if not prompt.shown:
        missing |= {"full_breakdown", "coverage"}
    if prompt.answer_id is None or not prompt.shown:
        missing.add("accuracy")
    return frozenset(METRICS) - missing


def score_responses(prompt: Prompt, responses: Sequence[str], reader: str) -> dict[str, float]:
    """Metric -> its mean over the repeats of one document."""
    verdicts = [read(prompt, text, reader) for text in responses]
    wanted = row_metrics(prompt)
    return {
        name: fmean(value(name, prompt, one) for one in verdicts)
        for name in METRICS
        if name in wanted
    }


def read(prompt: Prompt, text: str, reader: str) -> Verdict:
    """The verdict of the reader of this name, in labels."""
    return read_one(_reader(reader), Reading(prompt.id, text, prompt.stem, prompt.shown))


def value(name: str, prompt: Prompt, verdict: Verdict) -> float:
    """One metric of one verdict; no answer is not a right one."""
    if name == "coverage":
        return verdict.coverage or 0.0
    if name == "full_breakdown":
        return float(verdict.coverage == 1.0)
    if name == "accuracy":
        return float(verdict.answer == prompt.label_of(str(prompt.answer_id)))
    if name == "answered":
        return float(verdict.outcome == "answered")
    return float(name == f"style_{verdict.style}")


@lru_cache(maxsize=4)
def _reader(reader: str) -> Reader:
    return load_reader(reader)
