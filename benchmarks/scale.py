"""Seconds and peak memory of each stage as responses grow: `python benchmarks/scale.py 3 4 5 6`.

For each power of ten a run folder of scripted responses is made: eight models, four conditions, two
orders, so that questions grow with it. `classify` (the reader `rules`), `metrics`, `compare` (model
against model) and `report` then run as commands of their own, and the kernel says what each needed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from starprobe.bench.files import write_json  # noqa: E402
from starprobe.bench.run_folder import Run  # noqa: E402
from tests.reports.makers import EAGER, MIXED, TERSE, one, prompt_of, questions, run_info  # noqa: E402

CONDITIONS = ("plain", "scratchpad", "step_by_step", "hinted")
ORDERS = 2
SHAPES = [
    shape._replace(name=f"scripted:{shape.name.split(':')[1]}-{size}")
    for size in (1, 2, 3)
    for shape in (EAGER, TERSE, MIXED)
][:8]
STAGES = {
    "classify": ("classify", "{run}", "--reader", "rules", "--workers", "{workers}"),
    "metrics": ("metrics", "{run}", "--json"),
    "compare": (
        *("compare", "{run}", "--models", f"{SHAPES[0].name},{SHAPES[1].name}"),
        *("--out", "{run}/compare.html"),
    ),
    "report": ("report", "{run}", "--out", "{run}/report.html"),
}


class Cost(NamedTuple):
    """What a command needed."""

    seconds: float
    cpu: float
    memory: float
    """Peak, MB, of its largest process."""


def main() -> None:
    """Prints a line a stage and size, and the slope between sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("powers", nargs="*", type=int, default=[3, 4, 5])
    parser.add_argument("--workers", type=int, default=1, help="processes that read")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--folder", type=Path, help="where run folders are made, and stay")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="starprobe-scale-"))
    print(f"{'responses':>10}  {'stage':<9}{'seconds':>9}{'CPU s':>9}{'peak MB':>9}  us/response")
    costs: dict[str, list[tuple[int, Cost]]] = {}
    try:
        for power in asked.powers:
            run = folder / f"1e{power}"
            count = made(run, 10**power)
            for stage in asked.stages.split(","):
                words = [w.format(run=run, workers=asked.workers) for w in STAGES[stage]]
                cost = measured([sys.executable, "-m", "starprobe", *words])
                costs.setdefault(stage, []).append((count, cost))
                each = 1e6 * cost.cpu / count
                print(
                    f"{count:>10,}  {stage:<9}{cost.seconds:>9.1f}{cost.cpu:>9.1f}"
                    f"{cost.memory:>9.0f}  {each:,.0f}",
                    flush=True,
                )
    finally:
        if asked.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    for stage, found in costs.items():
        for (few, small), (many, large) in pairwise(found):
            slope = log10(large.cpu / small.cpu) / log10(many / few)
            more = 1e6 * (large.memory - small.memory) / (many - few)
            print(f"{stage}: {few:,} to {many:,}: slope {slope:.2f}, {more:,.0f} bytes a response")


def measured(command: list[str]) -> Cost:
    """Runs a command; exits where it fails."""
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    seconds = time.monotonic() - start
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def made(path: Path, count: int) -> int:
    """A run folder of about so many responses, which nobody has read; gives how many."""
    asked = questions(max(1, round(count / (len(SHAPES) * len(CONDITIONS) * ORDERS))))
    total = len(asked) * len(SHAPES) * len(CONDITIONS) * ORDERS
    if (path / "whole").exists():
        return total
    shutil.rmtree(path, ignore_errors=True)
    run = Run.create(path, run_info(SHAPES, len(asked), CONDITIONS, ORDERS, 1), ())
    rng = random.Random(1)
    with (path / "prompts.jsonl").open("w") as prompts, run.response_writer() as writer:
        for question in asked:
            batch = []
            for condition in CONDITIONS:
                for order in range(ORDERS):
                    prompt = prompt_of(question, condition, order)
                    prompts.write(prompt.model_dump_json() + "\n")
                    batch += [one(prompt, shape, 0, rng)[0] for shape in SHAPES]
            writer.append(batch)
    write_json(path / "whole", {"responses": total})
    return total


if __name__ == "__main__":
    main()
