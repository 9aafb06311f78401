"""`starprobe plan`: how many questions are needed, before a run."""

from __future__ import annotations

from typing import Annotated

import typer

EPILOG = "Example: starprobe plan --before 0.10 --after 0.30 --family 20"


def register(app: typer.Typer) -> None:
    """Adds `plan`."""
    app.command("plan", epilog=EPILOG)(plan)


def plan(
    before: Annotated[
        float, typer.Option(help="Expected share before (of full breakdowns, right answers, ...).")
    ],
    after: Annotated[float, typer.Option(help="Expected share after.")],
    power: Annotated[float, typer.Option(help="Chance to find the difference.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Chance to find one that is not there.")] = 0.05,
    family: Annotated[int, typer.Option(min=1, help="Tests made together (Holm).")] = 1,
    correlation: Annotated[
        float, typer.Option(help="Of before and after on a question; 0 is cautious.")
    ] = 0.0,
    orders: Annotated[int, typer.Option(min=1, help="Option orders a question.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Responses a prompt.")] = 1,
    clustering: Annotated[
        float, typer.Option(min=0, max=1, help="Correlation of the responses to one question.")
    ] = 0.5,
    half_width: Annotated[
        float, typer.Option(help="Also: questions for an interval of this half-width.")
    ] = 0.05,
) -> None:
    """Work out how many questions show a difference, and how many narrow an interval."""
    from rich.console import Console

    from starprobe.bench.statistics.power import Design, questions_for_width
    from starprobe.bench.statistics.power import plan as work_out

    found = work_out(
        Design(
            before=before,
            after=after,
            power=power,
            alpha=alpha,
            family=family,
            correlation=correlation,
            answers=orders * repeats,
            clustering=clustering,
        )
    )
    console = Console(highlight=False)
    console.print(
        f"{found.questions} questions ({found.responses} responses a run) find {before:g} -> "
        f"{after:g} with power {found.power:.2f} by the exact McNemar test at "
        f"{alpha:g}{f' / {family}' if family > 1 else ''}."
    )
    console.print(
        f"Expected to change: {found.discordant:.0%} of the questions. "
        f"Design effect of {orders * repeats} responses a question: {found.design_effect:.2f}."
    )
    width = questions_for_width(after, half_width)
    console.print(
        f"An interval of {after:g} +- {half_width:g} takes {width} questions, one response each."
    )
