"""Do the ways of running one model agree? The same greedy prompts, the texts and the verdicts.

    python benchmarks/agreement.py backends     vLLM (server, both dialects; offline), transformers
    python benchmarks/agreement.py tasks        lm_eval on the exported tasks, and `starprobe run`

`backends` starts vLLM's server itself. What counts is a verdict: arithmetic in bfloat16 rounds
differently in every program, a greedy text forks at its first near-tie, and from there on it is
another text. The pair of dtypes of one program says how much that does; no other pair should
differ by more than chance beyond it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from starprobe.bench.ask import RunConfig, run
from starprobe.bench.importers import import_outputs
from starprobe.bench.lm_eval_tasks import ExportConfig, export_tasks, score_responses
from starprobe.bench.models import BackendOptions
from starprobe.bench.models.local import embedded_folder
from starprobe.bench.read import classify_run
from starprobe.bench.records import Sampling, Verdict
from starprobe.bench.run_folder import Run
from starprobe.bench.statistics.paired import mcnemar

MODEL = "smollm2"
READER = "rules"
STARTS_WITHIN_S = 300
SAMPLING = Sampling(max_tokens=96)
OPTIONS = BackendOptions(timeout_s=600)


class Answered(NamedTuple):
    """What one way of running the model gave, by prompt and repeat."""

    name: str
    texts: dict[tuple[str, int], str]
    verdicts: dict[tuple[str, int], Verdict]


def answered(name: str, made: Run) -> Answered:
    """A run's texts and how our reader reads them.

    Raises:
        SystemExit: a prompt without a response.
    """
    path = classify_run(made, READER)
    read = made.verdicts(path.name.split(".")[1])
    rows = list(made.responses().values())
    failed = [row.error.message for row in rows if row.error]
    if failed:
        sys.exit(f"{name}: {len(failed)} of {len(rows)} prompts failed: {failed[0]}")
    keys = {row.id: (row.prompt_id, row.repeat) for row in rows}
    return Answered(
        name,
        {keys[row.id]: row.text for row in rows},
        {keys[row.id]: read[row.id] for row in rows},
    )


def agree(one: Answered, two: Answered) -> list[str]:
    """A line of the table: how many texts, styles, answers and full breakdowns are the same."""
    keys = sorted(one.texts.keys() & two.texts.keys())
    pairs = [(one.verdicts[key], two.verdicts[key]) for key in keys]
    broken = [(a.style == "option_by_option", b.style == "option_by_option") for a, b in pairs]
    p = mcnemar(broken.count((True, False)), broken.count((False, True)))
    counts = (
        sum(one.texts[key] == two.texts[key] for key in keys),
        sum(a.style == b.style for a, b in pairs),
        sum(a.answer == b.answer for a, b in pairs),
        sum(a == b for a, b in broken),
    )
    return [
        one.name, two.name, *(f"{count}/{len(keys)}" for count in counts), f"{p:.2f}",
    ]  # fmt: skip


def show(title: str, found: Sequence[Answered]) -> None:
    """The table of all pairs."""
    table = Table(title=title)
    for column in ("", "", "text", "style", "answer", "breakdown", "p"):
        table.add_column(column)
    for one, two in combinations(found, 2):
        table.add_row(*agree(one, two))
    Console(width=100).print(table)


def compare_backends(limit: int = 24) -> None:
    """Each way of running the model, on the same prompts."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        found = [
            ask("transformers float32", "hf:smollm2", folder, limit, "float32"),
            ask("transformers bfloat16", "hf:smollm2", folder, limit, "bfloat16"),
            ask("vLLM offline", "vllm:smollm2", folder, limit, "bfloat16"),
        ]
        with vllm_server(folder) as url:
            found += [
                ask("vLLM, OpenAI's API", f"openai:{MODEL}@{url}/v1", folder, limit),
                ask("vLLM, Anthropic's API", f"anthropic:{MODEL}@{url}", folder, limit),
            ]
    show(f"{MODEL}, {limit} greedy prompts: how many are the same", found)


