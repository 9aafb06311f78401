"""How fast the readers are, and whether they stay linear: benchmarks/reader.py [READER ...].

Prints responses a second of processor time on one core at about 500 characters, each of another
question and ten of one question, the time of growing responses, and the peak memory while 20,000
and then 200,000 rows (ROWS) stream through `starprobe classify`: it must not grow with them.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from starprobe.bench.read import classify_file
from starprobe.bench.readers import DEFAULT_READER, Reader, Reading, load_reader
from starprobe.probes.schema import ShownOption

THINGS = ("basket", "swimming pool", "dog show", "backyard", "own home", "bicycle", "suitcase")
SAYINGS = (
    "{label}. {text}: this is where people go on weekends, and it cannot be carried around.",
    "- **{text}** would work because it has handles and keeps what is inside from falling out.",
    "Option {label} is an event with many visitors, not an object that holds anything.",
    "The {text} is too large for one person, although children sometimes play in it.",
)
ROWS = int(os.environ.get("ROWS", 200_000))


def make(number: int, options: int = 5, paragraphs: int = 5, shared: int = 1) -> Reading:
    """A response of our own making, a different one for each number; `shared` of one question."""
    asked = number // shared
    texts = [f"{THINGS[(asked + i) % len(THINGS)]} {(asked * 7 + i) % 97}" for i in range(options)]
    shown = tuple(
        ShownOption(label=chr(65 + i), option_id=f"o{i}", text=text) for i, text in enumerate(texts)
    )
    said = []
    for place in range(paragraphs):
        option = shown[place % options]
        saying = SAYINGS[(number + place) % len(SAYINGS)]
        said.append(saying.format(label=option.label, text=option.text))
    text = "Let's look at each option.\n\n" + "\n\n".join(said)
    text += f"\n\nSo the answer is ({shown[number % options].label})."
    return Reading(f"r{number}", text, f"What number {asked} can carry a small dog?", shown)


def speed(reader: Reader, count: int = 4000) -> None:
    """Responses a second, each of another question and ten of one question."""
    for shared, what in ((1, "each of another question"), (10, "ten of each question")):
        readings = [make(number, shared=shared) for number in range(count)]
        list(reader.read(readings[:200]))
        start = time.process_time()
        list(reader.read(readings))
        rate = count / (time.process_time() - start)
        length = sum(len(reading.text) for reading in readings) / count
        print(
            f"{reader.name}: {rate:,.0f} responses/s of {length:.0f} characters, {what}, one core"
        )


def scaling(reader: Reader) -> None:
    """Seconds for responses of growing length."""
    for paragraphs in (12, 120, 1_200, 12_000):
        reading = make(1, paragraphs=paragraphs)
        start = time.process_time()
        list(reader.read([reading]))
        seconds = time.process_time() - start
        size = len(reading.text)
        print(f"  {size:>9,} characters: {seconds:7.3f} s, {seconds / size * 1e6:.2f} s a million")


def memory(name: str) -> None:
    """Peak memory after a tenth of the rows and after all of them."""
    peaks = []
    for rows in (ROWS // 10, ROWS):
        with tempfile.TemporaryDirectory() as folder:
            source, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
            with source.open("w") as file:
                for number in range(rows):
                    file.write(json.dumps(_row(make(number))) + "\n")
            start = time.process_time()
            done = classify_file(source, out, name)
            seconds = time.process_time() - start
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(f"  {done:>9,} rows: {seconds:6.1f} s, peak memory {peaks[-1]:.0f} MiB")
    print(f"  ten times the rows: {peaks[1] - peaks[0]:+.0f} MiB")


def _row(reading: Reading) -> dict[str, object]:
    options = [{"label": shown.label, "text": shown.text} for shown in reading.shown]
    return {
        "id": reading.id,
        "question": reading.stem,
        "options": options,
        "response": reading.text,
    }


if __name__ == "__main__":
    for wanted in sys.argv[1:] or dict.fromkeys((DEFAULT_READER, "rules")):
        loaded = load_reader(wanted)
        speed(loaded)
        scaling(loaded)
    memory((sys.argv[1:] or ["rules"])[0])
