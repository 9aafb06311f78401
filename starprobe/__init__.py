"""Measure how language models reason over options, and teach them to (STaR).

What is public is imported when it is first asked for: `import starprobe` loads nothing heavy.
Each command of `starprobe --help` is a function of this package; the packages `starprobe.probes`,
`starprobe.bench`, `starprobe.star` and `starprobe.reports` hold the rest.

    run = starprobe.run(starprobe.RunConfig(models=("smollm2",), limit=20), "runs/first")
    starprobe.classify_run(run)
    starprobe.frame(run)                      # a row a response, for pandas
    starprobe.metrics(run.path).to_frame()    # a row a metric, with its interval
    starprobe.write_report([run.path], "report.html")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starprobe.bench.annotations.labels import annotate_run as annotate
    from starprobe.bench.annotations.labels import sample_run as annotation_sample
    from starprobe.bench.ask import ask, make_prompt, make_question, run
    from starprobe.bench.faithfulness import FaithfulnessConfig
    from starprobe.bench.faithfulness import faithfulness_run as faithfulness
    from starprobe.bench.frames import frame, to_frame
    from starprobe.bench.importers import import_outputs
    from starprobe.bench.judges.stage import JudgeConfig
    from starprobe.bench.judges.stage import judge_run as judge
    from starprobe.bench.lm_eval_tasks import ExportConfig, export_tasks
    from starprobe.bench.metrics import compare
    from starprobe.bench.models import BackendOptions, load_backend
    from starprobe.bench.models import known_models as models
    from starprobe.bench.read import classify, classify_file, classify_run
    from starprobe.bench.readers import load_reader as load_reader
    from starprobe.bench.records import Response, Sampling, Verdict
    from starprobe.bench.results import BatteryConfig
    from starprobe.bench.results import measure_run as metrics
    from starprobe.bench.results import run_battery as battery
    from starprobe.bench.run_config import RunConfig
    from starprobe.bench.run_folder import Run
    from starprobe.bench.statistics.paired import Design, plan
    from starprobe.probes.checks import check_questions
    from starprobe.probes.sets import load_probe_set
    from starprobe.reports import write_comparison, write_report
    from starprobe.reports.sign import write_sign
    from starprobe.star import StarConfig, Training, make_config, train

_HOMES = {
    "BackendOptions": "bench.models:BackendOptions",
    "BatteryConfig": "bench.results:BatteryConfig",
    "Design": "bench.statistics.paired:Design",
    "ExportConfig": "bench.lm_eval_tasks:ExportConfig",
    "FaithfulnessConfig": "bench.faithfulness:FaithfulnessConfig",
    "JudgeConfig": "bench.judges.stage:JudgeConfig",
    "Response": "bench.records:Response",
    "Run": "bench.run_folder:Run",
    "RunConfig": "bench.run_config:RunConfig",
    "Sampling": "bench.records:Sampling",
    "StarConfig": "star:StarConfig",
    "Training": "star:Training",
    "Verdict": "bench.records:Verdict",
    "annotate": "bench.annotations.labels:annotate_run",
    "annotation_sample": "bench.annotations.labels:sample_run",
    "ask": "bench.ask:ask",
    "battery": "bench.results:run_battery",
    "check_questions": "probes.checks:check_questions",
    "classify": "bench.read:classify",
    "classify_file": "bench.read:classify_file",
    "classify_run": "bench.read:classify_run",
    "compare": "bench.metrics:compare",
    "export_tasks": "bench.lm_eval_tasks:export_tasks",
    "faithfulness": "bench.faithfulness:faithfulness_run",
    "frame": "bench.frames:frame",
    "import_outputs": "bench.importers:import_outputs",
    "judge": "bench.judges.stage:judge_run",
    "load_backend": "bench.models:load_backend",
    "load_probe_set": "probes.sets:load_probe_set",
    "load_reader": "bench.readers:load_reader",
    "make_config": "star:make_config",
    "make_prompt": "bench.ask:make_prompt",
    "make_question": "bench.ask:make_question",
    "metrics": "bench.results:measure_run",
    "models": "bench.models:known_models",
    "plan": "bench.statistics.paired:plan",
    "run": "bench.ask:run",
    "to_frame": "bench.frames:to_frame",
    "train": "star:train",
    "write_comparison": "reports:write_comparison",
    "write_report": "reports:write_report",
    "write_sign": "reports.sign:write_sign",
}

__all__ = [
    "BackendOptions",
    "BatteryConfig",
    "Design",
    "ExportConfig",
    "FaithfulnessConfig",
    "JudgeConfig",
    "Response",
    "Run",
    "RunConfig",
    "Sampling",
    "StarConfig",
    "Training",
    "Verdict",
    "annotate",
    "annotation_sample",
    "ask",
    "battery",
    "check_questions",
    "classify",
    "classify_file",
    "classify_run",
    "compare",
    "export_tasks",
    "faithfulness",
    "frame",
    "import_outputs",
    "judge",
    "load_backend",
    "load_probe_set",
    "load_reader",
    "make_config",
    "make_prompt",
    "make_question",
    "metrics",
    "models",
    "plan",
    "run",
    "to_frame",
    "train",
    "write_comparison",
    "write_report",
    "write_sign",
]


def __getattr__(name: str) -> Any:
    """The public thing of this name, from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    """The public names, beside what every module has."""
    return sorted({*globals(), *__all__})
