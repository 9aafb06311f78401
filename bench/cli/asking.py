"""`starprobe run`, `ask` and `models`: whom one can ask, and what each says to a set or a question.

`ask` shows the answers side by side, with what each says of every option in colour.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from starprobe.bench.cli import (
    AnyFailure,
    BaseModel,
    BatchSize,
    Body,
    Concurrency,
    Conditions,
    Device,
    Dtype,
    Header,
    Limit,
    MaxTokens,
    Models,
    Orders,
    Probes,
    Reader,
    Repeats,
    Retries,
    Seed,
    ShardOf,
    Shuffle,
    Suite,
    Temperature,
    Timeout,
    TopP,
    names,
    options_of,
    run_endings,
    say_endings,
)
from starprobe.probes.errors import InputError

if TYPE_CHECKING:
    from starprobe.bench.ask import Asked
    from starprobe.bench.models.names import Entry
    from starprobe.bench.records import Treatment, Verdict
    from starprobe.bench.run_config import RunConfig


MODELS_EXAMPLE = (
    "Example: starprobe models gemma3 claude-opus-4-6 openai:mine@http://127.0.0.1:8000/v1"
)
EPILOG = "Example: starprobe run smollm2 --conditions plain,scratchpad --limit 20 --out runs/first"


def register(app: typer.Typer) -> None:
    """Adds the three."""
    app.command("ask", epilog=ASK_EPILOG)(ask)
    app.command("run", epilog=EPILOG)(run)
    app.command("models", epilog=MODELS_EXAMPLE)(models)


def run(
    models: Models,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run folder; the same again resumes, more questions, models, ... widen it."
        ),
    ] = None,
    probes: Probes = ["everyday"],  # noqa: B006 - typer reads it and nobody changes it
    conditions: Conditions = "plain",
    suite: Suite = None,
    orders: Orders = 1,
    shuffle: Shuffle = None,
    repeats: Repeats = 1,
    limit: Limit = None,
    seed: Seed = 0,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    max_tokens: MaxTokens = 512,
    batch_size: BatchSize = 16,
    device: Device = "auto",
    dtype: Dtype = "auto",
    base_model: BaseModel = None,
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    retries: Retries = 6,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Stop before the run has cost so many dollars.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="A system prompt.")] = None,
    reasoning: Annotated[
        str | None, typer.Option(help="Ask a service to think: off, low, medium, high, tokens.")
    ] = None,
    price: Annotated[
        str | None, typer.Option(metavar="IN,OUT", help="Dollars a million tokens, if unknown.")
    ] = None,
    header: Header = None,
    body: Body = None,
    max_model_len: Annotated[int, typer.Option(min=64, help="Context of vllm:, tokens.")] = 4096,
    tensor_parallel: Annotated[int, typer.Option(min=1, help="GPUs a vllm: model.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Processes a local model, one a GPU.")] = 1,
    reader: Reader = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and what it costs, and stop.")
    ] = False,
    cache: Annotated[
        bool, typer.Option(help="Take what another run has paid for from there.")
    ] = True,
    shard: ShardOf = None,
    fail_on_any: AnyFailure = False,
) -> None:
    """Ask every model every question under every condition."""
    from starprobe.bench.records import Sampling
    from starprobe.bench.run_config import RunConfig

    config = RunConfig(
        models=tuple(models),
        probes=tuple(probes),
        conditions=names(conditions),
        suite=suite,
        orders=orders,
        shuffle=shuffle,
        repeats=repeats,
        limit=limit,
        sampling=Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed),
        options=options_of(locals()),
        budget=budget,
        cache=cache,
        shard=shard,
    )
    if dry_run:
        return _say_plan(config, Console(highlight=False, soft_wrap=True))
    if out is None:
        raise InputError("run needs --out DIR, the folder that the responses go into")
    return _run(config, out, reader, fail_on_any)


def _run(config: RunConfig, out: Path, reader: str | None, any_failure: bool) -> None:
    from starprobe.bench.ask import run as ask
    from starprobe.bench.cli.metrics import headline
    from starprobe.bench.read import classify_run
    from starprobe.bench.readers import DEFAULT_READER
    from starprobe.bench.results import measure_run
    from starprobe.bench.run_config import design_lines, not_asked
    from starprobe.bench.shards import finish, parse_shard

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in [*not_asked(config), *design_lines(config)]:
        console.print(line, markup=False)
    shard = parse_shard(config.shard)
    out = out / shard.name if shard else out
    folder = ask(config, out, console)
    found = run_endings(folder)
    if any(one.answered for one in found):
        name = reader or DEFAULT_READER
        classify_run(folder, name)
        shown = Console()
        shown.print(headline(measure_run(folder.path, name), shown.width))
    failed = say_endings(found, console, any_failure)
    if shard and not failed:
        finish(out, shard, f"questions {folder.info.probe_hash}")
    if any(one.answered for one in found):
        console.print(
            f"The run is in {out}. Its numbers: starprobe metrics {out}; as a page: "
            f"starprobe report {out}",
            markup=False,
        )
    else:
        console.print("There is no response to read.", markup=False)
    if failed or not any(one.answered for one in found):
        raise typer.Exit(1)


def _say_plan(config: RunConfig, console: Console) -> None:
    """Requests, tokens and dollars for each model, and one prompt."""
    from starprobe.bench.run_config import design_lines, estimates, not_asked, render_probes

    questions, prompts = render_probes(config)
    for line in [*not_asked(config), *design_lines(config)]:
        console.print(line, markup=False)
    console.print(
        f"{questions.name}: {len(questions.questions)} questions, {len(prompts)} prompts",
        markup=False,
    )
    for one in estimates(config, prompts):
        cost = f"at most ${one.dollars:.2f}" if one.dollars is not None else one.free
        console.print(
            f"{one.model}: {one.requests:,} requests, about {one.tokens_in:,} tokens in (four "
            f"characters each), at most {one.tokens_out:,} out; {cost}",
            markup=False,
        )
    console.print(f"\nThe first prompt, {prompts[0].id}:", markup=False)
    for turn in prompts[0].messages:
        console.print(f"[{turn.role}]\n{turn.content}", markup=False)


NARROWEST = 52
"""Columns that an answer needs to be read beside another."""
COLOURS = {"for": "green", "against": "red", "neutral": "yellow"}
WORDS = {"for": "reason for", "against": "reason against", "neutral": "reason, no side"}
STYLES = {
    "option_by_option": "option by option: a reason for every option",
    "partial": "reasons for some of the options",
    "chosen_only": "a reason for the chosen option only",
    "general_reasoning": "general reasoning, tied to no option",
    "direct": "the answer alone, no reasons",
}
QUOTED = 90
"""Characters of evidence that a table shows."""


def side_by_side(answers: Sequence[Asked], width: int) -> RenderableType:
    """The answers as columns, as many beside each other as fit into the width."""
    fits = max(1, min(len(answers), width // NARROWEST))
    rows: list[RenderableType] = []
    for start in range(0, len(answers), fits):
        grid = Table.grid(expand=True, padding=(0, 1))
        part = answers[start : start + fits]
        for _ in part:
            grid.add_column(ratio=1)
        grid.add_row(*(panel(answer) for answer in part))
        rows.append(grid)
    return Group(*rows)


def panel(answer: Asked) -> Panel:
    """One model's answer: its text with the evidence coloured, the table, and the verdict."""
    if answer.verdict is None or answer.response is None:
        return Panel(Text(answer.failure, "red"), title=Text(answer.model), border_style="red")
    parts: list[RenderableType] = [coloured(answer.response.readable, answer.verdict)]
    if answer.prompt.shown:
        parts += ["", options_table(answer)]
    parts += ["", Text(summary(answer), "bold"), Text(cost_line(answer), "dim")]
    return Panel(Group(*parts), title=Text(answer.model), border_style="blue")