def ask(name: str, model: str, folder: Path, limit: int, dtype: str = "auto") -> Answered:
    """One run."""
    options = OPTIONS.model_copy(update={"dtype": dtype})
    config = RunConfig(models=(model,), limit=limit, sampling=SAMPLING, options=options)
    start = time.perf_counter()
    made = run(config, folder / name, Console(file=open(os.devnull, "w")))  # noqa: SIM115
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    return answered(name, made)


@contextmanager
def vllm_server(folder: Path) -> Iterator[str]:
    """The address of a vLLM server with the model, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(embedded_folder(MODEL)), "--served-model-name", MODEL]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "bfloat16"]
    command += ["--max-model-len", "2048", "--enforce-eager", "--generation-config", "vllm"]
    command += ["--gpu-memory-utilization", "0.2"]
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        await_health(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def await_health(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns once the server says that it is well.

    Raises:
        SystemExit: it ended, or took too long.
    """
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    sys.exit("vLLM's server did not start:\n" + "\n".join(log.read_text().splitlines()[-5:]))


def compare_tasks(limit: int = 12, repeats: int = 2) -> None:
    """`lm_eval run` on the exported folder and `starprobe run`: texts, and every score."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        config = ExportConfig(limit=limit, repeats=repeats, sampling=SAMPLING, reader=READER)
        (task,) = export_tasks(folder / "tasks", config)
        run_lm_eval(folder)
        theirs = import_outputs(folder / "results", folder / "theirs").run
        ours = run(
            RunConfig(models=(MODEL,), limit=limit, repeats=repeats, sampling=SAMPLING),
            folder / "ours",
            Console(file=open(os.devnull, "w")),  # noqa: SIM115
        )
        files = sorted((folder / "results").rglob("results_*.json"))
        scores = json.loads(files[-1].read_text())["results"][task]
        show_scores(scores, ours_scores(ours, repeats))
        print(f"same texts: {same_texts(ours, theirs)} of {limit * repeats}")


def run_lm_eval(folder: Path) -> None:
    """Plain lm_eval, without network, with the model's chat template.

    Raises:
        SystemExit: it failed.
    """
    command = [str(Path(sys.executable).with_name("lm_eval")), "run", "--model", "hf"]
    command += ["--model_args", f"pretrained={embedded_folder(MODEL)},dtype=float32"]
    command += ["--tasks", "starprobe", "--include_path", str(folder / "tasks")]
    command += ["--apply_chat_template", "--log_samples", "--device", "cpu", "--batch_size", "8"]
    command += ["--output_path", str(folder / "results")]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **offline}, check=False
    )
    if done.returncode:
        sys.exit(done.stderr[-2000:])


def ours_scores(made: Run, repeats: int) -> dict[str, float]:
    """The exported task's metrics of a run of ours."""
    texts: dict[str, list[str]] = {}
    for row in sorted(made.responses().values(), key=lambda row: row.repeat):
        texts.setdefault(row.prompt_id, []).append(row.text)
    assert all(len(one) == repeats for one in texts.values())
    rows = [score_responses(made.prompts()[key], one, READER) for key, one in texts.items()]
    return {metric: sum(row[metric] for row in rows) / len(rows) for metric in rows[0]}


def same_texts(ours: Run, theirs: Run) -> int:
    """Responses that are the same to the letter, matched by question and repeat."""
    sides = [
        {
            (made.prompts()[row.prompt_id].question_id, row.repeat): row.text
            for row in made.responses().values()
        }
        for made in (ours, theirs)
    ]
    return sum(sides[1].get(key) == text for key, text in sides[0].items())


def show_scores(theirs: dict[str, float], ours: dict[str, float]) -> None:
    """Each metric by both."""
    table = Table(title=f"{MODEL}: the exported task")
    for column in ("metric", "lm_eval run", "starprobe run"):
        table.add_column(column)
    for metric, value in ours.items():
        table.add_row(metric, f"{theirs[f'{metric},all']:.6f}", f"{value:.6f}")
    Console(width=100).print(table)


MEASUREMENTS = {"backends": compare_backends, "tasks": compare_tasks}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or ["backends", "tasks"]:
        MEASUREMENTS[wanted]()
