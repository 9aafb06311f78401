"""docs/metrics.md names every metric and every key that the file can hold."""

from pathlib import Path

import numpy as np

from starprobe.bench.interventions import FRACTIONS
from starprobe.bench.metrics.definitions import DEFINITIONS
from starprobe.bench.metrics.estimates import measure
from starprobe.bench.records import Comparison, Metric
from starprobe.bench.results import MetricsFile, ReaderAgreement, ReaderRange, measure_run
from tests.bench.metrics.runs import make_frame, make_prompt, make_response, make_run, make_verdict

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")


def everything():
    """Two models, two orders, two repeats, hinted and not."""
    chance, rows = np.random.default_rng(0), []
    for question, order, repeat, model, condition in np.ndindex(6, 2, 2, 2, 2):
        hinted = "o2" if condition else None
        prompt = make_prompt(f"q{question}", ("plain", "hinted")[condition], order, hinted)
        response = make_response(prompt, ("scripted:one", "scripted:two")[model], repeat)
        rows.append((prompt, response, make_verdict(response, f"o{chance.integers(1, 5)}")))
    return rows


def test_every_metric_is_documented():
    found = {metric.name for metric in measure(make_frame(everything()))}
    assert found >= {"hint_follow", "flip_rate", "repeat_flip_rate"}
    places = {name for name in found if name.rstrip("0123456789").endswith("_at_")}
    assert {name for name in found - places if f"`{name}`" not in TEXT} == set()
    assert "`accuracy_at_1`" in TEXT and "`answers_at_1`" in TEXT
    assert {d.name for d in DEFINITIONS if f"`{d.name}`" not in TEXT} == set()
    curve = [f"`same_answer_at_{fraction * 100:.0f}`" for fraction in FRACTIONS[:-1]]
    assert [name for name in curve if name not in TEXT] == []


def test_every_key_of_the_file_is_documented(tmp_path):
    keys = {
        key
        for record in (MetricsFile, Metric, Comparison, ReaderAgreement, ReaderRange)
        for key in record.model_fields
    }
    assert {key for key in keys if f"`{key}`" not in TEXT} == set()
    run = make_run(tmp_path / "run", everything())
    run.write_verdicts("other", run.verdicts("rules").values())
    found = measure_run(run.path, "rules")
    assert found.contrasts["rules"] and found.agreement and found.ranges
    assert MetricsFile.model_validate_json((run.path / "metrics.json").read_text()) == found
