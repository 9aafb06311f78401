"""The reproductions of this project's validity audit, one by one: the figure then, and now.

    python benchmarks/audit.py [--only F6]

"Then" is what the audit (of commit 769b36c) found on the case; "now" is worked out here, by asking
scripted models, importing made files and measuring them. Takes about a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from starprobe.bench.ask import run as ask
from starprobe.bench.faithfulness import area_over
from starprobe.bench.frames import frame
from starprobe.bench.importers import import_outputs
from starprobe.bench.metrics import compare
from starprobe.bench.metrics.contrasts import between_models, contrasts, standings
from starprobe.bench.metrics.estimates import measure
from starprobe.bench.models.backend import WRITERS
from starprobe.bench.read import classify_run
from starprobe.bench.readers import Reading, load_reader, read_one
from starprobe.bench.readers.wording import acknowledges, may_acknowledge
from starprobe.bench.records import Metric, Sampling
from starprobe.bench.results import measure_run
from starprobe.bench.run_config import RunConfig, render_probes
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.labelled import count_choices, krippendorff_alpha
from starprobe.bench.statistics.paired import paired_mean, paired_rate, smallest_difference
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt, Question
from starprobe.probes.sets import load_probe_set
from starprobe.reports.comparison import compare_sides, headline
from starprobe.reports.evidence import gather, results_of
from starprobe.reports.words import standing
from tests.bench.metrics.test_robustness import HONEST, INNOCENT
from tests.bench.test_faithfulness import made_trials, of_trials

Writes = Callable[[Prompt], str | list[str]]


def breakdown(prompt: Prompt) -> str:
    """A reason for every option."""
    return WRITERS["option_by_option"](prompt, 0)


def direct(prompt: Prompt) -> str:
    """An answer alone."""
    return WRITERS["direct"](prompt, 0)


Now = Callable[[Path], str]
CASES: list[tuple[str, str, Now]] = []
"""Finding, what the audit saw, and what works it out now; its docstring says what the case is."""


def case(finding: str, then: str) -> Callable[[Now], Now]:
    """Puts a function among the cases."""

    def add(now: Now) -> Now:
        CASES.append((finding, then, now))
        return now

    return add


def asked(path: Path, writes: Writes, **config: Any) -> Run:
    """A run of a scripted model, read by the rules."""
    made = RunConfig(models=("scripted:direct",), **config)
    texts = {prompt.id: writes(prompt) for prompt in render_probes(made)[1]}
    path.with_suffix(".json").write_text(json.dumps(texts))
    model = f"scripted:{path.with_suffix('.json')}"
    run = ask(made.model_copy(update={"models": (model,)}), path)
    classify_run(run, "rules")
    return run


def key(prompt: Prompt) -> str:
    """The right option's text, where there is one."""
    questions = {one.id: one for one in load_probe_set("everyday").questions}
    options = {one.id: one.text for one in questions[prompt.question_id].options}
    return options[str(prompt.answer_id)]


def keyed(name: str) -> list[Question]:
    """The first twenty questions of a set that have a key."""
    return [one for one in load_probe_set(name).questions if one.answer_id is not None][:20]


def first(run: Run, name: str, condition: str = "plain") -> Metric:
    """A metric of a run."""
    rows = measure(frame(run, "rules"))
    return next(row for row in rows if (row.name, row.condition) == (name, condition))


def shown(found: Any, scale: float = 1) -> str:
    """Value, interval and number of questions."""
    if found.value is None:
        return "none"
    limits = "no interval"
    if found.low is not None:
        limits = f"[{scale * found.low:.2f}, {scale * found.high:.2f}]"
    return f"{scale * found.value:.2f} {limits} n={found.n}"


def lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """A file of rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def imported(path: Path, rows: Iterable[dict[str, Any]]) -> Run:
    """A run of rows made elsewhere, read by the rules."""
    run = import_outputs(lines(path.with_suffix(".jsonl"), rows), path).run
    classify_run(run, "rules")
    return run


@case("F1", "0.66 [0.49, 0.79], truth 0.19")
def battery(folder: Path) -> str:
    """Ten questions that the battery asks eight times and more broken down, no other."""
    prompts = [
        p for p in render_probes(RunConfig(models=(), suite="battery"))[1] if p.condition == "plain"
    ]
    often = {p.question_id for p in prompts if p.order}
    run = asked(
        folder / "run",
        lambda p: (breakdown if p.question_id in often else direct)(p),
        suite="battery",
    )
    found = first(run, "full_breakdown")
    return f"{shown(found)}; truth {len(often) / found.n:.2f}"


@case("F2", "plain 1.00, no_options 0.00 [0.00, 0.16]")
def no_options(folder: Path) -> str:
    """Every response is the key, with the options shown and without."""
    run = asked(folder / "run", key, conditions=("plain", "no_options"), limit=20)
    plain, open_ended = (first(run, "accuracy", name) for name in ("plain", "no_options"))
    return f"plain {shown(plain)}; no_options {shown(open_ended)}"


@case("F3", '"about as often as before"; +80 (+19 to +96)')
def heading(folder: Path) -> str:
    """0 of 5 before, 4 of 5 after."""
    before = asked(folder / "a", direct, limit=5)
    some = list(dict.fromkeys(p.question_id for p in before.prompts().values()))[:4]
    after = asked(
        folder / "b", lambda p: (breakdown if p.question_id in some else direct)(p), limit=5
    )
    with renamed(before, after):
        compared = compare_sides(before.path, after.path)
    row = compared.headline
    assert row is not None
    limits = f"{100 * row.low:+.0f} to {100 * row.high:+.0f}"
    return f'"{headline(compared)}"; {100 * row.difference:+.0f} ({limits}), {row.verdict}'


@contextlib.contextmanager
def renamed(*runs: Run) -> Any:
    """The models of several runs under one name, as of one model before and after."""
    for run in runs:
        for name in ("run.json", "responses.jsonl"):
            text = (run.path / name).read_text()
            (run.path / name).write_text(text.replace(run.info.models[0].name, "scripted:one"))
    yield


@case("F4", "-100 points, p < 0.0001")
def same_ids(folder: Path) -> str:
    """Twenty everyday and twenty science questions under the ids 0 to 19."""
    runs = []
    for name in ("everyday", "science"):
        rows = [q.model_dump(mode="json") | {"id": str(i)} for i, q in enumerate(keyed(name))]
        file = lines(folder / f"{name}.jsonl", rows)
        runs.append(ask(RunConfig(models=("scripted:direct",), probes=(str(file),)), folder / name))
        classify_run(runs[-1], "rules")
    try:
        found = compare_sides(runs[0].path, runs[1].path)
    except InputError as error:
        return f"refused: {str(error)[:110]}"
    return f"{found.headline}"


def two_tasks(folder: Path, order: int) -> list[dict[str, Any]]:
    """The answers to two tasks whose questions share the ids 0 to 19, all right in the first."""
    rows = []
    for right, name in ((True, "everyday"), (False, "science")):
        for i, q in enumerate(keyed(name)):
            options = {chr(65 + k): one.text for k, one in enumerate(q.options)}
            answer = next(
                label for label, text in options.items() if text == q.option(q.answer_id).text
            )
            said = answer if right else next(label for label in options if label != answer)
            rows.append(
                {
                    "id": str(i),
                    "model": "m",
                    "question": q.stem,
                    "options": options,
                    "answer": answer,
                    "response": f"The answer is ({said}).",
                }
            )
    return rows if order == 0 else rows[20:] + rows[:20]


@case("F4", "accuracy 1.0 -> 0.0, p = 2e-06")
def file_order(folder: Path) -> str:
    """The same responses in another order of the file's rows, ids used by two tasks."""
    one, two = (frame(imported(folder / f"r{k}", two_tasks(folder, k)), "rules") for k in (0, 1))
    (row,) = compare(one, two, ["accuracy"])
    return f"{row.before:.1f} -> {row.after:.1f}, n {row.n}, p = {row.p:.2g}"


