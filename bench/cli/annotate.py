"""`starprobe annotate DIR`: label a sample of the responses, and check the reader against it.

In the terminal it asks of one response at a time, one key an option.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from starprobe.bench.cli import OnlyConditions, OnlyModels
from starprobe.bench.cli.asking import coloured

if TYPE_CHECKING:
    from starprobe.bench.annotations.draw import Matter
    from starprobe.bench.annotations.labels import Shown
    from starprobe.bench.records import Annotation, Outcome, Verdict
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
    model: OnlyModels = None,
    condition: OnlyConditions = None,
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
        from starprobe.bench.annotations.labels import write_page

        command = f"starprobe annotate {folder} --name {labels.checked_name(name)} --from"
        write_page(page, sample, _verdicts(run, reader), labels.checked_name(name), command)
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
        there = run.annotations(labels.checked_name(name))
        with labels.writer(run, name) as writer:
            labelled = session(
                sample,
                there,
                _verdicts(run, reader),
                lambda one: writer.append([one]),
                name,
                Console(highlight=False, emoji=False),
            )
        console.print(labelled.said(name), markup=False)
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
    from starprobe.bench.annotations import labels
    from starprobe.bench.annotations.draw import matter_of
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
        from starprobe.bench.annotations.labels import write_page

        write_page(page, sample, lambda one: None, by, command, found)
        console.print(
            f"Written: {page} ({len(sample)} responses). Then: {command} FILE", markup=False
        )
        return
    else:
        there = {one.id for one in run.machine_labels() if (one.matter, one.by) == (matter, by)}
        with run.machine_label_writer() as writer:
            labelled = choose(
                sample,
                there,
                found,
                lambda one, choice, revised: writer.append(
                    [labels.machine_label(found, one, choice, by, revised)]
                ),
                Console(highlight=False, emoji=False),
            )
        console.print(labelled.said(name), markup=False)
    _show(run.path, reader, console)


def _verdicts(run: Run, reader: str | None) -> Callable[[Shown], Verdict | None]:
    """The reader's verdict of a response, by the labels shown."""
    from starprobe.bench.run_folder import chosen_reader

    verdicts = run.verdicts(chosen_reader(run, reader))

    def find(one: Shown) -> Verdict | None:
        found = verdicts.get(one.id)
        if found is None:
            return None
        label_of, answer = one.prompt.label_of, found.answer
        return found.model_copy(
            update={
                "options": {label_of(option): t for option, t in found.options.items()},
                "answer": answer if answer in (None, "multi") else label_of(str(answer)),
            }
        )

    return find


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


CODES = {"0": "0", "n": "n", "+": "r+", "-": "r-", "~": "r~", "=": "r+"}
"""Key -> code; `=` is `+` without shift."""
WORDS = {
    "0": "not mentioned",
    "n": "named, no reason",
    "r+": "reason for",
    "r-": "reason against",
    "r~": "reason, no side",
}
PLACES = "123456789abcdefghijkl"
"""Key of each option when the answer is asked for."""
OUTCOMES: dict[str, Outcome] = {"n": "no_answer", "r": "refused", "c": "cut"}
CONTROLS = "? guideline   u undo   s skip   q pause"


class Quit(Exception):
    """The annotator pauses."""


class Skip(Exception):
    """This response later."""


class Back(Exception):
    """The response before this one again."""


def keys_of_terminal() -> Iterator[str]:
    """Key after key; from a pipe, character after character without line ends."""
    if sys.stdin.isatty():
        while True:
            pressed = typer.getchar()
            if pressed in ("\x03", "\x04"):
                return
            yield pressed
    while character := sys.stdin.read(1):
        if character not in "\r\n":
            yield character


class Labelled(NamedTuple):
    """What came of a session."""

    done: int
    left: int

    def said(self, by: str) -> str:
        """It in words."""
        more = f"; {self.left} to go: the same command goes on" if self.left else ""
        return f"{self.done} of {self.done + self.left} labelled by {by}{more}"


def session(
    sample: Sequence[Shown],
    there: Collection[str],
    verdict_of: Callable[[Shown], Verdict | None],
    write: Callable[[Annotation], None],
    by: str,
    console: Console,
    keys: Iterator[str] | None = None,
) -> Labelled:
    """Asks for each response that is not labelled yet; each is written as soon as it is whole.

    Args:
        sample: what to label, in this order.
        there: what this annotator has labelled before.
        verdict_of: the reader's verdict in labels, shown after the choice.
        write: keeps an annotation.
        by: the annotator's name.
        console: where to ask.
        keys: what is pressed; by default in this terminal.
    """
    asked = Asking(keys_of_terminal() if keys is None else keys, console)

    def ask(one: Shown, seen: set[str]) -> bool:
        found, verdict = _ask(one, asked, by, revised=one.id in seen), verdict_of(one)
        write(found)
        if verdict is None or one.id in seen:
            return True
        seen.add(one.id)
        words = coloured(one.response.readable, verdict)
        console.print(Panel(words, title="the reader's words"))
        for line in differences(found, verdict):
            asked.say(line)
        if asked.again():
            write(_ask(one, asked, by, revised=True))
        return True

    return _each(sample, there, console, ask)