def coloured(text: str, verdict: Verdict) -> Text:
    """The text, with the evidence for each option in the colour of its side."""
    shown = Text(text)
    for treatment in verdict.options.values():
        style = "dim" if treatment.treatment == "named" else COLOURS.get(treatment.side or "", "")
        for start, end in treatment.spans:
            shown.stylize(style, start, end)
    return shown


def options_table(answer: Asked) -> Table:
    """Option, what it is given (reason for, against, none), and the words that show it."""
    table = Table("option", "given", "words", expand=True, show_edge=False, pad_edge=False)
    verdict, response = answer.verdict, answer.response
    if verdict is None or response is None:
        return table
    for shown in answer.prompt.shown:
        treatment = verdict.options[shown.label]
        chosen = " <" if verdict.answer == shown.label else ""
        name = Text(f"{shown.label} {shown.text}{chosen}", "bold" if chosen else "")
        table.add_row(name, given(treatment), quoted(treatment, response.readable))
    return table


def given(treatment: Treatment) -> Text:
    """`reason for`, `reason against`, `named only` or `nothing`, in colour."""
    if treatment.treatment == "reasoned":
        return Text(WORDS[treatment.side or "neutral"], COLOURS[treatment.side or "neutral"])
    return Text("named only" if treatment.treatment == "named" else "nothing", "dim")


