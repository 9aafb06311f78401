"""A report of one or more runs as a single HTML file that opens from disk and fetches nothing.

With what all pages share: how one is rendered, and the methods section, which holds everything in
run.json that is needed to repeat and to judge a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup, escape

from starprobe.bench.files import write_atomic
from starprobe.bench.metrics.compare import PAIR_KEYS
from starprobe.bench.metrics.estimates import split
from starprobe.bench.records import Metric, NotApplicable, RunInfo
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import UserError
from starprobe.reports import embed, words
from starprobe.reports.embed import Secrets, aliases, visible
from starprobe.reports.evidence import (
    ALIKE,
    SIDE,
    Evidence,
    Order,
    Results,
    gather,
    results_of,
    texts,
    without_collector,
)
from starprobe.reports.html_tables import (
    Table,
    checked_table,
    comparison_table,
    link,
    metrics_table,
    then_and_now,
)
from starprobe.reports.panels import Panel, check_panels, embedded, panels
from starprobe.reports.words import RARE_BELOW, SHOWS_FROM, STYLE_MEANING, STYLE_WORDS, UNSURE_ABOVE

if TYPE_CHECKING:
    from jinja2 import Environment

RANKED_FROM = 4
"""More models than this are ranked on the first screen, a line each."""

SCRIPTS = ("pack.js", "page.js", "figures.js", "browser.js")


@without_collector()
def write_report(
    paths: Sequence[Path | str] | Path | str,
    out: Path | str = "report.html",
    *,
    reader: str | None = None,
    anonymize: bool = False,
) -> Path:
    """The path of the report written: what the models in these run folders do.

    Args:
        paths: run folders; one that nobody has read is read now.
        out: the HTML file.
        reader: whose verdicts to show; by default that of `chosen_reader`.
        anonymize: show aliases instead of names, until a button is pressed.

    Raises:
        FolderError: a folder is no run, or the file cannot be written.
        InputError: there is nothing to show.
    """
    folders = [paths] if isinstance(paths, str | Path) else list(paths)
    evidence = gather(folders, reader)
    secrets = Secrets(active=anonymize)
    if anonymize:
        evidence = anonymous(evidence, secrets)
    html = render("report.html.j2", report_context(evidence, secrets), evidence, secrets)
    write_atomic(Path(out), html)
    return Path(out)


def anonymous(evidence: Evidence, secrets: Secrets) -> Evidence:
    """The same evidence under aliases, in the order of the aliases; `secrets` learns the names."""
    alias = aliases(evidence.models)
    for name, shown in alias.items():
        secrets.hide(name, shown)
    frame = evidence.frame.assign(model=evidence.frame["model"].map(alias))
    in_order = sorted(alias.values(), key=lambda name: (len(name), name))
    return replace(evidence, frame=frame, models=tuple(in_order))


def report_context(evidence: Evidence, secrets: Secrets) -> dict[str, Any]:
    """What the template of a report needs."""
    results, frame, name = results_of(evidence), split(evidence.frame)[0], namer(secrets)
    condition = words.headline_condition(frame)
    ranks = {one.model: (place, one) for place, one in enumerate(results.standings)}
    models = sorted(evidence.models, key=lambda model: ranks[model][0] if model in ranks else 10**9)
    frame.attrs["model"] = Order(models)
    standings = [
        found
        for model in models
        if (found := words.standing(results, frame, model, condition)) is not None
    ]
    ranked = words.ranking(results.standings, results.models)
    tests = [row.test for row in (*results.models, *results.contrasts) if row.p is not None]
    then = then_and_now(evidence, name)
    return {
        "title": f"starprobe: {evidence.runs[0].info.probe_set}",
        "heading": words.headline(standings, condition),
        "lede": named(words.rest(standings) + ranked + lede(evidence), secrets),
        "facts": facts(evidence),
        "sections": [
            ("verdict", "Verdict"),
            *([("then-now-section", "Then and now")] if then is not None else []),
            ("figures", "Figures"),
            ("responses", "Responses"),
            ("tables", "Tables"),
            ("methods", "Methods"),
        ],
        "groups": grouped(standings, results),
        "checks": checks(results, secrets),
        "compact": len(standings) > RANKED_FROM,
        "then": then,
        "panels": [*panels(frame, results), *check_panels(evidence, results)],
        "tables": [*tables_of(results, name), metrics_table(results.metrics, name)],
        "methods": methods(evidence, results, tests, secrets),
    }


def grouped(
    standings: Sequence[words.Standing], results: Results
) -> list[tuple[str, list[words.Standing]]]:
    """(heading, models): groups that are told apart, the highest first; those not ranked last."""
    by_name = {one.model: one for one in standings}
    groups = words.groups_of(results.standings)
    found = []
    for place, group in enumerate(groups):
        members = [by_name.pop(one.model) for one in group if one.model in by_name]
        if members:
            first = 1 + sum(len(other) for other in groups[:place])
            last = first + len(group) - 1
            rank = f"rank {first}" if first == last else f"ranks {first} to {last}"
            found.append((rank if len(groups) > 1 else "", members))
    if by_name:
        found.append(("", list(by_name.values())))
    return found


def checks(results: Results, secrets: Secrets) -> list[tuple[str, str, Any]]:
    """(run, verdict, sentences) on the reader, once for runs of which the same is to be said."""
    several = len(results.checks) > 1
    return [
        (
            path.name if several else "",
            *words.reader_check(check, "DIR" if secrets.active else str(path), results.ranges),
        )
        for path, check in results.checks
    ]


MANY = 8
"""From more models than this on, only what was declared beforehand is listed by pairs."""


def tables_of(results: Results, name: Any) -> Iterator[Table]:
    """Models against each other, and conditions and orders against their twins."""
    few = len(results.standings) <= MANY
    pairs = [row for row in results.models if few or row.role == "primary"]
    if pairs:
        yield comparison_table(
            pairs, "Model against model", name, id="models", sides=("first", "second"), pairs="both"
        )
    labelled = checked_table(results, name)
    if labelled.rows:
        yield labelled
    if results.contrasts:
        several = len({row.model_before for row in results.contrasts}) > 1
        yield comparison_table(
            results.contrasts,
            "Ways of asking and orders against the plain one",
            name,
            id="contrasts",
            sides=("first", "second"),
            pairs="one" if several else "none",
        )


def lede(evidence: Evidence) -> str:
    """What was asked, of whom, in a sentence."""
    count = len(evidence.models)
    who = "One model" if count == 1 else f"{count} models"
    return (
        f"{who} answered multiple-choice questions; a reader looked at how each response treats "
        f"each option. Bars: how they answer. Number: how often every single option got a reason."
    )


def facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Counts for the first screen as (words, number)."""
    frame = evidence.frame
    sets = ", ".join(dict.fromkeys(run.info.probe_set for run in evidence.runs))
    questions, conditions = frame["question_id"].nunique(), frame["condition"].nunique()
    return [
        (f"questions ({visible(sets)})", f"{questions:,}"),
        ("condition" if conditions == 1 else "conditions", f"{conditions}"),
        ("responses read", f"{len(frame):,}"),
        ("requests failed", f"{sum(evidence.failures.values()):,}"),
    ][: 4 if evidence.failures else 3]


