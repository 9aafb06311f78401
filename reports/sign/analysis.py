"""Labelled runs -> what the sign tells of how a model was made, as records and in the terminal.

The evidence has a row a response: `arm` (how its model was made), `checkpoint` (which training
seed), `question_id`, `sign` (1 where it shows the sign, 0 where not, NaN where unknown).

That a ratio was not shown to differ from 1 is no finding that it is 1: `alike` is said only where
the interval leaves no room for more than barely worth mentioning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from rich.table import Table

from starprobe.bench.metrics import to_frame
from starprobe.bench.metrics.compare import matched_length
from starprobe.bench.statistics.intervals import Floats
from starprobe.bench.statistics.paired import holm
from starprobe.bench.statistics.seeds import ArmRate, Ratio, likelihood_ratio, seed_rate
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record
from starprobe.reports.sign.arms import (
    FULL,
    PROMPTED,
    CheckedRate,
    CheckedRatio,
    Gathered,
    Spec,
    arm_rows,
    checked_rates,
    checked_ratio,
    collect,
    evidence_of,
    label,
    labelled_sides,
    rows_of,
)
from starprobe.reports.words import percent, short_p

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, RenderableType

STAR = "STaR-trained models"
MOST = 0.75
"""Coverage that counts as the sign in a check: four of five options, three of four."""
BARELY = 3.0
"""Ratios between a third and three are barely worth mentioning (Kass & Raftery 1995, JASA 90:773,
section 3.2)."""
Verdict = Literal["more", "less", "alike", "undecided"]
"""How often the first kind of model shows the sign, beside the second."""
MARKS: dict[Verdict, str] = {"more": "+", "less": "-", "alike": "=", "undecided": "?"}


class Contrast(Record):
    """STaR against one alternative."""

    positive: str
    negative: str
    ratio: Ratio
    absence: Ratio
    """P(no sign | positive) / P(no sign | negative)."""
    p_adjusted: float
    """Holm's adjustment over the alternatives of this positive."""
    verdict: Verdict
    sentence: str


class Variant(Record):
    """All contrasts under another definition or on part of the questions."""

    name: str
    contrasts: tuple[Contrast, ...]


class Matched(Record):
    """STaR against one alternative among responses of like length."""

    positive: str
    negative: str
    positive_rate: float | None
    negative_rate: float | None
    difference: float | None
    low: float | None
    high: float | None
    """The interval is over questions; training seeds are taken as given."""
    responses: int
    """Inside the bins of length that both fill; 0: there is no such bin."""


class Findings(Record):
    """All of it."""

    arms: tuple[ArmRate, ...]
    contrasts: tuple[Contrast, ...]
    summaries: tuple[str, ...]
    """In words: of all STaR arms together, where there are several, then of each."""
    star: tuple[str, ...]
    alternatives: tuple[str, ...]
    questions: int
    reader: str
    prompted: ArmRate | None
    """The base asked for a breakdown: shown for reference."""
    variants: tuple[Variant, ...]
    matched: tuple[Matched, ...]
    under: tuple[ArmRate, ...]
    """Models of unknown making, each with its own rate on the questions of the arms."""
    checked: tuple[CheckedRate, ...] = ()
    """The rates by people's labels, of the arms that have them for every checkpoint."""
    checked_ratios: tuple[CheckedRatio, ...] = ()

    def frames(self) -> dict[str, pd.DataFrame]:
        """The findings as tables: arms, contrasts, variants, matched."""
        return {
            "arms": to_frame(
                [*self.arms, *([self.prompted] if self.prompted else []), *self.under]
            ),
            "contrasts": to_frame(self.contrasts),
            "variants": to_frame(self.variants),
            "matched": to_frame(self.matched),
            "checked": to_frame(self.checked),
        }


def examine(
    specs: Sequence[Spec],
    star: Sequence[str] = (),
    under_test: Sequence[Path] = (),
    reader: str | None = None,
) -> Findings:
    """What the sign tells in these runs.

    Args:
        specs: of `reports.sign.arms.parse_spec`.
        star: the arms that were trained with STaR; by default those whose names begin with star.
        under_test: run folders of models of which it is not known how they were made.
        reader: whose verdicts to take.

    Raises:
        FolderError: a folder is no run.
        InputError: labels that do not fit, or nothing to compare.
    """
    return conclude(collect(specs, star, under_test, reader))


