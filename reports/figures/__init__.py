"""Plotly figures, one function a figure: a frame of `bench.metrics.frame` in, a figure out.

`NAME_table(frame)` gives the tidy numbers that the figure draws. No figure touches a file.
"""

from starprobe.reports.figures.answers import (
    accuracy_coverage,
    accuracy_coverage_table,
    draw_accuracy_coverage,
    draw_hints,
    draw_letters,
    draw_order_flips,
    hints,
    hints_table,
    letters,
    letters_table,
    order_flips,
    order_flips_table,
)
from starprobe.reports.figures.behaviour import (
    coverage_distribution,
    coverage_distribution_table,
    draw_coverage_distribution,
    draw_question_map,
    draw_spontaneous_elicited,
    draw_style_shares,
    question_map,
    question_map_table,
    spontaneous_elicited,
    spontaneous_elicited_table,
    stems,
    style_shares,
    style_shares_table,
)
from starprobe.reports.figures.differences import (
    draw_model_differences,
    flow,
    flow_table,
    model_differences_table,
)
from starprobe.reports.figures.drawing import leading
from starprobe.reports.figures.effort import draw_effort, effort, effort_table
from starprobe.reports.figures.judges import (
    faithfulness,
    faithfulness_table,
    judge_agreement,
    judge_agreement_table,
    reward_length,
    reward_length_table,
)

__all__ = [
    "accuracy_coverage",
    "accuracy_coverage_table",
    "coverage_distribution",
    "coverage_distribution_table",
    "draw_accuracy_coverage",
    "draw_coverage_distribution",
    "draw_effort",
    "draw_hints",
    "draw_letters",
    "draw_model_differences",
    "draw_order_flips",
    "draw_question_map",
    "draw_spontaneous_elicited",
    "draw_style_shares",
    "effort",
    "effort_table",
    "faithfulness",
    "faithfulness_table",
    "flow",
    "flow_table",
    "hints",
    "hints_table",
    "judge_agreement",
    "judge_agreement_table",
    "leading",
    "letters",
    "letters_table",
    "model_differences_table",
    "order_flips",
    "order_flips_table",
    "question_map",
    "question_map_table",
    "reward_length",
    "reward_length_table",
    "spontaneous_elicited",
    "spontaneous_elicited_table",
    "stems",
    "style_shares",
    "style_shares_table",
]