def choose(
    sample: Sequence[Shown],
    there: Collection[str],
    matter: Matter,
    write: Callable[[str, str, bool], None],
    console: Console,
    keys: Iterator[str] | None = None,
) -> Labelled:
    """Asks one choice of each response that is not labelled yet, then shows the machine's.

    `write` is given the response, the choice and whether it was changed after that.
    """
    from starprobe.bench.frames import key

    asked = Asking(keys_of_terminal() if keys is None else keys, console, matter.asks)
    said = {case.id: case.said for case in matter.cases}
    choices = dict(matter.keys)
    listed = "  ".join(f"{pressed} {choice}" for pressed, choice in choices.items())

    def ask(one: Shown, seen: set[str]) -> bool:
        choice = choices[asked.key(f"{matter.asks}  {listed}", "".join(choices))]
        write(one.id, choice, one.id in seen)
        if one.id in seen:
            return True
        seen.add(one.id)
        asked.say(f"  you {choice}; the machine {said.get(key(one.id))}")
        return not asked.again()

    return _each(sample, there, console, ask)


def _each(
    sample: Sequence[Shown],
    there: Collection[str],
    console: Console,
    ask: Callable[[Shown, set[str]], bool],
) -> Labelled:
    """Shows what is to be labelled, one by one; `ask` says whether it is labelled now.

    It is given those of which it has shown what was read: what is said of them then is a revision.
    """
    todo = [one for one in sample if one.id not in there]
    done: list[Shown] = []
    seen: set[str] = set()
    while todo:
        one = todo[0]
        console.rule(f"{len(sample) - len(todo) + 1} of {len(sample)}   {CONTROLS}")
        options = "\n".join(f"{shown.label}  {shown.text}" for shown in one.prompt.shown)
        console.print(Text(one.prompt.stem, "bold"), Text(options), sep="\n")
        console.print(Panel(Text(one.response.readable)))
        try:
            if ask(one, seen):
                done.append(todo.pop(0))
        except Skip:
            todo.append(todo.pop(0))
            if len(todo) == 1:
                break
        except Back:
            if done:
                todo.insert(0, done.pop())
        except Quit:
            break
    return Labelled(len(sample) - len(todo), len(todo))


class Asking(NamedTuple):
    """Keys in, questions out."""

    keys: Iterator[str]
    console: Console
    help: str = ""
    """What `?` shows; by default the guideline."""

    def key(self, question: str, allowed: str) -> str:
        """The next key that is one of these; others and controls are dealt with."""
        from starprobe.bench.annotations.labels import guideline

        self.say(question)
        while True:
            pressed = next(self.keys, "q")
            if pressed in allowed:
                return pressed
            if pressed == "?":
                self.console.print(self.help or guideline(), markup=False, highlight=False)
                self.say(question)
            elif pressed == "q":
                raise Quit
            elif pressed == "s":
                raise Skip
            elif pressed == "u":
                raise Back

    def again(self) -> bool:
        """Whether what was entered is to be entered again."""
        return self.key("Enter or space: keep mine   e: enter it again", "\r\n e") == "e"

    def say(self, text: str) -> None:
        """A line, as it stands."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def differences(found: Annotation, verdict: Verdict) -> Iterator[str]:
    """Where the reader says something else, in words."""
    from starprobe.bench.readers.base import code_of

    before = len(found.options)
    for label, code in found.options.items():
        read = code_of(verdict.options[label])
        if read != code:
            before -= 1
            yield f"  {label}: you {WORDS[code]}; the reader {WORDS[read]}"
    if verdict.answer != found.answer:
        yield f"  answer: you {found.answer or 'none'}; the reader {verdict.answer or 'none'}"
    if before == len(found.options) and verdict.answer == found.answer:
        yield "  The reader says the same."


def _ask(one: Shown, asked: Asking, by: str, *, revised: bool) -> Annotation:
    """The codes, then the answer, then whether there is reasoning about no single option.

    Undo goes one key back, and from the first to the response before.
    """
    from starprobe.bench.annotations.labels import annotate as annotation
    from starprobe.bench.records import MULTI

    labels = one.labels
    given: list[str] = []
    while len(given) < len(labels) + 3:
        try:
            given.append(_next_key(one, labels, given, asked))
        except Back:
            while given and given[-1] == "":
                given.pop()
            if not given:
                raise
            given.pop()
    codes = {label: CODES[key] for label, key in zip(labels, given, strict=False)}
    key, why, general = given[len(labels) :]
    answer = MULTI if key == "m" else None if key == "0" else labels[PLACES.index(key)]
    outcome: Outcome = "multi" if key == "m" else OUTCOMES[why] if key == "0" else "answered"
    return annotation(one, codes, general == "y", answer, outcome, by, revised)


def _next_key(one: Shown, labels: list[str], given: list[str], asked: Asking) -> str:
    step = len(given) - len(labels)
    if step < 0:
        shown = one.prompt.shown[len(given)]
        question = f"{shown.label} {shown.text}:  0 nothing  n named  + for  - against  ~ neutral"
        return asked.key(question, "".join(CODES))
    if step == 0:
        places = PLACES[: len(labels)]
        listed = "  ".join(f"{key} {label}" for key, label in zip(places, labels, strict=True))
        return asked.key(f"Answer:  {listed}  0 none  m more than one", places + "0m")
    if step == 1:
        if given[-1] != "0":
            return ""
        return asked.key("Why none?  n no answer  r refused  c cut short", "".join(OUTCOMES))
    return asked.key("Reasoning that is about no single option?  y yes  n no", "yn")