def conclude(gathered: Gathered) -> Findings:
    """The findings over what was gathered.

    Raises:
        InputError: nothing to compare.
    """
    star, others = gathered.star, gathered.alternatives
    evidence = evidence_of(gathered)
    arms, contrasts = analyse(evidence, star, others)
    rows = {arm: arm_rows(gathered, arm) for arm in (*star, *others)}
    under = tuple(_under(gathered, evidence))
    sides = labelled_sides(gathered)
    checked = {one.arm: one for one in checked_rates((*arms, *under), sides)}
    return Findings(
        arms=arms,
        contrasts=contrasts,
        summaries=summaries(contrasts),
        star=tuple(star),
        alternatives=tuple(others),
        questions=contrasts[0].ratio.questions,
        reader=gathered.evidence.reader,
        prompted=_prompted(gathered),
        variants=tuple(_variants(gathered, evidence)),
        matched=tuple(at_matched_length(rows, star, others)),
        under=under,
        checked=tuple(checked.values()),
        checked_ratios=tuple(
            checked_ratio(checked[one.positive], checked[one.negative])
            for one in contrasts
            if one.positive in checked and one.negative in checked
        ),
    )


def analyse(
    evidence: pd.DataFrame, star: Iterable[str], alternatives: Iterable[str] | None = None
) -> tuple[tuple[ArmRate, ...], tuple[Contrast, ...]]:
    """The rates of all arms, and STaR against every alternative.

    The arms of `star` are taken together as draws of "STaR-trained models" and also one by one;
    each is held against every alternative.

    Args:
        evidence: see the module's first lines.
        star: the arms that were trained with STaR.
        alternatives: the other arms; by default all that are in the evidence.

    Raises:
        InputError: an arm is missing, or fewer than two questions are shared by all checkpoints.
    """
    cells = tables(evidence)
    positives = [arm for arm in star if arm in cells]
    others = [arm for arm in (alternatives or cells) if arm in cells and arm not in positives]
    if not positives or not others:
        raise InputError(
            f"the sign needs STaR arms and others to hold them against; there are {list(cells)}"
        )
    groups = {arm: np.stack(list(cells[arm].values())) for arm in (*positives, *others)}
    firsts = positives
    if len(positives) > 1:
        groups = {STAR: np.concatenate([groups[arm] for arm in positives]), **groups}
        firsts = [STAR, *positives]
    contrasts = [row for first in firsts for row in _contrasts(first, others, groups)]
    rates = [arm_rate(arm, cells.get(arm, {}), found) for arm, found in groups.items()]
    return tuple(rates), tuple(contrasts)


def tables(evidence: pd.DataFrame) -> dict[str, dict[str, Floats]]:
    """Arm -> checkpoint -> its rate on each question; the questions are the same for all.

    Questions that any checkpoint has no reading of are left out.

    Raises:
        InputError: fewer than two are left.
    """
    known = evidence[evidence["sign"].notna()]
    wide = known.assign(sign=known["sign"].astype(float)).pivot_table(
        index=["arm", "checkpoint"], columns="question_id", values="sign", aggfunc="mean"
    )
    wide = wide.dropna(axis="columns")
    if wide.shape[1] < 2:
        raise InputError(
            "the checkpoints share fewer than two questions that were read for all of them; run "
            "the same probe set on every checkpoint"
        )
    found: dict[str, dict[str, Floats]] = {}
    for arm in dict.fromkeys(str(name) for name in known["arm"]):
        for checkpoint, row in wide.loc[arm].iterrows():
            found.setdefault(arm, {})[str(checkpoint)] = row.to_numpy(dtype=np.float64)
    return found


def arm_rate(arm: str, checkpoints: Mapping[str, Floats], cells: Floats) -> ArmRate:
    """The rate of an arm over checkpoints (rows) and questions (columns)."""
    found = seed_rate(cells)
    return ArmRate(
        arm=arm,
        checkpoints={name: float(row.mean()) for name, row in checkpoints.items()},
        questions=cells.shape[1],
        value=float(cells.mean()),
        low=found.low,
        high=found.high,
        method=found.method,
    )


def _contrasts(
    positive: str, alternatives: Iterable[str], groups: Mapping[str, Floats]
) -> list[Contrast]:
    names = list(alternatives)
    ratios = [likelihood_ratio(groups[positive], groups[name]) for name in names]
    absences = [likelihood_ratio(1 - groups[positive], 1 - groups[name]) for name in names]
    adjusted = [p if p is not None else 1.0 for p in holm([ratio.p for ratio in ratios])]
    return [
        Contrast(
            positive=positive,
            negative=name,
            ratio=ratio,
            absence=absence,
            p_adjusted=p,
            verdict=verdict(ratio, p),
            sentence=sentence(positive, name, ratio, p),
        )
        for name, ratio, absence, p in zip(names, ratios, absences, adjusted, strict=True)
    ]


def verdict(ratio: Ratio, p_adjusted: float, alpha: float = 0.05) -> Verdict:
    """Told apart, one way or the other; alike, as far as matters; or undecided for want of data."""
    if p_adjusted < alpha and not ratio.low <= 1 <= ratio.high:
        return "more" if ratio.value > 1 else "less"
    return "alike" if ratio.low > 1 / BARELY and ratio.high < BARELY else "undecided"


