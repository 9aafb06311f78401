"""Reference pages of the documentation, made from the code as the site is built; a hook of mkdocs.

Nothing it makes is committed, so nothing can be out of date. Links from a page to a file of the
repository outside docs/ become the file's name, as the site has no such page.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import click
import typer
from mkdocs.structure.files import File

NOT_SHOWN = {"help"}


def on_files(files: Any, config: Any) -> Any:
    """Adds the generated pages."""
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links that lead out of docs/ become the name of the file."""
    up = "../" * (page.file.src_uri.count("/") + 1)
    return re.sub(rf"\[([^\]]+)\]\({re.escape(up)}([^)#]+)[^)]*\)", r"\1 (`\2`)", markdown)


def pages() -> dict[str, str]:
    """Name -> Markdown of each reference page."""
    return {
        "commands": _commands(),
        "settings": _settings(),
        "conditions": _conditions(),
        "metrics": _metrics(),
        "files": _files(),
    }


def _commands() -> str:
    from starprobe.cli import app

    root = typer.main.get_command(app)
    parts = ["# Commands", "", "What `--help` says, in one page."]
    for path, command in sorted(_walk(root, ())):
        context = click.Context(command, info_name=" ".join(("starprobe", *path)))
        said = inspect.cleandoc(command.help or "")
        parts += ["", f"## starprobe {' '.join(path)}", "", said, ""]
        rows = [
            record
            for parameter in command.params
            if parameter.name not in NOT_SHOWN and (record := parameter.get_help_record(context))
        ]
        if rows:
            parts += ["| option | what it does |", "| --- | --- |"]
            parts += [f"| `{_cell(name)}` | {_cell(text)} |" for name, text in rows]
        if command.epilog:
            parts += ["", _examples(command.epilog)]
    return "\n".join(parts) + "\n"


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if not below:
        yield path, command
        return
    for name, one in below.items():
        if not one.hidden:
            yield from _walk(one, (*path, name))


def _examples(epilog: str) -> str:
    words, _, said = epilog.partition(":")
    return f"{words}: " + " or ".join(f"`{one.strip()}`" for one in said.split(" | "))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _settings() -> str:
    from starprobe.star.config import described

    rows = [
        f"| `{name}` | {f'`{_cell(value)}`' if value else 'none'} | {_cell(says)} |"
        for name, value, says in described()
    ]
    head = ["# Settings of training", "", "`--set NAME=VALUE`, or a file for `--config`.", ""]
    return (
        "\n".join([*head, "| setting | default | what it is |", "| --- | --- | --- |", *rows])
        + "\n"
    )


def _conditions() -> str:
    from starprobe.probes.conditions import built_in_conditions

    rows = [
        f"| `{one.name}` | {_cell(one.about)} | {one.asks} | {_cell(one.source)} |"
        for one in built_in_conditions().values()
    ]
    head = [
        "# Conditions",
        "",
        "Ways of asking; they combine with `+`, as in `scratchpad+hinted`.",
        "",
    ]
    table = ["| condition | what it does | asks for | source |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *table, *rows]) + "\n"


def _metrics() -> str:
    from starprobe.bench.metrics.definitions import DEFINITIONS

    rows = [
        f"| `{one.name}` | {one.kind} | {' and '.join(one.needs) or 'nothing'} | "
        f"{'yes' if one.headline else ''} | {_cell(one.says)} |"
        for one in DEFINITIONS
    ]
    head = [
        "# Metrics, one by one",
        "",
        "One number a response each; headlines are compared by default, others by `--metric`.",
        "Intervals and tests: [Metrics and tests](../metrics.md).",
        "",
        "| metric | kind | a question must have | headline | what it is |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _files() -> str:
    from starprobe.bench import records
    from starprobe.bench.results import MetricsFile

    stored = (
        ("run.json", records.RunInfo),
        ("responses.jsonl", records.Response),
        ("verdicts.NAME.jsonl", records.Verdict),
        ("one option of a verdict", records.Treatment),
        ("metrics.json", MetricsFile),
        ("one metric", records.Metric),
        ("one comparison", records.Comparison),
        ("annotations.NAME.jsonl", records.Annotation),
    )
    parts = [
        "# Files",
        "",
        "What stands in a run folder; JSON, one record a line where it says jsonl.",
    ]
    for name, record in stored:
        docs = _attribute_docs(record)
        parts += ["", f"## {name}", "", inspect.getdoc(record) or "", ""]
        parts += ["| field | type | what it is |", "| --- | --- | --- |"]
        parts += [
            f"| `{field}` | `{_cell(_type(info.annotation))}` | {_cell(docs.get(field, ''))} |"
            for field, info in record.model_fields.items()
        ]
    return "\n".join(parts) + "\n"


def _type(annotation: Any) -> str:
    said = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    return re.sub(r"\b(starprobe|typing|pathlib)(\.\w+)*\.", "", said)


def _attribute_docs(record: type) -> dict[str, str]:
    """Field -> the string that stands below it in the class, bases included."""
    found: dict[str, str] = {}
    for one in reversed(record.__mro__):
        if not one.__module__.startswith("starprobe"):
            continue
        (tree,) = ast.parse(inspect.getsource(one)).body
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, text in pairwise(body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(said)):
                    found[name] = str(said)
    return found
