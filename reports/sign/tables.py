"""The findings as rows of HTML tables. Knows no template."""

from __future__ import annotations

from collections.abc import Iterator

from starprobe.bench.metrics.lengths import FEWEST
from starprobe.bench.signs import ArmRate, Corrected, Ratio
from starprobe.reports.sentences import percent
from starprobe.reports.sign.findings import Findings
from starprobe.reports.tables import Cell, Row, Table


def sign_tables(findings: Findings) -> Iterator[Table]:
    """Every table that has rows."""
    for table in (
        contrasts_table(findings),
        arms_table(findings),
        variants_table(findings),
        matched_table(findings),
        thresholds_table(findings),
        posterior_table(findings),
    ):
        if table.rows:
            yield table


def contrasts_table(findings: Findings) -> Table:
    """Likelihood ratios."""
    rows = [
        Row(
            [
                Cell(one.positive),
                Cell(one.negative),
                *_ratio(one.ratio),
                *_ratio(one.absence),
                _p(one.p_adjusted),
                Cell(one.verdict),
                Cell(one.sentence),
            ],
            "sure" if one.informative else "",
        )
        for one in findings.result.contrasts
    ]
    columns = [("is it", ""), ("or", ""), ("ratio, sign", "n"), ("95 % interval", "n")]
    columns += [("ratio, no sign", "n"), ("95 % interval", "n"), ("p, Holm", "n")]
    columns += [("verdict", ""), ("in words", "w")]
    caption = (
        "Likelihood ratios, a response: how many times as often the first kind of model gives a "
        "reason for every option, and how many times as often it does not. Intervals over "
        "training seeds and questions; p of “the ratio is 1”, adjusted over the alternatives."
    )
    return Table("contrasts", "Likelihood ratios", caption, columns, rows)


def arms_table(findings: Findings) -> Table:
    """Rates by arm; corrected ones beside them where the reader's errors are known."""
    corrected = {one.arm: one for one in findings.corrected}
    arms = [*findings.result.arms, *([findings.prompted] if findings.prompted else [])]
    rows = [
        Row(
            [
                Cell(one.arm),
                share(one.value),
                Cell(between(one.low, one.high), ""),
                *(_corrected(corrected.get(one.arm)) if corrected else ()),
                Cell(len(one.checkpoints) or "–", len(one.checkpoints)),
                Cell(one.questions, one.questions),
                Cell(_checkpoints(one)),
                Cell(one.method),
            ]
        )
        for one in arms
    ]
    columns = [("arm", ""), ("rate", "n"), ("95 % interval", "n")]
    columns += [("corrected", "n"), ("95 % interval", "n")] if corrected else []
    columns += [("checkpoints", "n"), ("questions", "n"), ("each checkpoint", "w")]
    columns += [("interval by", "")]
    caption = (
        "Share of responses with a reason for every option, unasked (the arm prompted: asked)."
    )
    if corrected:
        caption += (
            " Corrected for the reader’s errors: Rogan and Gladen’s rate with Lang and Reiczigel’s "
            "interval, over questions."
        )
    return Table("arms", "Rates by arm", caption, columns, rows)


def _corrected(found: Corrected | None) -> list[Cell]:
    if found is None:
        return [Cell("–", ""), Cell("–", "")]
    return [share(found.value), Cell(between(found.low, found.high), "")]


def variants_table(findings: Findings) -> Table:
    """The headline under other definitions."""
    rows = [
        Row(
            [
                Cell(variant.name),
                Cell(one.positive),
                Cell(one.negative),
                *_ratio(one.ratio),
                _p(one.p_adjusted),
                Cell(one.verdict),
            ]
        )
        for variant in findings.variants
        for one in variant.contrasts
    ]
    columns = [("check", "w"), ("is it", ""), ("or", ""), ("ratio, sign", "n")]
    columns += [("95 % interval", "n"), ("p, Holm", "n"), ("verdict", "")]
    caption = (
        "The same contrasts where the sign is a reason for so many of the options or more, and for "
        "each question set alone."
    )
    return Table("variants", "Does it hang on the definition?", caption, columns, rows)