def sentence(positive: str, negative: str, ratio: Ratio, p_adjusted: float) -> str:
    """One sentence on one alternative."""
    said = f"{times(ratio.value)} [{times(ratio.low)}, {times(ratio.high)}]"
    start = f"Against {negative}: the likelihood ratio of the sign for {positive} is {said}"
    found = verdict(ratio, p_adjusted)
    if found == "alike":
        return f"{start}: the sign does not distinguish the two."
    if found == "undecided":
        return f"{start}: too few checkpoints or questions to say whether it tells the two apart."
    if found == "less":
        return (
            f"{start}: the sign is rarer in {positive}, so seeing it speaks for {negative} instead."
        )
    if ratio.low < BARELY:
        return f"{start}: the sign is more frequent in {positive}, but may be weak evidence."
    return f"{start}: the sign speaks for {positive}."


def summaries(contrasts: Sequence[Contrast]) -> tuple[str, ...]:
    """A few sentences on each positive kind."""
    found: dict[str, dict[str, Verdict]] = {}
    for one in contrasts:
        found.setdefault(one.positive, {})[one.negative] = one.verdict
    return tuple(summary(positive, verdicts) for positive, verdicts in found.items())


def summary(positive: str, found: Mapping[str, Verdict]) -> str:
    """The sentences over all alternatives: alternative -> verdict."""
    by = {kind: [name for name, one in found.items() if one == kind] for kind in get_args(Verdict)}
    if len(by["more"]) == len(found):
        return f"The sign distinguishes {positive} from every alternative tested."
    if len(by["alike"]) == len(found):
        return (
            f"The sign does not distinguish {positive} from any alternative tested: seeing it is "
            f"no evidence of such training."
        )
    said = {
        "alike": f"The sign does not distinguish {positive} from {{}}: seeing it cannot show which "
        f"of them a model is.",
        "more": f"The sign speaks for {positive} against {{}}.",
        "less": f"The sign is rarer in {positive} than in {{}}: seeing it speaks for the latter.",
        "undecided": f"Whether it distinguishes {positive} from {{}} these data cannot tell: too "
        f"few checkpoints or questions.",
    }
    return " ".join(text.format(", ".join(by[kind])) for kind, text in said.items() if by[kind])


def times(value: float | None) -> str:
    """A ratio with two digits: `7.1`, `0.034`, `220`, `3e+04`; `∞` where nothing bounds it."""
    if value is None:
        return "∞"
    if value >= 9950:
        return f"{value:.0e}"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.2g}"


def variant(
    name: str, evidence: pd.DataFrame, star: Sequence[str], alternatives: Sequence[str]
) -> Variant | None:
    """The contrasts on part of the evidence; None where it has too little to compare."""
    try:
        return Variant(name=name, contrasts=analyse(evidence, star, alternatives)[1])
    except InputError:
        return None


def _variants(gathered: Gathered, evidence: pd.DataFrame) -> Iterator[Variant]:
    """Where most of the options are enough, and each question set alone."""
    wanted = {f"{MOST:.0%} of the options": evidence_of(gathered, MOST)}
    whole = gathered.evidence.frame
    sets = whole.drop_duplicates("question_id").groupby("probes", sort=False)["question_id"]
    for name, ids in sets if len(sets) > 1 else ():
        wanted[f"only {name}"] = evidence[evidence["question_id"].isin(set(ids))]
    for name, part in wanted.items():
        found = variant(name, part, gathered.star, gathered.alternatives)
        if found is not None:
            yield found


def at_matched_length(
    arms: Mapping[str, pd.DataFrame], star: Sequence[str], alternatives: Sequence[str]
) -> Iterator[Matched]:
    """STaR against each alternative in the bins of length that both fill.

    Args:
        arms: arm -> its rows of a metrics frame, spontaneous ones only.
        star: taken together, where there are several, and one by one.
        alternatives: one by one.
    """
    import pandas as pd

    groups = {arm: arms[arm] for arm in star}
    if len(star) > 1:
        groups = {STAR: pd.concat(list(groups.values())), **groups}
    for positive, own in groups.items():
        for name in alternatives:
            found = matched_length({name: arms[name], positive: own})
            yield Matched(
                positive=positive,
                negative=name,
                positive_rate=found.rates[positive].value,
                negative_rate=found.rates[name].value,
                difference=found.difference.value,
                low=found.difference.low,
                high=found.difference.high,
                responses=found.matched,
            )