@case("F5", "coverage 0.20 [0.20, 0.20]; net 1.00 [1.00, 1.00]; tokens 0 [0, 0]")
def no_width(folder: Path) -> str:
    """Two questions of which one option in five is covered; hints followed by three of three."""
    few = asked(folder / "few", lambda p: WRITERS["chosen_only"](p, 0), limit=2)
    hinted = asked(folder / "hint", breakdown, limit=5, conditions=("plain", "wrong_hint"))
    net = first(hinted, "hint_follow_net", "wrong_hint")
    tokens = next(row for row in contrasts(frame(hinted, "rules")) if row.metric == "tokens")
    limits = "no interval" if tokens.low is None else f"[{tokens.low:.2f}, {tokens.high:.2f}]"
    return (
        f"coverage {shown(first(few, 'coverage'))}; hint_follow_net {shown(net)}; "
        f"tokens {tokens.difference:+.2f} {limits}"
    )


@case("F6", "0 points (0 to 0)")
def unchanged(_: Path) -> str:
    """Forty questions, none changed."""
    found = paired_rate(np.ones(40), np.ones(40), np.arange(40)).difference
    return f"{100 * found.value:.0f} points ({100 * found.low:.1f} to {100 * found.high:+.1f})"


@case("F7", "p 0.00044, Holm 0.056; five equal changes p 0.031")
def floor(_: Path) -> str:
    """Coverage from 0 to 1 in 97 of 97 questions, and five equal changes."""
    all_of = paired_mean(np.zeros(97), np.ones(97), np.arange(97)).p
    five = paired_mean(np.zeros(5), np.ones(5), np.arange(5)).p
    return f"p {all_of:.1g}, times a family of 381: {381 * all_of:.1g}; five equal changes p {five}"


@case("F8", "0.58")
def alpha(_: Path) -> str:
    """How often alpha's interval holds the truth, eight responses to each of 30 questions."""
    rng, held, times = np.random.default_rng(5), 0, 300
    for _ in range(times):
        truth = rng.random((30, 8)) < rng.beta(0.5, 0.5, 30)[:, None]
        votes = [
            ["Y" if (rng.random() < 0.8) == said else "N" for _ in range(3)]
            for said in truth.ravel()
        ]
        names = [str(i) for i in np.repeat(np.arange(30), 8)]
        found = krippendorff_alpha(count_choices(votes, ("Y", "N")), names)
        held += found.low <= 0.36 <= found.high
    return f"{held / times:.2f} of {times} simulated panels"


@case("F9", "16.5 points in a family of 204")
def family(_: Path) -> str:
    """The smallest rise from 0 % that 97 questions show four times in five."""
    found = smallest_difference(97, 0.0)
    return f"{100 * found:.1f} points: the primary outcome is tested by itself"


@case("F10", "no test on the page")
def three_models(folder: Path) -> str:
    """Three models in one run: what is tested between them."""
    models = ("scripted:option_by_option", "scripted:direct", "scripted:chosen_only")
    run = ask(RunConfig(models=models, limit=30), folder / "run")
    classify_run(run, "rules")
    table = frame(run, "rules")
    rows = between_models(table)
    ranks = ", ".join(f"{row.best_rank} to {row.worst_rank}" for row in standings(table))
    return f"{len(rows)} paired tests between models; ranks left open by them: {ranks}"


@case("F11", "the highest: 70 % on average")
def winner(folder: Path) -> str:
    """Ways of asking that break down half of twelve questions: what stands as "asked to"."""
    rng = random.Random(1)
    ways = ("plain", "scratchpad", "few_shot", "thinking_tags", "pros_cons", "explain_after")
    known = [way for way in ways if _known(way)]

    def writes(prompt: Prompt) -> str:
        luck = prompt.condition != "plain" and rng.random() < 0.5
        return breakdown(prompt) if luck else direct(prompt)

    run = asked(folder / "run", writes, conditions=tuple(known), limit=12)
    evidence = gather([run.path])
    found = standing(results_of(evidence), evidence.frame, evidence.frame["model"].iloc[0], "plain")
    return " ".join(found.more[0].split()) if found and found.more else "nothing"


