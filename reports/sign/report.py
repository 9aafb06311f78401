"""The findings on the sign as one HTML file in the look of the report: its figures and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from starprobe.bench.files import write_atomic
from starprobe.bench.metrics.compare import FULL_BIN
from starprobe.bench.metrics.definitions import PRIMARY
from starprobe.bench.statistics.seeds import ArmRate, Ratio
from starprobe.reports import words
from starprobe.reports.drawing import (
    SERIES,
    bars,
    colour_of,
    layout,
    percent,
    plain,
    share_axis,
    symbol_of,
)
from starprobe.reports.embed import Secrets
from starprobe.reports.evidence import without_collector
from starprobe.reports.html_tables import Cell, Table, number, p_cell, table_of
from starprobe.reports.page import Methods, methods, render
from starprobe.reports.panels import Panel
from starprobe.reports.sign.analysis import Contrast, Findings, between, conclude, times
from starprobe.reports.sign.arms import PROMPTED, Gathered, Spec, collect, said

if TYPE_CHECKING:
    import pandas as pd

TITLE = "The sign put to the test"

STAR_COLOUR, OTHER_COLOUR, REFERENCE_COLOUR = SERIES[0], SERIES[1], SERIES[7]
KINDS = {
    "star": ("trained with STaR", STAR_COLOUR, "circle"),
    "other": ("made otherwise", OTHER_COLOUR, "square"),
    "reference": ("asked for a breakdown: no sign", REFERENCE_COLOUR, "diamond"),
    "under": ("under test", SERIES[3], "cross"),
}


@without_collector()
def write_sign(
    specs: Sequence[Spec],
    out: Path | str = "sign.html",
    star: Sequence[str] = (),
    under_test: Sequence[Path] = (),
    *,
    reader: str | None = None,
    title: str = TITLE,
) -> Findings:
    """The findings, of which a page was written.

    Args:
        specs: labelled run folders.
        out: the HTML file.
        star: the arms trained with STaR; by default those whose names begin with star.
        under_test: run folders of models of unknown making.
        reader: whose verdicts to take.
        title: of the page.

    Raises:
        FolderError: a folder is no run, or the file cannot be written.
        InputError: labels that do not fit, or nothing to compare.
    """
    gathered = collect(specs, star, under_test, reader)
    findings = conclude(gathered)
    secrets = Secrets()
    context = sign_context(gathered, findings, secrets, title)
    write_atomic(Path(out), render("sign.html.j2", context, gathered.evidence, secrets))
    return findings


def sign_context(
    gathered: Gathered, findings: Findings, secrets: Secrets, title: str
) -> dict[str, Any]:
    """What the template of this page needs."""
    evidence = gathered.evidence
    folders = ["DIR" if secrets.active else str(run.path) for run in evidence.runs]
    tests = ["likelihood ratios: Wald on the log scale over seeds and questions, adjusted by Holm"]
    return {
        "title": f"starprobe: {title}",
        "heading": title,
        "summaries": list(findings.summaries),
        "facts": facts(gathered, findings),
        "checks": [("", *said(findings.checked, len(findings.arms), folders))],
        "sections": [
            ("verdict", "Finding"),
            ("figures", "Figures"),
            ("tables", "Tables"),
            ("responses", "Responses"),
            ("limits", "Limits"),
            ("methods", "Methods"),
        ],
        "kinds": tiles(findings.contrasts),
        "panels": list(sign_panels(findings)),
        "tables": [table for made in TABLES if (table := made(findings)).rows],
        "seeds": [len(one.checkpoints) for one in findings.arms if one.checkpoints],
        "methods": with_arms(methods(evidence, None, tests, secrets), gathered, findings),
    }


def facts(gathered: Gathered, findings: Findings) -> list[tuple[str, str]]:
    """Counts for the first screen as (words, number)."""
    count = sum(not one.elicited for one in gathered.labels)
    return [
        ("arms", str(len(findings.star) + len(findings.alternatives))),
        ("checkpoints", str(count)),
        ("questions that all were asked", f"{findings.questions:,}"),
        ("responses read", f"{len(gathered.evidence.frame):,}"),
    ]


def tiles(contrasts: Sequence[Contrast]) -> dict[str, list[dict[str, str]]]:
    """Positive kind -> its contrasts on the first screen."""
    found: dict[str, list[dict[str, str]]] = {}
    for one in contrasts:
        found.setdefault(one.positive, []).append(tile(one))
    return found


def tile(one: Contrast) -> dict[str, str]:
    """One contrast on the first screen."""
    says = one.sentence.rpartition("]: ")[2]
    return {
        "title": f"against {one.negative}",
        "change": f"× {times(one.ratio.value)}",
        "interval": f"({times(one.ratio.low)} to {times(one.ratio.high)})",
        "says": says[:1].upper() + says[1:],
        "test": f"{words.p_value(one.p_adjusted)} after Holm, {one.ratio.seeds[0]} and "
        f"{one.ratio.seeds[1]} checkpoints, {one.ratio.questions} questions",
    }


def sign_panels(findings: Findings) -> Iterator[Panel]:
    """The figures whose data exist."""
    arms = [one for one in findings.arms if one.checkpoints]
    arms += [*([findings.prompted] if findings.prompted else []), *findings.under]
    kinds = {
        **dict.fromkeys(findings.star, "star"),
        **{one.arm: "under" for one in findings.under},
        PROMPTED: "reference",
    }
    rates = rates_table(arms, kinds)
    yield Panel(
        "sign-rates",
        "How often each kind of model shows the sign",
        "Each filled mark is an arm with its 95\u202f% interval over training seeds and questions; "
        "open dots are its checkpoints. Where arms overlap, the sign cannot tell them apart.",
        draw_rates(rates),
        rates,
        rows=False,
        wide=True,
    )
    ratios = ratios_table(findings.contrasts)
    yield Panel(
        "sign-ratios",
        "What seeing the sign is worth",
        "How many times as often the first kind shows the sign as the second. An interval that "
        "holds 1 says that seeing it is no evidence between the two.",
        draw_ratios(ratios),
        ratios,
        rows=False,
        wide=True,
    )


def with_arms(found: Methods, gathered: Gathered, findings: Findings) -> Methods:
    """The methods with who is who, and how the ratios were made."""
    arms = [
        f"{one.arm}/{one.checkpoint}: {one.model}"
        + (" (asked for a breakdown: reference only)" if one.elicited else "")
        for one in gathered.labels
    ]
    ratios = [
        "The likelihood ratio is the rate of the sign in one arm over that in another, on the same "
        "questions. Its variance has a part for training seeds of each arm and a part for "
        "questions (crossed random effects), each with its own degrees of freedom.",
        "Told apart: p below 0.05 after Holm over the alternatives, and an interval without 1. "
        "Alike: not so, and the interval lies between a third and three. Undecided: else.",
    ]
    own = [
        ("Arms", arms),
        ("STaR-trained", list(findings.star)),
        ("Likelihood ratios", ratios),
    ]
    # Checkpoints of one experiment are asked by the same command but for its model.
    commands = list({str(command): (words, command) for words, command in found.commands}.values())
    return found._replace(facts=[*own, *found.facts], commands=commands)


def rates_table(arms: Sequence[ArmRate], kinds: Mapping[str, str]) -> pd.DataFrame:
    """A row an arm, and a row each of its checkpoints; `kinds`: arm -> a key of KINDS."""
    import pandas as pd

    rows = []
    for one in arms:
        kind = kinds.get(one.arm, "other")
        own = {"arm": one.arm, "kind": kind, "questions": one.questions}
        rows.append({**own, "checkpoint": "", "value": one.value, "low": one.low, "high": one.high})
        rows += [
            {**own, "checkpoint": name, "value": value, "low": None, "high": None}
            for name, value in one.checkpoints.items()
        ]
    return pd.DataFrame(
        rows, columns=["arm", "kind", "checkpoint", "value", "low", "high", "questions"]
    )


def draw_rates(table: pd.DataFrame) -> go.Figure:
    """Each arm's rate with its interval, and its checkpoints as open dots."""
    figure = go.Figure()
    arms = [plain(name) for name in dict.fromkeys(table["arm"])]
    for kind, (says, colour, symbol) in KINDS.items():
        means = table[(table["kind"] == kind) & (table["checkpoint"] == "")]
        if not len(means):
            continue
        figure.add_scatter(
            x=means["value"],
            y=[plain(name) for name in means["arm"]],
            mode="markers",
            name=says,
            marker={"size": 12, "color": colour, "symbol": symbol},
            error_x=bars(means["value"], means["low"], means["high"]),
            customdata=[[percent(r.low), percent(r.high), r.questions] for r in means.itertuples()],
            hovertemplate=(
                "%{y}: %{x:.1%} (%{customdata[0]} to %{customdata[1]}), "
                "%{customdata[2]} questions<extra></extra>"
            ),
        )
    dots = table[table["checkpoint"] != ""]
    figure.add_scatter(
        x=dots["value"],
        y=[plain(name) for name in dots["arm"]],
        mode="markers",
        name="one checkpoint",
        marker={"size": 8, "color": "rgba(0,0,0,0)", "line": {"width": 1.5, "color": "#767676"}},
        customdata=[plain(name) for name in dots["checkpoint"]],
        hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
    )
    return layout(
        figure,
        140 + 44 * len(arms),
        xaxis=share_axis("responses with a reason for every option, unasked"),
        yaxis={"categoryorder": "array", "categoryarray": arms[::-1], "automargin": True},
    )


