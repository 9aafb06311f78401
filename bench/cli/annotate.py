"""`starprobe annotate DIR`: label a sample of the responses, and check the reader against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.annotations.labels import Shown
    from starprobe.bench.records import Verdict
    from starprobe.bench.run_folder import Run

EPILOG = "Example: starprobe annotate runs/demo --n 50 --page label.html"
SECONDS = 20
"""What a response takes."""


def register(app: typer.Typer) -> None:
    """Adds `annotate`."""
    app.command("annotate", epilog=EPILOG)(annotate)


def annotate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run folder that has been read.")],
    count: Annotated[
        int, typer.Option("--n", min=1, help="Responses in the sample, earlier draws counted.")
    ] = 50,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page to label in a browser.")
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help="Write the sample for another tool."),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take in labels.")
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Write labels and responses to refit a reader with.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="Where --export goes.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="judge:MODEL", help="A judge model labels.")
    ] = None,
    matter: Annotated[
        str | None,
        typer.Option(
            "--of", help="Not the reader: hint_acknowledged, or a rubric of judges, as in right."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Who labels; each has an own file.")] = "me",
    model: Annotated[
        list[str] | None, typer.Option(help="Only of this model; may be given again.")
    ] = None,
    condition: Annotated[
        list[str] | None, typer.Option(help="Only of this condition; may be given again.")
    ] = None,
    reader: Annotated[
        str | None, typer.Option(help="Whose verdicts are checked (default: the best).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first draw.")] = 0,
) -> None:
    """Label a sample of the responses option by option, and check the reader's figures against it.

    Asks in the terminal, one response at a time, without its model and verdict; the same command
    goes on where it stopped. With --page it writes a page that does the same in a browser and saves
    a file for --from. Then shows the figures as read and as checked.
    """
    from rich.console import Console

    from starprobe.bench.annotations import labels
    from starprobe.bench.annotations.draw import draw as draw_sample
    from starprobe.bench.files import only_writer, write_jsonl
    from starprobe.bench.run_folder import Run
    from starprobe.probes.errors import InputError

    ways = {
        "--page": page,
        "--draw": draw,
        "--from": source,
        "--export": export or None,
        "--by": by,
    }
    asked = [way for way, value in ways.items() if value is not None]
    if len(asked) > 1:
        raise InputError(f"{' and '.join(asked)} do different things; give one of them")
    console = Console(highlight=False, soft_wrap=True, emoji=False)
    run = Run(folder)
    if not name.strip() or labels.checked_name(name).startswith("judge-"):
        raise InputError(f"--name {name!r}: name a person; a judge labels with --by judge:MODEL")
    if matter is not None:
        if {"--export", "--by"} & set(asked) or model or condition:
            raise InputError("--of goes with --n, --page, --draw, --from and --name alone")
        _of_machine(run, matter, count, page, draw, source, name, reader, seed, console)
        return
    if export:
        wrote = labels.export(run, out or folder / "labels")
        console.print(f"Written: {wrote[0]} and {wrote[1]} ({wrote[2]} responses)", markup=False)
        return
    if source is not None:
        taken, strange = labels.take_in(run, source, name)
        console.print(f"{taken} labels of {source} are in {folder}", markup=False)
        if strange:
            console.print(f"{strange} of them are of responses not drawn: they count for no figure")
        _show(folder, reader, console)
        return
    with only_writer(folder):
        sample = labels.shown(
            run, draw_sample(run, count, reader, seed, model or (), condition or ())
        )
    if draw is not None:
        write_jsonl(draw, (one.row() for one in sample))
        console.print(f"Written: {draw} ({len(sample)} responses). Then: ", end="", markup=False)
        console.print(f"starprobe annotate {folder} --from LABELS.jsonl", markup=False)
    elif page is not None:
        from starprobe.bench.annotations.page import write_page

        command = f"starprobe annotate {folder} --name {labels.checked_name(name)} --from"
        write_page(page, sample, _Verdicts(run, reader), labels.checked_name(name), command)
        minutes = max(1, round(len(sample) * SECONDS / 60))
        console.print(
            f"Written: {page} ({len(sample)} responses, about {minutes} minutes). "
            f"Then: {command} FILE",
            markup=False,
        )
    elif by is not None:
        with console.status("asking the judge ...") as status:
            done, failed = labels.by_judge(
                run, sample, by, lambda n: status.update(f"{n} of {len(sample)} labelled")
            )
        console.print(f"{by} labelled {done} more responses; {failed} failed", markup=False)
        if failed and not done:
            raise typer.Exit(1)
        _show(folder, reader, console)
    else:
        _ask(run, sample, name, reader, console)
        _show(folder, reader, console)


def _of_machine(
    run: Run,
    matter: str,
    count: int,
    page: Path | None,
    draw: Path | None,
    source: Path | None,
    name: str,
    reader: str | None,
    seed: int,
    console: Console,
) -> None:
    """The same for what another machine said: one choice a response."""
    from rich.console import Console as Plain

    from starprobe.bench.annotations import labels
    from starprobe.bench.annotations.machines import matter_of
    from starprobe.bench.cli.labelling import choose
    from starprobe.bench.files import write_jsonl

    found = matter_of(run, matter, reader)
    by = labels.checked_name(name)
    sample = labels.machine_sample(run, found, count, seed)
    command = f"starprobe annotate {run.path} --of {matter} --n {count} --name {by} --from"
    if source is not None:
        everything = labels.machine_sample(run, found, len(found.cases), seed)
        taken = labels.take_in_choices(run, found, everything, source, by)
        console.print(f"{taken} labels of {source} are in {run.path}", markup=False)
    elif draw is not None:
        write_jsonl(draw, (one.row() for one in sample))
        choices = ", ".join(found.choices)
        console.print(f"Written: {draw} ({len(sample)} responses). {found.asks}", markup=False)
        console.print(f"Lines of `id` and `choice` ({choices}): {command} LABELS", markup=False)
        return
    elif page is not None:
        from starprobe.bench.annotations.page import write_page

        write_page(page, sample, lambda one: None, by, command, found)
        console.print(
            f"Written: {page} ({len(sample)} responses). Then: {command} FILE", markup=False
        )
        return
    else:
        there = {one.id for one in run.machine_labels() if (one.matter, one.by) == (matter, by)}
        with run.machine_label_writer() as writer:
            done = choose(
                sample,
                there,
                found,
                lambda one, choice, revised: writer.append(
                    [labels.machine_label(found, one, choice, by, revised)]
                ),
                Plain(highlight=False, emoji=False),
            )
        more = f"; {done.left} to go: the same command goes on" if done.left else ""
        console.print(f"{done.done} of {len(sample)} labelled by {name}{more}", markup=False)
    _show(run.path, reader, console)


class _Verdicts:
    """The reader's verdict of a response, by the labels shown."""

    def __init__(self, run: Run, reader: str | None) -> None:
        from starprobe.bench.run_folder import chosen_reader

        self._verdicts = run.verdicts(chosen_reader(run, reader))

    def __call__(self, one: Shown) -> Verdict | None:
        found = self._verdicts.get(one.id)
        if found is None:
            return None
        label_of = one.prompt.label_of
        answer = found.answer
        return found.model_copy(
            update={
                "options": {label_of(option): t for option, t in found.options.items()},
                "answer": answer if answer in (None, "multi") else label_of(str(answer)),
            }
        )