def _known(way: str) -> bool:
    try:
        render_probes(RunConfig(models=(), conditions=(way,), limit=1))
    except InputError:
        return False
    return True


@case("F12", "58 of 97 and 160 of 160 answered")
def cut(_: Path) -> str:
    """Breakdowns of 97 questions cut at 15 %, finish reason `length`: what counts as answered."""
    reader = load_reader("rules")
    verdicts, opening = [], []
    for prompt in render_probes(RunConfig(models=()))[1]:
        text = breakdown(prompt)
        start = f"Let us look at the options. (A) {prompt.shown[0].text}: this"
        for kept, found in ((text[: int(0.15 * len(text))], verdicts), (start, opening)):
            found.append(read_one(reader, Reading("r", kept, prompt.stem, prompt.shown, "length")))
    answered = [sum(v.outcome == "answered" for v in found) for found in (verdicts, opening)]
    return f"{answered[0]} of {len(verdicts)} and {answered[1]} of {len(opening)} answered"


@case("F13", "every cut 0.75 to 0.90; at random 0.66; unreadable 1.0")
def areas(_: Path) -> str:
    """Where every cut changes the answer; answers at random; answers that cannot be read."""
    every = [area_over([(k / n, k == n) for k in range(n + 1)]) for n in (2, 3, 4, 8, 20)]
    luck, drawn = random.Random(4), dict[Any, str]()
    by_luck = made_trials(lambda q, at: drawn.setdefault((q, at), f"o{luck.randint(1, 4)}"))
    reworded = [
        row.model_copy(update={"answer": f"o{luck.randint(1, 4)}"})
        for row in made_trials(lambda q, at: drawn[q, at], "paraphrase", (1,))
    ]
    chance = of_trials(by_luck + reworded)
    unread = of_trials(made_trials(lambda q, at: None))
    corrected = chance["early_answering_corrected"]
    area, changes = (chance[n].value for n in ("early_answering_aoc", "changes_by_chance"))
    return (
        f"every cut {min(every):.2f} to {max(every):.2f}; at random {area:.2f} beside "
        f"{changes:.2f} by chance, corrected {shown(corrected)}; unreadable "
        f"{shown(unread['early_answering_aoc'])}, their share {unread['unreadable'].value:.2f}"
    )


@case("F14", "0.162, by chance 0.162 [0.162, 0.162]")
def by_chance(folder: Path) -> str:
    """Asked twice in one order: the spread over places, and that of places shuffled."""
    rng = random.Random(3)
    run = asked(
        folder / "run",
        lambda p: [f"The answer is ({rng.choice('ABCDE')})." for _ in range(2)],
        repeats=2,
        sampling=Sampling(temperature=1.0),
    )
    seen, chance = first(run, "recall_std"), first(run, "recall_std_by_chance")
    return f"{seen.value:.3f}, by chance {chance.value:.3f} [{chance.low:.3f}, {chance.high:.3f}]"


def wordings(rng: random.Random) -> list[dict[str, Any]]:
    """Twenty questions in one order of the options, in three wordings of the prompt."""
    rows = []
    for q in keyed("everyday"):
        options = {chr(65 + k): one.text for k, one in enumerate(q.options)}
        answer = next(
            label for label, text in options.items() if text == q.option(q.answer_id).text
        )
        body = f"{q.stem}\n" + "\n".join(f"({a}) {b}" for a, b in options.items())
        rows += [
            {
                "model": "m",
                "question": q.stem,
                "options": options,
                "answer": answer,
                "prompt": head + body,
                "response": f"The answer is ({rng.choice('ABCDE')}).",
            }
            for head in ("", "Please answer. ", "Think. ")
        ]
    return rows


@case("F15", "0.72")
def prompt_order(folder: Path) -> str:
    """Three wordings of a prompt are no orders of its options."""
    names = {
        row.name
        for row in measure(frame(imported(folder / "run", wordings(random.Random(2))), "rules"))
    }
    return "none" if not names & {"flip_rate", "right_in_every_order"} else "there"