def ratios_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """A row a contrast: the ratio of the sign, and that of its absence."""
    import pandas as pd

    rows = [
        {
            "positive": one.positive,
            "negative": one.negative,
            "ratio": one.ratio.value,
            "low": one.ratio.low,
            "high": one.ratio.high,
            "absence": one.absence.value,
            "absence_low": one.absence.low,
            "absence_high": one.absence.high,
            "p_holm": one.p_adjusted,
            "verdict": one.verdict,
        }
        for one in contrasts
    ]
    return pd.DataFrame(rows)


def draw_ratios(table: pd.DataFrame) -> go.Figure:
    """A forest on a logarithmic axis: left of 1 the sign speaks against STaR."""
    figure = go.Figure()
    positives = list(dict.fromkeys(table["positive"]))
    lines = [f"{p} | {n}" for p, n in zip(table["positive"], table["negative"], strict=True)]
    shown = table.assign(line=[plain(line) for line in lines])
    for place, positive in enumerate(positives):
        rows = shown[shown["positive"] == positive]
        figure.add_scatter(
            x=rows["ratio"],
            y=rows["line"],
            mode="markers",
            name=plain(positive),
            marker={"size": 11, "color": colour_of(place), "symbol": symbol_of(place)},
            error_x=bars(rows["ratio"], rows["low"], rows["high"]),
            customdata=[[f"{r.low:.3g}", f"{r.high:.3g}", _p(r.p_holm)] for r in rows.itertuples()],
            hovertemplate=(
                "%{y}: %{x:.3g} (%{customdata[0]} to %{customdata[1]}), "
                "p (Holm) %{customdata[2]}<extra></extra>"
            ),
        )
    figure.add_vline(x=1, line={"color": "#767676", "width": 1.5, "dash": "dash"})
    return layout(
        figure,
        160 + 30 * len(table),
        showlegend=len(positives) > 1,
        xaxis={
            "type": "log",
            "title": {"text": "likelihood ratio of the sign (1: it tells nothing)"},
            "tickvals": _ticks(table),
            "tickformat": "~g",
        },
        yaxis={
            "categoryorder": "array",
            "categoryarray": list(shown["line"])[::-1],
            "automargin": True,
        },
    )