def _prompted(gathered: Gathered) -> ArmRate | None:
    """The rate where a breakdown was asked for."""
    import pandas as pd

    parts = [
        label(rows_of(gathered.evidence, one), one.arm, one.checkpoint, elicited=True)
        for one in gathered.labels
        if one.elicited
    ]
    parts = [part for part in parts if len(part)]
    if not parts:
        return None
    cells = tables(pd.concat(parts, ignore_index=True))[PROMPTED]
    return arm_rate(PROMPTED, cells, np.stack(list(cells.values())))


def _under(gathered: Gathered, evidence: pd.DataFrame) -> Iterator[ArmRate]:
    """The rates of the models under test, on the questions that all arms were asked."""
    known = evidence[evidence["sign"].notna()]
    for one in gathered.under:
        own = label(rows_of(gathered.evidence, one), one.arm, one.checkpoint, FULL)
        mine = own[own["question_id"].isin(set(known["question_id"]))]
        if mine["question_id"].nunique() < 2:
            raise InputError(
                f"{one.model} was not asked the questions of the arms in a spontaneous condition; "
                f"run the same probe set on it, with --conditions plain"
            )
        cells = tables(mine)[one.arm]
        yield arm_rate(one.model, {}, np.stack(list(cells.values())))


def between(low: float | None, high: float | None) -> str:
    """Limits of a share."""
    return "–" if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}\u202f%"


def show(findings: Findings, console: Console) -> None:
    """Prints all of it."""
    for part in printed(findings):
        console.print(part, highlight=False, markup=False)


def printed(findings: Findings) -> Iterator[RenderableType]:
    """What the terminal shows, in order; tables fit 80 columns."""
    yield _rates(findings)
    if findings.checked:
        yield _checked(findings)
    yield _ratios(findings)
    yield _checks(findings)
    yield from findings.summaries


def _rates(findings: Findings) -> Table:
    table = _table("Shows a reason for every option, unasked", "arm", "rate", "95 %", "seeds")
    notes = {one.arm: " (under test)" for one in findings.under}
    reference = [findings.prompted] if findings.prompted else []
    notes |= {one.arm: " (asked: no sign)" for one in reference}
    for one in (*findings.arms, *reference, *findings.under):
        name = f"{one.arm}{notes.get(one.arm, '')}"
        seeds = str(len(one.checkpoints) or "")
        table.add_row(name, percent(one.value), between(one.low, one.high), seeds)
    table.caption = (
        f"{findings.questions} questions, read by {findings.reader}; intervals over seeds and "
        f"questions"
    )
    return table


def _checked(findings: Findings) -> Table:
    table = _table("Checked by labels", "arm", "as read", "checked", "95 %", "labels", "agree")
    for one in findings.checked:
        limits = between(one.low, one.high)
        labels = str(one.labels)
        table.add_row(
            one.arm, percent(one.read), percent(one.value), limits, labels, percent(one.same)
        )
    found = [
        f"{one.positive} / {one.negative} {times(one.value)} [{times(one.low)}, {times(one.high)}]"
        for one in findings.checked_ratios
    ]
    table.caption = f"ratios of checked rates: {'; '.join(found)}" if found else ""
    return table


def _ratios(findings: Findings) -> Table:
    table = _table("Likelihood ratios, a response", "is it", "or", "sign", "no sign", "p, Holm")
    for one in findings.contrasts:
        table.add_row(
            one.positive,
            one.negative,
            _limits(one.ratio),
            _limits(one.absence),
            short_p(one.p_adjusted),
            style="bold" if one.verdict in ("more", "less") else "",
        )
    return table


def _checks(findings: Findings) -> Table:
    """Every contrast under other definitions, a column a check."""
    names = [variant.name for variant in findings.variants]
    table = _table("Does it hang on the definition, the questions, or length?", "is it", "or")
    for name in (*names, "at like length"):
        table.add_column(name, justify="right", overflow="fold")
    cells = {
        (variant.name, one.positive, one.negative): f"{times(one.ratio.value)} {MARKS[one.verdict]}"
        for variant in findings.variants
        for one in variant.contrasts
    }
    for one in findings.matched:
        found = [cells.get((name, one.positive, one.negative), "") for name in names]
        table.add_row(one.positive, one.negative, *found, _matched(one))
    table.caption = (
        "ratios: + the first shows it more, - less, = alike, ? undecided; like length: both "
        "rates among responses of one length, * where the interval over questions leaves out 0"
    )
    return table


def _matched(one: Matched) -> str:
    if one.positive_rate is None or one.negative_rate is None:
        return "no overlap"
    apart = one.low is not None and one.high is not None and not one.low <= 0 <= one.high
    star = " *" if apart else ""
    return f"{percent(one.positive_rate)} | {percent(one.negative_rate)}{star}"


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column(first, overflow="fold")
    for name in others:
        left = name == "or"
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    return table


def _limits(found: Ratio) -> str:
    return f"{times(found.value)} [{times(found.low)}, {times(found.high)}]"
