"""How long a report takes to write and to use: `python benchmarks/report.py [RESPONSES]`.

Makes a run folder of scripted responses whose texts pack about as badly as real ones (the ratio is
printed), writes its report in a process of its own, and opens that in headless Chromium.
"""

from __future__ import annotations

import argparse
import gzip
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from starprobe.bench.records import Response, Verdict  # noqa: E402
from starprobe.bench.run_folder import Run  # noqa: E402
from tests.reports.makers import EAGER, MIXED, TERSE, one, prompt_of, questions, run_info  # noqa: E402

LIMITS = {
    "seconds to write": 30.0,
    "peak memory, MB": 1500.0,
    "file, MB": 25.0,
    "first paint, s": 2.0,
    "slowest filter, ms": 200.0,
}
CONDITIONS = ("plain", "scratchpad", "step_by_step", "hinted")
CHARACTERS = 500


def main() -> None:
    """Prints a line a figure; exits with 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("responses", nargs="?", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="keep the run and the report in this folder")
    wanted = parser.parse_args()
    folder = wanted.keep or Path(tempfile.mkdtemp(prefix="starprobe-report-"))
    try:
        run = make(folder / "run", wanted.responses)
        print(f"responses            {len(run.responses()):>12,}")
        print(f"characters each      {mean_length(run):>12,.0f}")
        print(f"gzip ratio of texts  {packing_ratio(run):>12.2f}")
        found = write(folder / "run", folder / "report.html")
        found |= use(folder / "report.html")
    finally:
        if wanted.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    passed = True
    for name, value in found.items():
        limit = LIMITS.get(name)
        passed &= limit is None or value <= limit
        print(f"{name:<20} {value:>12,.2f}" + (f"   (limit {limit:g})" if limit else ""))
    sys.exit(0 if passed else 1)


def make(path: Path, count: int) -> Run:
    """A run of eight models, four conditions and as many questions as it takes."""
    rng = random.Random(1)
    shapes = [
        shape._replace(name=f"scripted:{shape.name.split(':')[1]}-{size}")
        for size in (1, 2, 3)
        for shape in (EAGER, TERSE, MIXED)
    ][:8]
    asked = questions(max(1, count // (len(shapes) * len(CONDITIONS))))
    prompts = [prompt_of(question, name) for question in asked for name in CONDITIONS]
    info = run_info(shapes, len(asked), CONDITIONS, 1, 1)
    run = Run.create(path, info, prompts)
    words = vocabulary(rng)
    verdicts: list[Verdict] = []
    with run.response_writer() as writer:
        for shape in shapes:
            batch = []
            for prompt in prompts:
                response, verdict = one(prompt, shape, 0, rng)
                batch.append(lengthened(response, words, rng))
                verdicts.append(verdict)
            writer.append(batch)
    run.write_verdicts("rules", verdicts)
    return Run(path)


def vocabulary(rng: random.Random) -> list[str]:
    """Made-up words, the frequent ones short, drawn later with Zipf's weights."""
    letters = "etaoinshrdlucmfwypvbgk"
    sizes = [2 + rank // 600 + rng.randrange(4) for rank in range(5000)]
    return ["".join(rng.choices(letters, k=min(size, 12))) for size in sizes]


def lengthened(response: Response, words: list[str], rng: random.Random) -> Response:
    """The same response, drawn out at its end to about as many characters as real ones have."""
    missing = rng.randrange(2 * CHARACTERS) - len(response.readable)
    if missing <= 0:
        return response
    weights = WEIGHTS[: len(words)]
    more = " ".join(rng.choices(words, cum_weights=weights, k=missing // 6))
    return response.model_copy(update={"text": f"{response.text}\n\n{more}."})


WEIGHTS: list[float] = []
for _rank in range(5000):
    WEIGHTS.append((WEIGHTS[-1] if WEIGHTS else 0.0) + 1 / (_rank + 2))


def mean_length(run: Run) -> float:
    """Characters of a response."""
    responses = run.responses().values()
    return sum(len(response.readable) for response in responses) / len(responses)


def packing_ratio(run: Run) -> float:
    """How well the texts alone pack, 256 at a time as in the page."""
    texts = [response.readable for response in run.responses().values()][:25_600]
    plain = packed = 0
    for start in range(0, len(texts), 256):
        data = "\n".join(texts[start : start + 256]).encode()
        plain, packed = plain + len(data), packed + len(gzip.compress(data, 9))
    return plain / packed


def write(run: Path, out: Path) -> dict[str, float]:
    """Seconds, memory and size of writing the report in a process of its own."""
    code = "import sys; from reports import write_report; write_report(sys.argv[1], sys.argv[2])"
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", code, str(run), str(out)], check=True, cwd=ROOT)
    seconds = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds to write": seconds,
        "of it on the CPU": used.ru_utime + used.ru_stime,
        "peak memory, MB": used.ru_maxrss / 1024,
        "file, MB": out.stat().st_size / 1e6,
    }


def use(path: Path) -> dict[str, float]:
    """First paint, time until all is drawn, and filters, in Chromium; nothing without one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("no chromium on this machine: the page was not opened")
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.monotonic()
        page.goto(f"file://{path}")
        page.wait_for_selector("body[data-figures][data-browser]", timeout=120_000)
        whole = time.monotonic() - start
        paint = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
        )
        filters = [filter_time(page, *step) for step in FILTERS]
        chosen = filter_time(page, "#list", "keydown", "ArrowDown", "chosen")
        browser.close()
    return {
        "first paint, s": paint,
        "all drawn, s": whole,
        "slowest filter, ms": max(filters),
        "next response, ms": chosen,
    }


FILTERS = (
    ("#f-model", "change", "scripted:eager-1", "filtered"),
    ("#f-style", "change", "option_by_option", "filtered"),
    ("#f-model", "change", "", "filtered"),
    ("#f-style", "change", "", "filtered"),
    ("#f-correct", "change", "wrong", "filtered"),
    ("#f-correct", "change", "", "filtered"),
    ("#f-search", "input", "candles fog 12", "filtered"),
    ("#f-search", "input", "", "filtered"),
)


def filter_time(page: Any, target: str, event: str, value: str, mark: str) -> float:
    """Milliseconds from an action to the frame that shows its result, typing pause included."""
    return float(
        page.evaluate(
            """([target, event, value, mark]) => new Promise((resolve) => {
              const place = document.querySelector(target);
              const start = performance.now();
              const watch = new MutationObserver(() => {
                watch.disconnect();
                requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
              });
              watch.observe(document.body, { attributeFilter: [`data-${mark}`] });
              const settings = { key: value, bubbles: true };
              if (event === "keydown") place.dispatchEvent(new KeyboardEvent(event, settings));
              else {
                place.value = value;
                place.dispatchEvent(new Event(event, settings));
              }
            })""",
            [target, event, value, mark],
        )
    )


if __name__ == "__main__":
    main()