def namer(secrets: Secrets) -> Any:
    """A function that writes a model's shown name: plain, or an alias that can be revealed."""
    real = {alias: name for alias, name in secrets.pairs}

    def name(shown: str) -> Any:
        side, dot, alias = shown.rpartition(SIDE)
        if shown in real:
            return secrets.hide(real[shown], shown)
        if alias in real:
            return Markup("{}{}").format(side + dot, secrets.hide(real[alias], alias))
        return visible(shown)

    return name


def named(text: str, secrets: Secrets) -> Markup:
    """A sentence in which hidden names can be revealed."""
    shown = escape(visible(text))
    for alias, real in secrets.pairs:
        if alias.startswith("Model "):
            shown = Markup(re.sub(rf"{alias}(?![A-Za-z])", str(secrets.hide(real, alias)), shown))
    return shown


def render(template: str, context: dict[str, Any], evidence: Evidence, secrets: Secrets) -> str:
    """The whole page.

    Args:
        template: its file name.
        context: what this template needs beyond what all pages share.
        evidence: for the browser of responses.
        secrets: complete, for the context has been made.
    """
    app, plotly = app_script(), plotly_script()
    pairs = context.pop("pairs", None)
    shown_whole = texts(evidence, ALIKE if pairs is None else PAIR_KEYS)
    data = embed.packed(evidence.models, shown_whole, pairs)
    shown = [one for one in all_panels(context)]
    packed = [
        ("response-index", data.contents),
        ("figure-data", embed.pack({panel.id: embedded(panel) for panel in shown})),
        *([("secrets", embed.pack(secrets.pairs))] if secrets.active else []),
        ("plotly", packed_plotly() if shown else ""),
    ]
    name = namer(secrets)
    page = environment().get_template(template)
    return page.render(
        version=version("starprobe"),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        policy=embed.policy([app, plotly]),
        css=_template("style.css"),
        app=app,
        packed=packed,
        chunks=data.chunks,
        secrets=secrets.active,
        name=name,
        drawn=drawn(len(shown_whole.exchanges), len(evidence.frame)),
        words=STYLE_WORDS,
        meanings=STYLE_MEANING,
        percent=words.percent,
        caveat_words=words.CAVEAT,
        link=link,
        **context,
    )


