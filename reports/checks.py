"""Figures of what a run folder holds beside its responses: judgements, faithfulness trials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starprobe.bench.faithfulness.measure import faithfulness_metrics
from starprobe.bench.faithfulness.trials import Trial
from starprobe.bench.judges.summary import summarize
from starprobe.bench.judges.votes import Judgement, read_judgements
from starprobe.bench.records import Metric
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.agreement import Agreement
from starprobe.reports import figures
from starprobe.reports.frames import Evidence
from starprobe.reports.panels import Panel


def check_panels(evidence: Evidence) -> Iterator[Panel]:
    """Judge agreement, rewards against length, and faithfulness curves, where there are any."""
    judged = [read_judgements(run.judgements()) for run in evidence.runs]
    found = _agreement(evidence, judged)
    if found:
        yield Panel(
            "judge-agreement",
            "Do the judges agree?",
            "Points on the right: the judges say the same. Where raw agreement is high and the "
            "others are low, nearly all responses got the same vote.",
            figures.judge_agreement(found),
            figures.judge_agreement_table(found),
            rows=False,
        )
    rewards = list(_rewards(evidence, judged))
    if rewards:
        yield Panel(
            "reward-length",
            "Reward against length",
            "A cloud that rises to the right is a reward model that likes long responses: compare "
            "scores only at the same length.",
            figures.reward_length(rewards),
            figures.reward_length_table(rewards),
        )
    trials = list(_faithfulness(evidence))
    if len(figures.faithfulness_table(trials)):
        yield Panel(
            "faithfulness",
            "Does the answer hang on the rationale?",
            "A curve that is high from the left on: the answer was there before the rationale. A "
            "curve that climbs late: the answer waits for it.",
            figures.faithfulness(trials),
            figures.faithfulness_table(trials),
        )


def _shown(evidence: Evidence) -> dict[tuple[int, str], str]:
    """(place of the run, model as in the run) -> name shown."""
    frame = evidence.frame
    return dict(
        zip(zip(frame["run"], frame["source_model"], strict=True), frame["model"], strict=True)
    )


def _agreement(evidence: Evidence, judged: list[dict[str, Judgement]]) -> dict[str, Agreement]:
    found: dict[str, Agreement] = {}
    for run, judgements in zip(evidence.runs, judged, strict=True):
        votes = [row for row in judgements.values() if row.rubric is not None]
        if not votes:
            continue
        summary = summarize(votes, run.prompts(), run.responses())
        several = f" ({run.path.name})" if len(evidence.runs) > 1 else ""
        for rubric, agreement in summary.agreement.items():
            if len(agreement.judges) > 1:
                found[rubric + several] = agreement
    return found


def _rewards(
    evidence: Evidence, judged: list[dict[str, Judgement]]
) -> Iterator[tuple[str, Judgement]]:
    shown = _shown(evidence)
    for place, (run, judgements) in enumerate(zip(evidence.runs, judged, strict=True)):
        rows = [row for row in judgements.values() if row.kind == "reward" and row.scores]
        responses: dict[str, Any] = run.responses() if rows else {}
        for row in rows:
            response = responses.get(row.response_id)
            if response is not None and (place, response.model) in shown:
                yield shown[place, response.model], row


def _faithfulness(evidence: Evidence) -> Iterator[Metric]:
    shown = _shown(evidence)
    for place, run in enumerate(evidence.runs):
        trials = _trials(run)
        if trials:
            for metric in faithfulness_metrics(trials, run.responses(), run.prompts()):
                name = shown.get((place, metric.model), metric.model)
                yield metric.model_copy(update={"model": name})


def _trials(run: Run) -> list[Trial]:
    return [Trial.model_validate(row) for row in run.faithfulness()]
