"""The experiment that STaR is about: sums of n digits worked out on a scratchpad, round by round.

    python -m starprobe.star.experiments.addition --model smollm2 --out sums [--seed 0] [--small]

After section 4.2 of Zelikman et al. 2022, for a model that does not follow ten examples in a
prompt: ten worked examples of each length from 1 to 5 digits teach it the form (the seeded base),
and every arm goes on from there on the same sums. Arms: `verified` (no rationalization),
`rationalized` (all failures, kept where the working is whole and the model arrives without the
hint), `answer_only` (rationalized, kept by the answer as in the paper), `direct` (answers alone),
`gold` (the whole workings given: the ceiling). A command killed goes on where it was. The table has
rounds down, digits across.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from starprobe.bench.files import only_writer, write_jsonl
from starprobe.bench.statistics.paired import Paired, paired_rate
from starprobe.probes.errors import UserError
from starprobe.probes.schema import Question, Record
from starprobe.probes.sets import question_row
from starprobe.star.config import StarConfig, make_config
from starprobe.star.folder import Training
from starprobe.star.measure import share
from starprobe.star.records import Interval
from starprobe.star.verify import Checked, by_number

DIGITS = (1, 2, 3, 4, 5)
"""Lengths that are trained on; one more is tested."""
ARMS: dict[str, dict[str, Any]] = {
    "verified": {"rationalize": "none"},
    "rationalized": {"rationalize": "failed"},
    "answer_only": {"rationalize": "failed", "arrives": False, "verify": ("number",)},
    "direct": {"method": "direct", "iterations": 1},
    "gold": {"method": "supervised", "iterations": 1},
}
SEEDED: dict[str, Any] = {
    "method": "supervised", "iterations": 1, "steps": 80, "learning_rate": 1e-3, "merge": True,
    "validation": 0,
}  # fmt: skip
SHARED: dict[str, Any] = {
    "iterations": 4, "samples": 1, "temperature": 0.0, "top_p": 1.0, "max_tokens": 192,
    "few_shot": "never", "filters": (),
    "verify": ("starprobe.star.experiments.addition:scratchpad",),
    "epochs": 2, "min_steps": 60, "learning_rate": 1e-3, "validation": 0, "test_every": True,
    "decontaminate": (), "batch_size": 50, "max_length": 320,
}  # fmt: skip


class Size(Record):
    """How many sums."""

    examples: tuple[int, ...] = (10, 10, 10, 10, 10)
    """Worked ones of each length, for the seeded base."""
    longer: tuple[int, ...] = ()
    """As many again for a second stage of seeding; empty: there is none."""
    train: int = 80
    """Of each length."""
    test: int = 50
    """Of each length, and of one more."""


TINY = "tiny"
TINY_SIZE = Size(
    examples=(25, 500, 100, 40, 40), longer=(20, 100, 300, 300, 300), train=200, test=100
)
"""What a model that begins with random weights needs: short sums first, then longer ones."""
TINY_SETTINGS: dict[str, Any] = {
    "tuning": "full", "backend": "hf", "batch_size": 100, "train_batch_size": 32,
    "learning_rate": 2e-4, "device": "cpu",
}  # fmt: skip
"""At a rate of 1e-3 a round on what came out right, mostly shorter sums, unlearns five digits."""
TINY_SEEDED: dict[str, Any] = {"steps": 1200, "learning_rate": 3e-3}
TINY_LONGER: dict[str, Any] = {"steps": 1500, "learning_rate": 2e-3}


def make_tiny(folder: Path, seed: int) -> Path:
    """A decoder of 0.5 M random weights and its tokenizer as a plain transformers folder.

    Three Llama layers of width 96. A token is a digit, with the space before it, or a word of sums,
    workings and hints; any other text goes letter by letter.
    """
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    made = Tokenizer(models.BPE())
    pieces = Regex(r", [a-z]+|\.\n| ?\d| ?\(?[A-Za-z]+:?|\.\)| ?[^\sA-Za-z\d]|\s")
    made.pre_tokenizer = pre_tokenizers.Split(pieces, "isolated")
    made.decoder = decoders.Fuse()
    rng = random.Random("words")
    numbers = [(rng.randint(0, 99), rng.randint(0, 99)) for _ in range(200)]
    asked = [question(*pair, told=told) for pair in numbers for told in (False, True)]
    texts = [f"Question: {one.stem}\nAnswer: {one.metadata['rationale']}" for one in asked]
    alphabet = [chr(code) for code in range(32, 127)] + ["\n"]
    ends = ["<end>", "<pad>"]
    made.train_from_iterator(
        [*texts, " The answer is 1."],
        trainers.BpeTrainer(special_tokens=ends, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>", pad_token="<pad>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=3,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    logging.disable_progress_bar()
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def working(first: int, second: int) -> str:
    """The scratchpad of a sum: a line a digit from the right, then the closing sentence.

    As in Nye et al. 2021, each line holds what is left of both numbers and what is written so far,
    so that it follows from the line before alone.
    """
    lines, carry, written = [], 0, ""
    width = max(len(str(first)), len(str(second)))
    for place in range(width):
        left = (first // 10**place, second // 10**place)
        terms = [left[0] % 10, left[1] % 10, carry]
        total = sum(terms)
        carry = total // 10
        written = f"{total if place == width - 1 else total % 10}{written}"
        left_over = " + ".join(map(str, left))
        lines.append(f"{left_over}: {' + '.join(map(str, terms))} = {total}, write {written}.")
    lines.append(f"The answer is {first + second}.")
    return "\n".join(lines)


def question(first: int, second: int, told: bool = False) -> Question:
    """A sum as a question without options, its working as a teacher's rationale.

    Args:
        first: a number.
        second: another one.
        told: with its answer behind it, as a rationalization is asked.
    """
    hint = f" (The answer is {first + second}.)" if told else ""
    return Question(
        id=f"{first}+{second}{'-told' if told else ''}",
        stem=f"What is {first} + {second}?{hint}",
        answer_text=str(first + second),
        metadata={
            "operands": [first, second],
            "digits": max(len(str(first)), len(str(second))),
            "rationale": working(first, second),
        },
    )


def scratchpad(asked: Question, text: str) -> Checked:
    """A verifier: the answer is right, and the working is whole, line by line.

    The operands are those of the question's metadata; the first line that is another is at fault.
    """
    found = by_number(asked, text)
    first, second = asked.metadata["operands"]
    wanted = working(int(first), int(second)).splitlines()
    lines = [" ".join(line.split()) for line in text.strip().splitlines() if line.strip()]
    for place, line in enumerate(wanted):
        if place >= len(lines):
            return found.model_copy(update={"faults": (f"no line {line!r}",)})
        if lines[place] != line:
            return found.model_copy(update={"faults": (f"{lines[place]!r:.80} for {line!r}",)})
    return found


def draw(
    digits: int, count: int, rng: random.Random, taken: set[tuple[int, int]]
) -> list[Question]:
    """Sums of two numbers of so many digits that were not drawn before, in either order."""
    low, high = (0 if digits == 1 else 10 ** (digits - 1)), 10**digits - 1
    found: list[Question] = []
    for _ in range(200 * count):
        if len(found) == count:
            break
        first, second = rng.randint(low, high), rng.randint(low, high)
        key = (min(first, second), max(first, second))
        if key not in taken:
            taken.add(key)
            found.append(question(first, second))
    return found


def make_files(out: Path, size: Size, seed: int) -> None:
    """seed.jsonl, train.jsonl and test.jsonl, with no sum in two of them.

    Of one digit there are 55 sums in all; what is left after the examples is shared out.
    """
    rng, taken = random.Random(f"addition|{seed}"), set[tuple[int, int]]()

    def shown(counts: Sequence[int]) -> list[Question]:
        """Worked examples, each once more with its answer behind the question."""
        found: list[Question] = []
        for digits, count in zip(DIGITS, counts, strict=False):
            for one in draw(digits, count, rng, taken):
                first, second = one.metadata["operands"]
                found += [one, question(first, second, told=True)]
        return found

    seeding = shown(size.examples)
    test: list[Question] = []
    train: list[Question] = []
    for digits in (*DIGITS, DIGITS[-1] + 1):
        count = size.test if digits > 1 else min(size.test, 15)
        test += draw(digits, count, rng, taken)
        if digits in DIGITS:
            train += draw(digits, size.train if digits > 1 else min(size.train, 30), rng, taken)
    files = {"seed": seeding, "train": train, "test": test, "longer": shown(size.longer)}
    for name, rows in files.items():
        path = out / f"{name}.jsonl"
        if rows and not path.exists():
            write_jsonl(path, [question_row(one) for one in rows])


def arm(out: Path, name: str, base: str, seed: int, changes: Mapping[str, Any]) -> StarConfig:
    """The configuration of an arm: what all share, its own, and what the caller changes."""
    files = {"test": str(out / "test.jsonl")}
    return make_config(
        base,
        str(out / "train.jsonl"),
        "rest",
        SHARED | ARMS[name] | files | {"seed": seed} | dict(changes),
    )


def run(
    out: Path,
    model: str,
    seed: int = 0,
    size: Size | None = None,
    changes: Mapping[str, Any] | None = None,
    arms: Sequence[str] = tuple(ARMS),
) -> dict[str, Training]:
    """Seeds the base and trains every arm from it; gives the arms' trainings.

    Args:
        out: the folder of all of it.
        model: the base, before it is seeded.
        seed: of sums, sampling and training.
        size: how many sums.
        changes: settings of every training, over those of the experiment.
        arms: which ones.
    """
    from starprobe.star.loop import train

    changes = (TINY_SETTINGS if model == TINY else {}) | dict(changes or {})
    # Arms that are started side by side share one seeded base: one makes it, the others wait.
    with only_writer(out, wait=True):
        base = seeded(out, model, seed, size or (TINY_SIZE if model == TINY else Size()), changes)
    return {name: train(arm(out, name, base, seed, changes), out / name) for name in arms}


def seeded(out: Path, model: str, seed: int, size: Size, changes: dict[str, Any]) -> str:
    """The sums, and the base that every arm goes on from; its name. What is there stays."""
    from starprobe.star.loop import train

    tiny = model == TINY
    make_files(out, size, seed)
    if tiny:
        if not (out / TINY).exists():
            made = make_tiny(out / f".{TINY}", seed)
            made.rename(out / TINY)
        model = f"hf:{(out / TINY).resolve()}"
    shared = {key: value for key, value in SHARED.items() if key in ("max_length", "decontaminate")}
    seeding = shared | SEEDED | {"seed": seed} | changes | (TINY_SEEDED if tiny else {})
    seeding |= {"iterations": 1, "merge": True}
    train(make_config(model, str(out / "seed.jsonl"), "supervised", seeding), out / "seeded")
    base = f"hf:{(out / 'seeded' / 'merged').resolve()}"
    if (out / "longer.jsonl").exists():
        seeding |= TINY_LONGER
        train(make_config(base, str(out / "longer.jsonl"), "supervised", seeding), out / "seeded2")
        base = f"hf:{(out / 'seeded2' / 'merged').resolve()}"
    return base


def table(trainings: Mapping[str, Training]) -> Iterator[str]:
    """A line for each arm and round: right of all test sums and by digits, with 95 % intervals."""
    lengths = [*DIGITS, DIGITS[-1] + 1]
    yield "| arm, round | all | " + " | ".join(f"{n} digits" for n in lengths) + " | hinted kept |"
    yield "| --- " * (len(lengths) + 3) + "|"
    base = True
    for name, training in trainings.items():
        for iteration in training.started():
            if iteration.number == 0 and not base:
                continue
            label = "seeded base" if iteration.number == 0 else f"{name}, {iteration.number}"
            base = base and iteration.number != 0
            cells = [_cell(one) for one in curve(training, iteration.number, lengths)]
            metrics = iteration.metrics()
            kept = metrics.rationalized_reasons.get("kept", 0) if metrics else 0
            tried = metrics.rationalized if metrics else 0
            hinted = f"{kept} of {tried}" if tried else ""
            yield f"| {label} | " + " | ".join(cells) + f" | {hinted} |"


def curve(training: Training, number: int, lengths: Sequence[int]) -> list[Interval]:
    """Right test sums after a round: of all, and of each length; by answer alone."""
    rows = [
        (_digits(one.question_id), one.correct is True) for one in training.iteration(number).test()
    ]
    picked = [rows, *([row for row in rows if row[0] == length] for length in lengths)]
    return [share(sum(right for _, right in some), len(some)) for some in picked]


def pooled(folders: Sequence[Path]) -> Iterator[str]:
    """A line an arm: its last round against the seeded base, over the test sums of all folders.

    Paired by sum (`paired_rate`), so the trainings are taken as they are: the interval is over sums
    and not over seeds. Arms that a folder lacks are left out.
    """
    lengths = (0, *DIGITS)
    heads = ("all", *(f"{n} digits" for n in DIGITS))
    yield (
        "| arm | "
        + " | ".join(f"{head}: base, last, difference" for head in heads)
        + " | hinted kept |"
    )
    yield "| --- " * (len(lengths) + 2) + "|"
    for name in ARMS:
        trainings = [Training(folder / name) for folder in folders if (folder / name).is_dir()]
        if not trainings or len(trainings) < len(folders):
            continue
        rows = [row for training in trainings for row in _first_and_last(training)]
        cells = []
        for length in lengths:
            own = [row for row in rows if length in (0, row[1])]
            found = paired_rate(
                np.array([row[2] for row in own]),
                np.array([row[3] for row in own]),
                np.array([row[0] for row in own]),
            )
            cells.append(_change(found))
        hinted = [one for training in trainings for one in training.iterations()]
        kept = sum(one.rationalized_reasons.get("kept", 0) for one in hinted)
        tried = sum(one.rationalized for one in hinted)
        yield f"| {name} | " + " | ".join(cells) + f" | {f'{kept} of {tried}' if tried else ''} |"


def _first_and_last(training: Training) -> Iterator[tuple[str, int, float, float]]:
    """(sum, digits, right before, right after the last round) of every test sum."""
    done = [one.iteration for one in training.iterations()]
    first, last = (training.iteration(number).test() for number in (0, max(done)))
    after = {one.question_id: one.correct is True for one in last}
    for one in first:
        name, digits = f"{training.path}|{one.question_id}", _digits(one.question_id)
        yield name, digits, float(one.correct is True), float(after[one.question_id])


def _digits(question_id: str) -> int:
    return max(len(part) for part in question_id.split("+"))


def _change(found: Paired) -> str:
    if found.before is None or found.after is None:
        return ""
    one = found.difference
    limits = (
        ""
        if one.low is None or one.high is None
        else f" ({100 * one.low:+.1f} to {100 * one.high:+.1f})"
    )
    return (
        f"{100 * found.before:.1f}, {100 * found.after:.1f}, {100 * (one.value or 0):+.1f}{limits}"
    )


def _cell(one: Interval) -> str:
    if one.value is None or one.low is None or one.high is None:
        return ""
    return f"{100 * one.value:.0f} ({100 * one.low:.0f}-{100 * one.high:.0f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the experiment and prints its table; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m starprobe.star.experiments.addition")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--out", type=Path, help="the folder of all of it")
    parser.add_argument(
        "--pool",
        type=Path,
        nargs="+",
        default=[],
        help="print finished experiments together, and stop",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--small", action="store_true", help="a few sums, to see that it runs")
    given = parser.parse_args(arguments)
    if given.pool:
        print("\n".join(pooled(given.pool)))
        return 0
    if given.out is None:
        parser.error("--out DIR is missing")
    size = Size(examples=(2,) * len(DIGITS), train=4, test=3) if given.small else None
    changes = {"iterations": 2, "steps": 4, "min_rows": 1} if given.small else {}
    try:
        found = run(given.out, given.model, given.seed, size, changes, given.arms)
    except UserError as error:
        print(f"starprobe: {error}", file=sys.stderr)
        return 2
    print("\n".join(table(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