def drawn(shown: int, responses: int) -> str:
    """What is said where the texts of a sample are shown; nothing where all are."""
    if shown == responses:
        return ""
    return (
        f"The texts of {shown:,} of {responses:,} responses; all numbers, figures and tables are "
        f"of all {responses:,}. As many were drawn of each model and condition, and in it of those "
        f"whose style changes from one response to another, of those of which the reader is "
        f"unsure, and of the rest: the shares among them are not those of all."
    )


def all_panels(context: dict[str, Any]) -> Iterator[Panel]:
    """Every figure that a context shows."""
    yield from context["panels"]
    if context.get("training"):
        yield from context["training"].panels


@cache
def environment() -> Environment:
    """Templates that escape everything and fail on a name they do not know."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("starprobe.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """What stands in `{{ }}`: a string loses no character, but none of it stays hidden."""
    return visible(value) if type(value) is str else value


@cache
def app_script() -> str:
    """The page's own script."""
    return "\n".join(_template(name) for name in SCRIPTS)


@cache
def plotly_script() -> str:
    """Plotly's script."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@cache
def packed_plotly() -> str:
    """Plotly's script, packed."""
    return embed.pack_bytes(plotly_script().encode())


def _template(name: str) -> str:
    return files("starprobe.reports").joinpath("templates", name).read_text(encoding="utf-8")


Fact = tuple[str, list[Any]]


class Methods(NamedTuple):
    """Facts as (words, items), and commands as (words, command)."""

    facts: list[Fact]
    commands: list[tuple[str, Any]]


def methods(
    evidence: Evidence,
    results: Results | None,
    tests: Iterable[str],
    secrets: Secrets,
) -> Methods:
    """How the runs were made and read, and how the numbers were worked out.

    Args:
        evidence: the runs.
        results: for the methods of their intervals, and what is left out; None: neither is told.
        tests: names of the tests used.
        secrets: takes what names a model, where names are hidden.
    """
    metrics, out = (results.metrics, results.left_out) if results else ((), ())
    facts = [
        *_questions(evidence.runs),
        *_models(evidence.runs, secrets),
        *_reading(evidence),
        ("Not applicable", [_left_out(one, secrets) for one in out]),
        *_numbers(metrics, tests),
        *_machine(evidence.runs, secrets),
    ]
    word = "This command repeats the run:" if len(evidence.runs) == 1 else "These repeat the runs:"
    commands = [
        (word if not place else "", secrets.hide(run.info.command, "hidden with the names"))
        for place, run in enumerate(evidence.runs)
    ]
    return Methods([(words, items) for words, items in facts if items], commands)


def _questions(runs: Sequence[Run]) -> Iterator[Fact]:
    infos = [run.info for run in runs]
    yield (
        "Questions",
        _unique(
            f"{i.probe_set} (hash {i.probe_hash}), {_count(i.questions, 'question')}" for i in infos
        ),
    )
    yield (
        "Conditions",
        [_condition(name) for name in dict.fromkeys(c for i in infos for c in i.conditions)],
    )
    yield (
        "Orders, repeats",
        _unique(
            f"{_count(i.orders, 'order')} of the options, {_count(i.repeats, 'repeat')} each"
            for i in infos
        ),
    )
    yield "Sampling", _unique(_sampling(i) for i in infos)