def _ask(run: Run, sample: list[Shown], name: str, reader: str | None, console: Console) -> None:
    from rich.console import Console as Plain

    from starprobe.bench.annotations import labels
    from starprobe.bench.cli.labelling import session

    there = run.annotations(labels.checked_name(name))
    with labels.writer(run, name) as writer:
        found = session(
            sample,
            there,
            _Verdicts(run, reader),
            lambda one: writer.append([one]),
            name,
            Plain(highlight=False, emoji=False),
        )
    more = f"; {found.left} to go: the same command goes on" if found.left else ""
    console.print(f"{found.done} of {len(sample)} labelled by {name}{more}", markup=False)


def _show(folder: Path, reader: str | None, console: Console) -> None:
    """The checked figures, which go into metrics.json as well."""
    from starprobe.bench.annotations.show import check_parts, checked_table
    from starprobe.bench.results import measure_run
    from starprobe.bench.run_folder import short_names

    measured = measure_run(folder, reader)
    check = measured.reader_check
    if check is None:
        return
    short = short_names(row.model for row in check.unlabelled)
    for part in check_parts(check, str(folder), lambda model: short.get(model, model)):
        console.print(part, markup=False) if isinstance(part, str) else console.print(part)
    if measured.machines:
        title = "What other machines say, checked by labels"
        console.print(checked_table(title, measured.machines, lambda one: short.get(one, one)))
    console.print(f"Written: {folder / 'metrics.json'}", markup=False)
