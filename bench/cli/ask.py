"""`starprobe ask`: one question, the answers of several models read option by option at once."""

from __future__ import annotations

from typing import Annotated

import typer

EPILOG = (
    'Example: starprobe ask "What can carry a small dog?" --option "swimming pool" '
    "--option basket --option backyard smollm2 gemma2"
)
Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="TEXT", help="An option; once for each.")
]
Reader = Annotated[str | None, typer.Option(help="The reader; default: the best.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("ask", epilog=EPILOG)(ask)


def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="smollm2, gpt-4o, ...")],
    option: Options = None,
    condition: Annotated[str, typer.Option(help="A way of asking: plain, scratchpad, ...")] = (
        "plain"
    ),
    hint: Annotated[
        str | None, typer.Option(help="A letter or text: present this option as right.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Length of an answer.")] = 512,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
    seed: Annotated[int, typer.Option(help="For sampling.")] = 0,
    show_prompt: Annotated[bool, typer.Option(help="Show what is sent, too.")] = False,
    classifier: Reader = None,
) -> None:
    """Ask several models one question and see what each says of every option."""
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    import starprobe.bench.ask as asking
    from starprobe.bench.cli.answers import side_by_side
    from starprobe.bench.readers import DEFAULT_CLASSIFIER
    from starprobe.bench.records import Sampling

    prompt = asking.make_prompt(asking.make_question(question, option or [], hint), condition, hint)
    console = Console(highlight=False)
    if show_prompt:
        sent = "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in prompt.messages)
        console.print(Panel(Text(sent), title="sent"))
    sampling = Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed)
    answers = []
    with Console(stderr=True).status("") as status:
        status.update(f"asking {models[0]}")
        for answer in asking.ask(
            prompt, models, sampling, classifier=classifier or DEFAULT_CLASSIFIER
        ):
            answers.append(answer)
            if len(answers) < len(models):
                status.update(f"asking {models[len(answers)]}")
    console.print(side_by_side(answers, console.width))
    if all(answer.verdict is None for answer in answers):
        raise typer.Exit(1)