def quoted(treatment: Treatment, text: str) -> Text:
    """The longest piece of evidence, cut to fit."""
    if treatment.treatment != "reasoned" or not treatment.spans:
        return Text("")
    start, end = max(treatment.spans, key=lambda span: span[1] - span[0])
    words = " ".join(text[start:end].split())
    return Text(words if len(words) <= QUOTED else words[: QUOTED - 1] + "…")


def summary(answer: Asked) -> str:
    """The answer found and the style, in words."""
    verdict = answer.verdict
    if verdict is None:
        return ""
    outcomes = {
        "no_answer": "no answer",
        "refused": "refused",
        "cut": "cut short before an answer",
        "multi": "several answers",
    }
    said = outcomes.get(verdict.outcome, f"answer {verdict.answer}")
    if verdict.coverage is None:
        return said
    reasoned = sum(one.treatment == "reasoned" for one in verdict.options.values())
    return f"{said}; {STYLES[verdict.style]} ({reasoned} of {len(verdict.options)})"


def cost_line(answer: Asked) -> str:
    """Tokens, seconds and dollars, as far as they are known; and who read it."""
    response, parts = answer.response, []
    if response is not None and response.usage is not None:
        if response.usage.completion_tokens is not None:
            parts.append(f"{response.usage.completion_tokens} tokens")
        if response.usage.cost is not None:
            parts.append(f"${response.usage.cost:.5f}")
    if response is not None and response.latency_s is not None:
        parts.append(f"{response.latency_s:.1f} s")
    if answer.verdict is not None:
        parts.append(f"read by {answer.verdict.classifier}")
    return ", ".join(parts)


ASK_EPILOG = (
    'Example: starprobe ask "What can carry a small dog?" --option "swimming pool" '
    "--option basket --option backyard smollm2 gemma2"
)
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="TEXT", help="An option; once for each.")
]


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    models: Models,
    option: Options = None,
    condition: Annotated[str, typer.Option(help="A way of asking: plain, scratchpad, ...")] = (
        "plain"
    ),
    hint: Annotated[
        str | None, typer.Option(help="A letter or text: present this option as right.")
    ] = None,
    max_tokens: MaxTokens = 512,
    temperature: Temperature = 0.0,
    seed: Seed = 0,
    base_model: BaseModel = None,
    header: Header = None,
    body: Body = None,
    show_prompt: Annotated[bool, typer.Option(help="Show what is sent, too.")] = False,
    reader: Reader = None,
) -> None:
    """Ask several models one question and see what each says of every option."""
    import starprobe.bench.ask as asking
    from starprobe.bench.readers import DEFAULT_READER
    from starprobe.bench.records import Sampling

    options = options_of(locals())
    prompt = asking.make_prompt(asking.make_question(question, option or [], hint), condition, hint)
    console = Console(highlight=False)
    if show_prompt:
        sent = "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in prompt.messages)
        console.print(Panel(Text(sent), title="sent"))
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed)
    answers = []
    with Console(stderr=True).status("") as status:
        status.update(f"asking {models[0]}")
        for answer in asking.ask(prompt, models, sampling, options, reader or DEFAULT_READER):
            answers.append(answer)
            if len(answers) < len(models):
                status.update(f"asking {models[len(answers)]}")
    console.print(side_by_side(answers, console.width))
    if all(answer.verdict is None for answer in answers):
        raise typer.Exit(1)


