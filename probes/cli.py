"""`starprobe probes`: list, show and check the sets of questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated

import typer

from starprobe.probes.checks import check_questions, guess
from starprobe.probes.conditions import built_in_conditions
from starprobe.probes.generated import TIERS
from starprobe.probes.rendering import render_set
from starprobe.probes.schema import Question
from starprobe.probes.sets import BUILT_IN, load_probe_set, read_any

EXAMPLE_SHOW = "Example: starprobe probes show everyday --limit 2 --condition scratchpad+hinted"
EXAMPLE_CHECK = "Example: starprobe probes check my-questions.jsonl"


DETECTABLE: list[Callable[[int], str]] = []
"""Number of questions -> the smallest rises that they find; filled in by the program, for this
package knows no statistics."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(
        help="The sets of questions, and the ways to ask them.", no_args_is_help=True
    )
    group.command("list", epilog="Example: starprobe probes list")(list_sets)
    group.command("show", epilog=EXAMPLE_SHOW)(show)
    group.command("check", epilog=EXAMPLE_CHECK)(check)
    group.command("conditions", epilog="Example: starprobe probes conditions")(list_conditions)
    app.add_typer(group, name="probes")


def list_sets() -> None:
    """List the built-in sets."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    # A name that is cut cannot be asked for.
    for column in ("set", "questions", "options", "tiers", "hash"):
        table.add_column(column, no_wrap=column == "set")
    for _ in DETECTABLE:
        table.add_column("rise from 0 | 50 %")
    table.add_column("what it is")
    for name, entry in BUILT_IN.items():
        probe_set = load_probe_set(name)
        sizes = sorted({len(question.options) for question in probe_set.questions})
        options = " or ".join(str(size) for size in sizes)
        found = [words(len(probe_set.questions)) for words in DETECTABLE]
        count = str(len(probe_set.questions))
        tiers = Counter(str(one.metadata.get("tier", "-")) for one in probe_set.questions)
        spread = " ".join(f"{tiers[tier]}" for tier in TIERS) if "-" not in tiers else "-"
        table.add_row(name, count, options, spread, probe_set.hash, *found, entry.about)
    # Without emoji=False rich takes the `:train:` of a name for a tram.
    console = Console(emoji=False)
    console.print(table)
    if DETECTABLE:
        console.print(
            "Rise: the smallest change, in points, from a share of 0 % and of 50 %, that so "
            "many questions show four times in five (exact McNemar, one response each)."
        )


def list_conditions() -> None:
    """List the built-in conditions; they combine with +, as in scratchpad+hinted.

    Where a condition asks for reasons they are elicited; elsewhere those that come are spontaneous.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("condition", "asks for", "what it does", "source")
    for name, condition in built_in_conditions().items():
        table.add_row(name, condition.asks, condition.about, condition.source)
    Console(emoji=False).print(table)


def show(
    name: Annotated[str, typer.Argument(metavar="SET", help="A built-in set or a JSONL file.")],
    limit: Annotated[int, typer.Option(min=1, help="How many questions to show.")] = 5,
    condition: Annotated[
        str, typer.Option(help="Show the prompts under this condition instead.")
    ] = "",
    text: Annotated[bool, typer.Option("--text", help="As plain text, for base models.")] = False,
) -> None:
    """Show questions, or the prompts made of them."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    probe_set = load_probe_set(name)
    size = len(probe_set.questions)
    console.print(f"{probe_set.name}, version {probe_set.version}, {size} questions", style="bold")
    console.print(f"hash {probe_set.hash}\n", style="dim")
    if condition:
        few = probe_set.model_copy(update={"questions": probe_set.questions[:limit]})
        for prompt in render_set(few, [condition]):
            console.print(prompt.id, style="bold")
            turns = [f"[{turn.role}] {turn.content}" for turn in prompt.messages]
            console.print(prompt.text if text else "\n\n".join(turns), end="\n\n")
        return
    for question in probe_set.questions[:limit]:
        console.print(question.id, style="bold")
        console.print(question.stem)
        for option in question.options:
            right = option.id == question.answer_id
            console.print(f"  {option.label}  {option.text}", style="green" if right else None)
        console.print(f"  {question.answer_text or ''}".rstrip())


def _summary(questions: Sequence[Question]) -> Iterator[str]:
    """What a set holds, how far it can be guessed from its surface, and what it can show."""
    sizes = _counts(f"{len(one.options)} options" for one in questions)
    tiers = _counts(str(one.metadata["tier"]) for one in questions if "tier" in one.metadata)
    keyed = sum(one.answer_id is not None or one.answer_text is not None for one in questions)
    yield f"{len(questions)} questions, {keyed} with a right answer: {sizes}"
    if tiers:
        yield f"tiers: {tiers}"
    wordings = _counts(f"{len(one.metadata.get('paraphrases') or ())}" for one in questions)
    yield f"other wordings: {wordings} (number of wordings: questions that have so many)"
    kinds = ("unanswerable", "tempting", "preferred", "aliases", "canary")
    said = {kind: sum(kind in one.metadata for one in questions) for kind in kinds}
    yield "fields: " + ", ".join(f"{kind} {count}" for kind, count in said.items())
    found = guess(questions)
    if found.n:
        yield (
            f"guessed from the surface of the options: {found.share:.0%} of {found.n}, chance "
            f"{found.chance:.0%} (p = {found.p:.2g})"
        )
    for words in DETECTABLE:
        yield f"smallest rise that it finds, from 0 | 50 %: {words(len(questions))} points"


def _counts(names: Iterable[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(Counter(names).items()))


def check(
    name: Annotated[str, typer.Argument(metavar="FILE", help="A JSONL file or a built-in set.")],
) -> None:
    """Look for questions that repeat, and for answers that give themselves away; exit 1 if any."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    questions = read_any(name)
    findings = check_questions(questions)
    for line in _summary(questions):
        console.print(line, soft_wrap=True)
    for finding in findings:
        console.print(f"{finding.kind}: {finding.message}", soft_wrap=True)
    if findings:
        console.print(f"{len(findings)} problems in {len(questions)} questions", style="bold red")
        raise typer.Exit(1)
    console.print(f"{len(questions)} questions, nothing found", style="bold green")
