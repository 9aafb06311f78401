"""`starprobe ask`: one question, the answers of several models side by side, read at once.

Each answer shows what it says of every option, in colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from starprobe.bench.cli.common import (
    BaseModel,
    Body,
    Header,
    MaxTokens,
    Models,
    Reader,
    Seed,
    Temperature,
)

if TYPE_CHECKING:
    from starprobe.bench.ask import Asked
    from starprobe.bench.records import Treatment, Verdict

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


EPILOG = (
    'Example: starprobe ask "What can carry a small dog?" --option "swimming pool" '
    "--option basket --option backyard smollm2 gemma2"
)
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="TEXT", help="An option; once for each.")
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("ask", epilog=EPILOG)(ask)


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
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    import starprobe.bench.ask as asking
    from starprobe.bench.models.base import body_of, headers_of, make_options
    from starprobe.bench.readers import DEFAULT_READER
    from starprobe.bench.records import Sampling

    options = make_options(
        base_model=base_model, headers=headers_of(header or ()), body=body_of(body or ())
    )
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