def _ticks(table: pd.DataFrame) -> list[float]:
    """Powers of ten over the intervals, and thirds where they are few."""
    low = floor(log10(max(1e-12, min(0.5, float(table["low"].min())))))
    high = ceil(log10(min(1e12, max(2.0, float(table["high"].max())))))
    step = max(1, (high - low) // 6)
    powers = [10.0**power for power in range(low, high + 1, step)]
    return sorted({*powers, *((one * 3 for one in powers) if high - low <= 3 else ()), 1.0})


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def contrasts_table(findings: Findings) -> Table:
    """Likelihood ratios."""
    return table_of(
        "contrasts",
        "Likelihood ratios",
        "Likelihood ratios, a response: how many times as often the first kind of model gives a "
        "reason for every option, and how many times as often it does not. Intervals over "
        "training seeds and questions; p of “the ratio is 1”, adjusted over the alternatives.",
        findings.contrasts,
        [
            ("is it", "", lambda one: Cell(one.positive)),
            ("or", "", lambda one: Cell(one.negative)),
            ("ratio, sign", "n", lambda one: _ratio(one.ratio)),
            ("95 % interval", "n", lambda one: _limits(one.ratio)),
            ("ratio, no sign", "n", lambda one: _ratio(one.absence)),
            ("95 % interval", "n", lambda one: _limits(one.absence)),
            ("p, Holm", "n", lambda one: p_cell(one.p_adjusted)),
            ("the first shows it", "", lambda one: Cell(one.verdict)),
            ("in words", "w", lambda one: Cell(one.sentence)),
        ],
        lambda one: one.verdict in ("more", "less"),
    )


def arms_table(findings: Findings) -> Table:
    """Rates by arm, and of models under test."""
    reference = [findings.prompted] if findings.prompted else []
    return table_of(
        "arms",
        "Rates by arm",
        "Share of responses with a reason for every option, unasked (the arm prompted: asked), as "
        "read.",
        (*findings.arms, *reference, *findings.under),
        [
            ("arm", "", lambda one: Cell(one.arm)),
            ("rate", "n", lambda one: number(PRIMARY, one.value)),
            ("95 % interval", "n", lambda one: Cell(between(one.low, one.high), "")),
            (
                "checkpoints",
                "n",
                lambda one: Cell(len(one.checkpoints) or "–", len(one.checkpoints)),
            ),
            ("questions", "n", lambda one: Cell(one.questions, one.questions)),
            ("each checkpoint", "w", lambda one: Cell(_checkpoints(one))),
            ("interval by", "", lambda one: Cell(one.method)),
        ],
    )


def checked_table(findings: Findings) -> Table:
    """Rates as read and by labels, and the ratios of the latter."""
    return table_of(
        "checked",
        "As read and as labelled",
        "Of the arms with labels in every run. As labelled: estimated from samples of known "
        "probabilities; it holds whatever the reader’s errors on an arm are.",
        findings.checked,
        [
            ("arm", "", lambda one: Cell(one.arm)),
            ("as read", "n", lambda one: number(PRIMARY, one.read)),
            ("as labelled", "n", lambda one: number(PRIMARY, one.value)),
            ("95 % interval", "n", lambda one: Cell(between(one.low, one.high), "")),
            ("labels", "n", lambda one: Cell(one.labels, one.labels)),
            ("reader and labels agree", "n", lambda one: number(PRIMARY, one.same)),
            ("ratio, as labelled", "w", lambda one: Cell(_checked_ratios(findings, one.arm))),
        ],
    )


def _checked_ratios(findings: Findings, arm: str) -> str:
    return ", ".join(
        f"to {one.negative} {times(one.value)} ({times(one.low)} to {times(one.high)})"
        for one in findings.checked_ratios
        if one.positive == arm
    )


def variants_table(findings: Findings) -> Table:
    """The headline under other definitions."""
    return table_of(
        "variants",
        "Does it hang on the definition?",
        "The same contrasts where the sign is a reason for so many of the options or more, and for "
        "each question set alone.",
        [(variant.name, one) for variant in findings.variants for one in variant.contrasts],
        [
            ("check", "w", lambda row: Cell(row[0])),
            ("is it", "", lambda row: Cell(row[1].positive)),
            ("or", "", lambda row: Cell(row[1].negative)),
            ("ratio, sign", "n", lambda row: _ratio(row[1].ratio)),
            ("95 % interval", "n", lambda row: _limits(row[1].ratio)),
            ("p, Holm", "n", lambda row: p_cell(row[1].p_adjusted)),
            ("the first shows it", "", lambda row: Cell(row[1].verdict)),
        ],
    )


def matched_table(findings: Findings) -> Table:
    """Rates at matched length."""
    none = (
        f"no bin of length holds {FULL_BIN} responses of both: length and sign cannot be told apart"
    )
    return table_of(
        "matched",
        "Is it only length?",
        "Rates among responses of like length (coarsened exact matching in five bins), intervals "
        "over questions; training seeds are taken as given.",
        findings.matched,
        [
            ("is it", "", lambda one: Cell(one.positive)),
            ("or", "", lambda one: Cell(one.negative)),
            ("the first", "n", lambda one: number(PRIMARY, one.positive_rate)),
            ("the other", "n", lambda one: number(PRIMARY, one.negative_rate)),
            ("difference", "n", lambda one: number(PRIMARY, one.difference)),
            ("95 % interval", "n", lambda one: Cell(between(one.low, one.high), "")),
            ("responses", "n", lambda one: Cell(one.responses, one.responses)),
            ("note", "", lambda one: Cell("" if one.responses else none)),
        ],
    )


def _ratio(found: Ratio) -> Cell:
    return Cell(times(found.value), f"{found.value:.6g}")


def _limits(found: Ratio) -> Cell:
    return Cell(f"{times(found.low)} to {times(found.high)}", "")


def _checkpoints(one: ArmRate) -> str:
    return ", ".join(f"{name} {words.percent(rate)}" for name, rate in one.checkpoints.items())


TABLES = (contrasts_table, arms_table, checked_table, variants_table, matched_table)