def numbers(run: Run) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """Every metric of a run."""
    rows = measure(frame(run, "rules"))
    return {(r.name, r.model, r.condition): (r.value, r.low, r.high, r.n) for r in rows}


@case("F15", "spread moved by 0.17; 35 of 80 narrower")
def changes_of_rows(folder: Path) -> str:
    """An import with its rows shuffled, and with every row twice: how many numbers differ."""
    rows = wordings(random.Random(2))
    mixed = rows[:]
    random.Random(9).shuffle(mixed)
    plain = numbers(imported(folder / "plain", rows))
    found = [
        numbers(imported(folder / name, kept))
        for name, kept in (("mixed", mixed), ("twice", rows * 2))
    ]
    differ = [sum(plain[k] != one.get(k) for k in plain) for one in found]
    return f"shuffled: {differ[0]} of {len(plain)} differ; twice: {differ[1]} of {len(plain)}"


@case("F15", "12,772 of 6,386")
def twice(folder: Path) -> str:
    """A report of one folder given twice."""
    run = asked(folder / "run", direct, limit=20)
    return f"{len(gather([run.path, run.path]).frame)} of {len(run.responses())} responses"


@case("2", "both refused")
def halves(folder: Path) -> str:
    """An import in two halves against the whole; `--limit 6` and then 12 against 12 at once."""
    rows = wordings(random.Random(2))
    whole = numbers(imported(folder / "whole", rows))
    imported(folder / "parts", rows[:30])
    run = import_outputs(lines(folder / "rest.jsonl", rows[30:]), folder / "parts").run
    classify_run(run, "rules")
    model = RunConfig(models=("scripted:option_by_option",))
    for limit in (6, 12):
        wide = ask(model.model_copy(update={"limit": limit}), folder / "wide")
    at_once = ask(model.model_copy(update={"limit": 12}), folder / "once")
    same = wide.responses().keys() == at_once.responses().keys()
    parts = numbers(run)
    differ = sum(whole[k] != parts.get(k) for k in whole)
    word = "the" if same else "not the"
    return f"import: {differ} of {len(whole)} numbers differ; run: {word} 12 of 12 at once"


@case("3a", "finds 2 of 17, flags 16 of 19")
def hints(_: Path) -> str:
    """Twenty sentences that own up to a hint, and twenty innocent ones, all written by us."""
    strict = sum(map(acknowledges, HONEST)), sum(map(acknowledges, INNOCENT))
    broad = sum(map(may_acknowledge, HONEST)), sum(map(may_acknowledge, INNOCENT))
    return (
        f"of {len(HONEST)} and {len(INNOCENT)}: strict finds {strict[0]} and flags {strict[1]}, "
        f"broad finds {broad[0]} and flags {broad[1]}; both shown, as a range"
    )


@case("5", "0 to 3.8 %, corrected 0 to 2.4 %")
def rare(folder: Path) -> str:
    """A sign that none of 96 responses shows."""
    run = asked(folder / "run", direct, limit=96)
    found = first(run, "full_breakdown")
    written = json.dumps(measure_run(run.path, "rules").model_dump(mode="json"))
    corrected = "full_breakdown_corrected" in written
    word = "also" if corrected else "nothing"
    return f"{100 * found.low:.0f} to {100 * found.high:.1f} %, {word} corrected"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a finding, as F6")
    options = parser.parse_args()
    table = Table(title="The validity audit's reproductions", title_justify="left", show_lines=True)
    for column in ("", "case", "then", "now"):
        table.add_column(column, overflow="fold")
    for finding, then, now in CASES:
        if options.only not in ("", finding):
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(None):
            found = now(Path(folder))
        what = (now.__doc__ or "").rstrip(".")
        table.add_row(*map(escape, (finding, what, then, found)))
    Console(width=150, highlight=False).print(table)


if __name__ == "__main__":
    main()
