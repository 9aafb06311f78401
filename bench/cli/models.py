"""`starprobe models`: the names that are known, and which of them can be reached from here."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from starprobe.bench.models.names import Entry

EXAMPLE = "Example: starprobe models gemma2 claude-3-opus openai:mine@http://127.0.0.1:8000/v1"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("models", epilog=EXAMPLE)(models)


def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Only these; by default all with a name."),
    ] = None,
    check: Annotated[bool, typer.Option(help="Look whether each can be reached from here.")] = True,
    details: Annotated[
        bool, typer.Option(help="Context, price and notes too; always for models that are named.")
    ] = False,
) -> None:
    """List the models that have a friendly name, and say what each still needs.

    Any other model is named BACKEND:NAME or BACKEND:NAME@URL. Friendly names of your own go into
    ~/.config/starprobe/models.toml, or into the file that STARPROBE_MODELS names. Keys come from
    the environment: OPENAI_API_KEY and the like for a vendor's own host, STARPROBE_API_KEY for a
    server of your own.
    """
    from concurrent.futures import ThreadPoolExecutor

    from rich.console import Console
    from rich.markup import escape

    from starprobe.bench.models.reach import known_models, reach

    console = Console(soft_wrap=True, highlight=False)
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