def matched_table(findings: Findings) -> Table:
    """Rates at matched length."""
    rows = [
        Row(
            [
                Cell(one.positive),
                Cell(one.negative),
                share(one.positive_rate),
                share(one.negative_rate),
                share(one.difference),
                Cell(between(one.low, one.high), ""),
                _p(one.p),
                Cell(one.responses, one.responses),
                Cell(matched_words(one.responses)),
            ]
        )
        for one in findings.matched
    ]
    columns = [("is it", ""), ("or", ""), ("the first", "n"), ("the other", "n")]
    columns += [("difference", "n"), ("95 % interval", "n"), ("p", "n"), ("responses", "n")]
    columns += [("note", "")]
    caption = (
        "Rates among responses of like length (coarsened exact matching in five bins), intervals "
        "by bootstrap over questions; training seeds are taken as given."
    )
    return Table("matched", "Is it only length?", caption, columns, rows)


def matched_words(responses: int) -> str:
    """What to make of the number of responses that could be matched."""
    if responses:
        return ""
    return (
        f"no bin of length holds {FEWEST} responses of both: length and sign cannot be told apart"
    )


def thresholds_table(findings: Findings) -> Table:
    """Sensitivity and specificity at every threshold."""
    found = findings.result.roc
    rows = [
        Row(
            [
                share(one.rate),
                share(one.sensitivity),
                Cell(between(one.sensitivity_low, one.sensitivity_high), ""),
                share(one.specificity),
                Cell(between(one.specificity_low, one.specificity_high), ""),
            ]
        )
        for one in (found.thresholds if found else ())
    ]
    columns = [("called STaR-trained from", "n"), ("sensitivity", "n"), ("95 % interval", "n")]
    columns += [("specificity", "n"), ("95 % interval", "n")]
    auc = (
        f"Area under the curve {found.auc:.2f} ({found.auc_low:.2f} to {found.auc_high:.2f}), over "
        f"{found.positives} STaR-trained checkpoints and {found.negatives} others."
        if found
        else ""
    )
    return Table("thresholds", "Sensitivity and specificity", auc, columns, rows)


def posterior_table(findings: Findings) -> Table:
    """What each model under test may be."""
    rows = [
        Row(
            [
                Cell(one.model),
                Cell(f"{one.shown} of {one.questions}", one.shown / one.questions),
                Cell(row.arm),
                share(row.prior),
                share(row.likelihood),
                share(row.posterior),
            ]
        )
        for one in findings.under
        for row in one.posterior
    ]
    columns = [("model", "w"), ("sign shown", "n"), ("if it is one of", ""), ("prior", "n")]
    columns += [("likelihood, of the likeliest", "n"), ("posterior", "n")]
    caption = (
        "For the stated priors, and only if the model is of one of these kinds. Each kind is a "
        "beta distribution of rates over its checkpoints; the responses are beta-binomial."
    )
    return Table("posterior", "The models under test", caption, columns, rows)


def share(value: float | None) -> Cell:
    """A share in percent, sorted by its value."""
    return Cell("–", "") if value is None else Cell(percent(value), f"{value:.6g}")


def between(low: float | None, high: float | None) -> str:
    """Limits of a share."""
    return "–" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}\u202f%"


def times(value: float) -> str:
    """A ratio with two digits: `7.1`, `0.034`, `220`, `3e+04`."""
    if value >= 9950:
        return f"{value:.0e}"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.2g}"


def _ratio(found: Ratio) -> list[Cell]:
    return [
        Cell(times(found.value), f"{found.value:.6g}"),
        Cell(f"{times(found.low)} to {times(found.high)}", ""),
    ]


def _p(value: float | None) -> Cell:
    if value is None:
        return Cell("–", "")
    words = "< 0.0001" if value < 0.0001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"
    return Cell(words, f"{value:.6g}")


def _checkpoints(one: ArmRate) -> str:
    return ", ".join(f"{name} {percent(rate)}" for name, rate in one.checkpoints.items())
