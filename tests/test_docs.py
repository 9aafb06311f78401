"""The documentation: its site builds without a warning, its commands run, transcripts hold."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import typer

import starprobe
from starprobe.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL = ("sh", "console")
BLOCK = re.compile(r"(?:<!-- (.+?) -->\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    mark: str
    """`slow`, `not run: REASON`, or nothing; of what is not run the options are checked."""
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    for mark, language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        yield Block(mark, language, text)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each starprobe command in a block."""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip().removeprefix("$ ")
        if line.startswith("starprobe "):
            words = shlex.split(line, comments=True)[1:]
            ends = [n for n, word in enumerate(words) if word in ("|", "&&", ";", ">", "<", "2>")]
            yield words[: ends[0]] if ends else words


def told(page: Path, languages: tuple[str, ...], *marks: str) -> list[str]:
    """The blocks of a page with one of the marks."""
    return [one.text for one in blocks(page) if one.language in languages and one.mark in marks]


RUN = [page for page in PAGES if told(page, ("sh",), "")]
RUN_SLOW = [page for page in PAGES if told(page, ("sh",), "slow")]
PYTHON = [page for page in PAGES if told(page, ("python",), "")]


def run_page(page: Path, folder: Path, slow: bool) -> None:
    """Runs the shell blocks of a page one after the other in one folder."""
    marks = ("", "slow") if slow else ("",)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(told(page, ("sh",), *marks))],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{page.name}: {done.stderr[-2000:]}"


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_what_a_page_says_to_type_runs_as_it_stands(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_SLOW, ids=lambda page: page.stem)
def test_what_takes_longer_runs_too(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path, slow=True)


def transcripts(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines that it is shown to print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command.replace("MODEL", "scripted:direct"), [line for line in shown if line.strip()]


def words_of(line: str) -> str:
    """What a line says, whatever draws the table around it."""
    return " ".join(re.sub(r"[|│┃]", " ", line).split())


def run_transcripts(page: Path, folder: Path, mark: str) -> None:
    """Runs the console blocks of a page: every line that they show is printed."""
    (folder / "examples").symlink_to(ROOT / "examples")
    for command, shown in (
        one for text in told(page, ("console",), mark) for one in transcripts(text)
    ):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "COLUMNS": "220",
            },
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
        printed = "\n".join(map(words_of, (done.stdout + done.stderr).splitlines()))
        missing = [line for line in shown if words_of(line) not in printed]
        assert not missing, f"{page.name}: {command} prints no line {missing[0]!r}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if told(page, ("console",), "")], ids=lambda page: page.stem
)
def test_what_a_transcript_shows_is_what_is_printed(page: Path, tmp_path: Path) -> None:
    run_transcripts(page, tmp_path, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if told(page, ("console",), "slow")], ids=lambda page: page.stem
)
def test_what_a_slow_transcript_shows_is_what_is_printed(page: Path, tmp_path: Path) -> None:
    run_transcripts(page, tmp_path, "slow")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_in_a_page_has_the_options_it_is_shown_with(page: Path) -> None:
    for block in blocks(page):
        if block.language not in ("sh", "console", "bash"):
            continue
        for words in commands(block.text):
            if "..." in words:
                continue
            command: click.Command = typer.main.get_command(app)
            context = click.Context(command, info_name="starprobe")
            while isinstance(command, click.Group):
                name, below, words = command.resolve_command(context, words)
                assert below is not None, words
                context = click.Context(below, info_name=name, parent=context)
                command = below
            try:
                command.make_context(command.name, list(words))
            except click.exceptions.Exit:
                continue
            except click.UsageError as error:
                pytest.fail(f"{page.name}: {' '.join(words)}: {error.format_message()}")


def run_python_blocks(page: Path, mark: str) -> None:
    names: dict[str, object] = {}
    for text in told(page, ("python",), mark):
        exec(compile(text, str(page), "exec"), names)


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_as_it_stands(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "runs/before" in page.read_text(encoding="utf-8"):
        for name, model in (("before", "direct"), ("after", "option_by_option")):
            config = starprobe.RunConfig(models=(f"scripted:{model}",), limit=3)
            run = starprobe.run(config, f"runs/{name}")
            starprobe.classify_run(run, "rules")
    run_python_blocks(page, "")


@pytest.mark.slow
def test_the_python_of_the_readme_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_python_blocks(ROOT / "README.md", "slow")
    assert Path("report.html").exists()


def test_the_study_keeps_figures_and_no_text_of_others() -> None:
    text = (ROOT / "docs" / "study" / "labels.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    allowed = {"id", "manner", "said", "size", "reader", "options", "general", "answer", "outcome"}
    assert len(rows) >= 100 and {key for row in rows for key in row} == allowed
    assert {code for row in rows for code in row["options"].values()} <= {
        "0",
        "n",
        "r+",
        "r-",
        "r~",
    }


def test_a_block_that_is_not_run_says_why() -> None:
    marks = {b.mark for page in PAGES for b in blocks(page) if b.language in (*SHELL, "python")}
    assert all(mark in ("", "slow") or mark.startswith("not run: ") for mark in marks), marks


def test_modules_scripts_and_targets_that_a_page_names_are_there() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for page in PAGES:
        for block in blocks(page):
            if block.language not in SHELL:
                continue
            for module in re.findall(r"^python -m (starprobe[\w.]*)", block.text, re.MULTILINE):
                assert find_spec(module), (page.name, module)
            for script in re.findall(r"^python (\S+\.py)", block.text, re.MULTILINE):
                assert (ROOT / script).exists(), (page.name, script)
            for target in re.findall(r"^make (\w+)", block.text, re.MULTILINE):
                assert target in targets, (page.name, target)


def test_the_site_builds_without_a_warning_and_has_every_command(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    reference = (tmp_path / "reference" / "commands.html").read_text()
    for name in ("starprobe run", "starprobe probes check", "starprobe prompts export"):
        assert name in reference
    files = (tmp_path / "reference" / "files.html").read_text()
    assert "open_accuracy" in (tmp_path / "reference" / "metrics.html").read_text()
    assert "What a reader reads" in files or "Probability that it is reasoned about" in files