def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Only these; by default all with a name."),
    ] = None,
    check: Annotated[bool, typer.Option(help="Look whether each can be reached from here.")] = True,
    services: Annotated[
        bool, typer.Option("--providers", help="List what may stand before the colon instead.")
    ] = False,
    details: Annotated[
        bool, typer.Option(help="Context, price and notes too; always for models that are named.")
    ] = False,
) -> None:
    """List the models that have a friendly name, and say what each still needs.

    Any other model is named BACKEND:NAME or BACKEND:NAME@URL. Friendly names of your own go into
    ~/.config/starprobe/models.toml, or into the file that STARPROBE_MODELS names; services of your
    own into providers.toml beside it, or into the file that STARPROBE_PROVIDERS names. Keys come
    from the environment: OPENAI_API_KEY and the like for a vendor's own host, STARPROBE_API_KEY for
    a server of your own.
    """
    from concurrent.futures import ThreadPoolExecutor

    from starprobe.bench.models import known_models, reach

    console = Console(soft_wrap=True, highlight=False)
    if services:
        return _say_providers(Console(highlight=False))
    rows = known_models(names or [])
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = list(pool.map(lambda row: reach(row.model), rows)) if check else []
    wide = max(len(row.name) for row in rows) + 2
    for index, row in enumerate(rows):
        cells = [(row.model, "")]
        if check:
            missing = found[index].missing
            cells.append((missing, "yellow") if missing else ("ready", "green"))
        lines = _lines(cells, max(20, console.width - wide))
        if (details or names) and (said := _details(row)):
            lines += [[(line, "dim")] for line in wrap(said, max(20, console.width - wide))]
        for number, line in enumerate(lines):
            shown = [f"[{how}]{escape(cell)}[/]" if how else escape(cell) for cell, how in line]
            console.print(f"{row.name if number == 0 else '':<{wide}}{'  '.join(shown)}")
    if check:
        ready = sum(reached.ready for reached in found)
        console.print(f"{ready} of {len(rows)} can be reached from here")


Cell = tuple[str, str]
"""A text, and how it looks."""


def _lines(cells: list[Cell], width: int) -> list[list[Cell]]:
    """The cells side by side where they fit, else one below the other; a URL below its model."""
    if sum(len(text) for text, _ in cells) + 2 * (len(cells) - 1) <= width:
        return [cells]
    found: list[list[Cell]] = []
    for number, (text, how) in enumerate(cells):
        before, at, url = text.rpartition("@")
        indent = "  " if number else ""
        parts = wrap(text, width - 2)
        if at and len(text) > width:
            parts = [before, f"  {at}{url}"]
        found += [[(indent + part, how)] for part in parts]
    return found


def _details(row: Entry) -> str:
    parts = [f"context {row.context:,}"] if row.context else []
    if row.price:
        price = row.price
        parts.append(
            f"${price.input:g} in, ${price.output:g} out a million tokens "
            f"({price.date}, {price.source})"
        )
    return "; ".join([*parts, *([row.note] if row.note else [])])


def _say_providers(console: Console) -> None:
    """Each backend and service: its word, how it is spoken to, where its key comes from."""
    from starprobe.bench.models.names import LOCAL, providers

    table = Table("before the colon", "speaks", "key", "")
    for name, local in LOCAL.items():
        table.add_row(f"{name}:", "on this machine", "", local.says)
    for word, one in providers().items():
        if word == one.name:
            words = "\n".join(f"{name}:" for name in (one.name, *one.also))
            key = one.key + (" (set)" if one.key and os.environ.get(one.key) else "")
            table.add_row(words, one.dialect, key, one.note)
    console.print(table)
