"""How right a small model is on each tier of each set, by log-likelihood: are tiers what they say?

`python benchmarks/tiers.py [--model smollm2] [--each 20] [SET ...]` prints a row a set and tier.
A question is asked as "Question: ... Answer:" without its options, and the option is chosen whose
text has the highest log-probability for each character (the `acc_norm` of the
lm-evaluation-harness); `--listed` lists the options before.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch

from starprobe.bench.models import BackendOptions, load_backend
from starprobe.bench.statistics.intervals import rate
from starprobe.probes.schema import ProbeSet, Question
from starprobe.probes.sets import BUILT_IN, load_probe_set, sample_set


def chosen(backend, question: Question, listed: bool) -> str:
    """The id of the option that the model finds likeliest, a character."""
    lines = "".join(f"\n- {option.text}" for option in question.options) if listed else ""
    head = backend.tokenizer(f"Question: {question.stem}{lines}\nAnswer:")["input_ids"]
    tails = [
        backend.tokenizer(f" {option.text}", add_special_tokens=False)["input_ids"]
        for option in question.options
    ]
    with torch.inference_mode():
        first = backend.model(torch.tensor([head]), use_cache=True, logits_to_keep=1)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(tails))
        longest = max(len(tail) for tail in tails)
        ids = torch.tensor([tail + [0] * (longest - len(tail)) for tail in tails])
        rest = backend.model(ids, past_key_values=cache).logits
    begins = torch.log_softmax(first.logits[0, -1].float(), -1)
    later = torch.log_softmax(rest.float(), -1)
    scores = []
    for row, (tail, option) in enumerate(zip(tails, question.options, strict=True)):
        total = float(begins[tail[0]])
        total += sum(float(later[row, place, tail[place + 1]]) for place in range(len(tail) - 1))
        scores.append(total / len(option.text))
    return question.options[scores.index(max(scores))].id


def tiers(probe_set: ProbeSet, each: int) -> Iterator[tuple[str, list[Question]]]:
    """(tier, a sample of its questions), in the order of tiers; one row where there are none."""
    names = [name for name in ("easy", "medium", "hard") if any(
        one.metadata.get("tier") == name for one in probe_set.questions)] or [""]  # fmt: skip
    for name in names:
        own = [one for one in probe_set.questions if one.metadata.get("tier", "") == name]
        keyed = [one for one in own if one.answer_id is not None]
        few = sample_set(ProbeSet(name="x", questions=tuple(keyed)), each if name else 3 * each)
        yield name, list(few.questions)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=list(BUILT_IN))
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--listed", action="store_true")
    args = parser.parse_args()
    backend = load_backend(args.model, BackendOptions())
    print(f"{args.model}, right answers in % (95 % interval), by log-likelihood a character")
    print("set | tier | questions | chance | right")
    for name in args.sets:
        for tier, questions in tiers(load_probe_set(name), args.each):
            if not questions:
                continue
            hits = [float(chosen(backend, one, args.listed) == one.answer_id) for one in questions]
            found = rate(torch.tensor(hits).numpy(), [one.id for one in questions])
            right = f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"
            chance = sum(1 / len(one.options) for one in questions) / len(questions)
            row = (name, tier, str(len(questions)), f"{chance:.0%}", right)
            print(" | ".join(row), flush=True)


if __name__ == "__main__":
    main()
