"""Labelling in the terminal: one response at a time, one key an option."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from starprobe.bench.annotations.labels import Shown, annotate, guideline
from starprobe.bench.cli.run import coloured
from starprobe.bench.frames import key
from starprobe.bench.readers.annotated import code_of
from starprobe.bench.records import MULTI, Annotation, Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from starprobe.bench.annotations.machines import Matter

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
    import typer

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


def session(
    sample: Sequence[Shown],
    there: dict[str, Annotation],
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
    keys = keys_of_terminal() if keys is None else keys
    todo = [one for one in sample if one.id not in there]
    done: list[Shown] = []
    asked = Asking(keys, console)
    seen: set[str] = set()
    try:
        while todo:
            one = todo[0]
            asked.console.rule(f"{len(sample) - len(todo) + 1} of {len(sample)}   {CONTROLS}")
            try:
                _one(one, verdict_of(one), write, by, asked, seen)
            except Skip:
                todo.append(todo.pop(0))
                if len(todo) == 1:
                    break
                continue
            except Back:
                if done:
                    todo.insert(0, done.pop())
                continue
            done.append(todo.pop(0))
    except Quit:
        pass
    return Labelled(len(sample) - len(todo), len(todo))


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
    from rich.panel import Panel
    from rich.text import Text

    asked = Asking(keys_of_terminal() if keys is None else keys, console, matter.asks)
    todo = [one for one in sample if one.id not in there]
    said = {case.id: case.said for case in matter.cases}
    done: list[Shown] = []
    choices = dict(matter.keys)
    listed = "  ".join(f"{pressed} {choice}" for pressed, choice in choices.items())
    seen: set[str] = set()
    while todo:
        one = todo[0]
        asked.console.rule(f"{len(sample) - len(todo) + 1} of {len(sample)}   {CONTROLS}")
        options = "\n".join(f"{shown.label}  {shown.text}" for shown in one.prompt.shown)
        asked.console.print(Text(one.prompt.stem, "bold"), Text(options), sep="\n")
        asked.console.print(Panel(Text(one.response.readable)))
        try:
            choice = choices[asked.key(f"{matter.asks}  {listed}", "".join(choices))]
            write(one.id, choice, one.id in seen)
            if one.id not in seen:
                seen.add(one.id)
                asked.say(f"  you {choice}; the machine {said.get(key(one.id))}")
                if asked.key("Enter or space: keep mine   e: enter it again", "\r\n e") == "e":
                    continue
        except Skip:
            todo.append(todo.pop(0))
            if len(todo) == 1:
                break
            continue
        except Back:
            if done:
                todo.insert(0, done.pop())
            continue
        except Quit:
            break
        done.append(todo.pop(0))
    return Labelled(len(sample) - len(todo), len(todo))


class Asking(NamedTuple):
    """Keys in, questions out."""

    keys: Iterator[str]
    console: Console
    help: str = ""
    """What `?` shows; by default the guideline."""

    def key(self, question: str, allowed: str) -> str:
        """The next key that is one of these; others and controls are dealt with."""
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

    def say(self, text: str) -> None:
        """A line, as it stands."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _one(
    one: Shown,
    verdict: Verdict | None,
    write: Callable[[Annotation], None],
    by: str,
    asked: Asking,
    seen: set[str],
) -> None:
    """One response: asked and written, then held against the reader's verdict.

    `seen`: those whose verdict has been shown; what is said of them from then on is a revision.
    """
    from rich.panel import Panel
    from rich.text import Text

    options = "\n".join(f"{shown.label}  {shown.text}" for shown in one.prompt.shown)
    asked.console.print(Text(one.prompt.stem, "bold"), Text(options), sep="\n")
    asked.console.print(Panel(Text(one.response.readable)))
    found = _ask(one, asked, by, revised=one.id in seen)
    write(found)
    if verdict is None or one.id in seen:
        return
    seen.add(one.id)
    asked.console.print(Panel(coloured(one.response.readable, verdict), title="the reader's words"))
    for line in differences(found, verdict):
        asked.say(line)
    if asked.key("Enter or space: keep mine   e: enter it again", "\r\n e") == "e":
        write(_ask(one, asked, by, revised=True))


def differences(found: Annotation, verdict: Verdict) -> Iterator[str]:
    """Where the reader says something else, in words."""
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
    return annotate(one, codes, general == "y", answer, outcome, by, revised)


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