def _condition(name: str) -> str:
    from starprobe.probes.conditions import get_condition

    try:
        found = get_condition(name)
    except UserError:
        return name
    kind = "asked for" if found.elicited else "spontaneous"
    source = f" Source: {found.source}" if found.source else ""
    return f"{name} ({kind}): {found.about}{source}"


def _sampling(info: RunInfo) -> str:
    if info.imported:
        return "imported: the responses were made elsewhere"
    s = info.sampling
    how = "greedy" if s.temperature == 0 else f"temperature {s.temperature:g}, top-p {s.top_p:g}"
    return f"{how}, at most {s.max_tokens} tokens, seed {s.seed}"


def _models(runs: Sequence[Run], secrets: Secrets) -> Iterator[Fact]:
    items = []
    for model in {m.name: m for run in runs for m in run.info.models}.values():
        parts = [model.name]
        if model.revision:
            parts.append(f"revision {model.revision}")
        if model.endpoint:
            parts.append(f"at {model.endpoint}")
        parts += [f"{key} {value}" for key, value in model.details.items() if _small(value)]
        for body in model.details.get("sent", ()):
            parts.append(f"sent {{{', '.join(f'{key}: {value}' for key, value in body.items())}}}")
        if left_out := model.details.get("not_sent"):
            parts.append(f"not sent, since it is refused: {', '.join(left_out)}")
        items.append(secrets.hide(", ".join(parts)))
    yield "Models", items


def _small(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) and len(str(value)) <= 80


def _reading(evidence: Evidence) -> Iterator[Fact]:
    readers = evidence.frame["classifier"].drop_duplicates()
    yield "Reader", [_reader(str(name)) for name in readers]
    count = len(evidence.frame)
    items = [f"{count:,} responses read"]
    items += [f"{n:,} requests without a response: {kind}" for kind, n in evidence.failures.items()]
    if evidence.unread:
        items.append(f"{evidence.unread:,} responses that this reader has not read")
    yield "Responses", items


def _left_out(one: NotApplicable, secrets: Secrets) -> Any:
    return secrets.hide(f"{one.model}, {one.condition}: {one.reason}", "hidden with the names")


def _reader(name: str) -> str:
    """The reader, and how it does on annotated responses that it has not learned from."""
    from starprobe.bench.readers import measured

    found = measured(name)
    if found is None:
        return name
    return (
        f"{name}; against a large language model’s labels, on {found['responses']:,} responses "
        f"that it has not learned from: option reasoned about or not, F1 "
        f"{found['reasoned_f1']:.2f}; side {found['side_accuracy']:.2f}; answer "
        f"{found['answer_accuracy']:.2f}; style, Cohen’s kappa {found['style_kappa']:.2f}"
    )


def _numbers(metrics: Sequence[Metric], tests: Iterable[str]) -> Iterator[Fact]:
    yield (
        "Intervals",
        ["95 %, the question as unit", *_unique(m.method for m in metrics if m.value is not None)],
    )
    named = _unique(test for test in tests if test)
    if named:
        yield "Tests", named
    yield (
        "Words",
        [
            f"“breaks down every option”: the whole interval is at or above {SHOWS_FROM:.0%}; "
            f"“rarely does”: it is below {RARE_BELOW:.0%}; “does at times”: else. Nothing is "
            f"said where it is wider than {UNSURE_ABOVE:.0%}, or goes beyond {RARE_BELOW:.0%} "
            f"though none was seen. An answer that is missing, refused or cut short is not right, "
            f"and is no wrong choice either.",
            "Of a difference: “more” or “less” where its test says so, “alike” where its interval "
            "lies inside the margin, else “undecided”.",
        ],
    )


def _machine(runs: Sequence[Run], secrets: Secrets) -> Iterator[Fact]:
    infos = [run.info for run in runs]
    yield "Made", _unique(info.created for info in infos)
    yield (
        "Software",
        _unique(", ".join(f"{n} {v}" for n, v in info.versions.items()) for info in infos),
    )
    yield (
        "Hardware",
        _unique(", ".join(f"{n}: {v}" for n, v in info.hardware.items()) for info in infos),
    )
    yield "Run folders", [secrets.hide(str(run.path)) for run in runs]


def _unique(items: Iterable[str]) -> list[str]:
    return [item for item in dict.fromkeys(items) if item]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
