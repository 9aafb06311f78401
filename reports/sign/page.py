"""The findings on the sign as a single HTML file, in the look of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from starprobe.bench.files import write_atomic
from starprobe.reports import words
from starprobe.reports.embed import Secrets
from starprobe.reports.evidence import without_collector
from starprobe.reports.methods import Methods, methods
from starprobe.reports.page import render
from starprobe.reports.panels import Panel
from starprobe.reports.sign import figures
from starprobe.reports.sign.analysis import Contrast, Findings, conclude, times
from starprobe.reports.sign.arms import PROMPTED, Gathered, Spec, collect
from starprobe.reports.sign.checked import said
from starprobe.reports.sign.tables import sign_tables

TITLE = "The sign put to the test"


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
        "tables": list(sign_tables(findings)),
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
    return {
        "title": f"against {one.negative}",
        "change": f"× {times(one.ratio.value)}",
        "interval": f"({times(one.ratio.low)} to {times(one.ratio.high)})",
        "says": _first_up(one.sentence.rpartition("]: ")[2]),
        "test": f"{words.p_value(one.p_adjusted)} after Holm, {one.ratio.seeds[0]} and "
        f"{one.ratio.seeds[1]} checkpoints, {one.ratio.questions} questions",
    }


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def sign_panels(findings: Findings) -> Iterator[Panel]:
    """The figures whose data exist."""
    arms = [one for one in findings.arms if one.checkpoints]
    arms += [*([findings.prompted] if findings.prompted else []), *findings.under]
    kinds = {
        **dict.fromkeys(findings.star, "star"),
        **{one.arm: "under" for one in findings.under},
        PROMPTED: "reference",
    }
    rates = figures.rates_table(arms, kinds)
    yield Panel(
        "sign-rates",
        "How often each kind of model shows the sign",
        "Each filled mark is an arm with its 95\u202f% interval over training seeds and questions; "
        "open dots are its checkpoints. Where arms overlap, the sign cannot tell them apart.",
        figures.draw_rates(rates),
        rates,
        rows=False,
        wide=True,
    )
    ratios = figures.ratios_table(findings.contrasts)
    yield Panel(
        "sign-ratios",
        "What seeing the sign is worth",
        "How many times as often the first kind shows the sign as the second. An interval that "
        "holds 1 says that seeing it is no evidence between the two.",
        figures.draw_ratios(ratios),
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
