"""The STaR loop as one short script (Zelikman et al. 2022, algorithm 1), on small sums.

`starprobe train` is this with batches, filters, controls and resuming; see docs/training.md.
"""

import argparse
import random
from functools import partial

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from starprobe.bench.models import BackendOptions
from starprobe.bench.models.local import resolve

SHOTS = """Q: 12 + 7?\nA: 2 + 7 = 9, 10 + 9 = 19. The answer is 19.\n
Q: 8 + 6?\nA: 8 + 2 = 10, 10 + 4 = 14. The answer is 14.\n\n"""
parser = argparse.ArgumentParser()
parser.add_argument("--model", default=str(resolve("smollm2", BackendOptions())))
parser.add_argument("--sums", type=int, default=32)
parser.add_argument("--rounds", type=int, default=2)
args = parser.parse_args()
tokenizer = AutoTokenizer.from_pretrained(args.model)
tokenizer.pad_token = tokenizer.eos_token
base = partial(AutoModelForCausalLM.from_pretrained, args.model, dtype=torch.float32)


def sample(model, questions):
    """One greedy rationale a question, up to the end of its line."""
    asked = [f"{SHOTS}{question}\nA:" for question in questions]
    inputs = tokenizer(asked, return_tensors="pt", padding=True, padding_side="left")
    out = model.eval().generate(**inputs, max_new_tokens=40, do_sample=False, pad_token_id=0)
    told = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :])
    return [text.split("\n")[0].strip() for text in told]


def fine_tune(model, rows, steps=8):
    """Learns each question's rationale; the hint is never part of it."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    for question, rationale in (rows * steps)[:steps]:
        asked = tokenizer(f"{question}\nA:", return_tensors="pt").input_ids
        whole = tokenizer(f"{question}\nA: {rationale}\n", return_tensors="pt").input_ids
        labels = whole.clone()
        labels[:, : asked.shape[1]] = -100  # Only the rationale is learnt.
        optimizer.zero_grad()
        model(input_ids=whole, labels=labels).loss.backward()
        optimizer.step()
    return model


draw, model = random.Random(0), base()
pairs = [(draw.randint(2, 49), draw.randint(2, 49)) for _ in range(args.sums)]
sums = {f"Q: {a} + {b}?": f"The answer is {a + b}." for a, b in pairs}
for number in range(1, args.rounds + 1):
    told = dict(zip(sums, sample(model, sums), strict=True))
    failed = [one for one, text in told.items() if not text.endswith(sums[one])]
    hinted = sample(model, [f"{one} ({sums[one]})" for one in failed]) if failed else []
    told |= zip(failed, hinted, strict=True)
    kept = [(one, text) for one, text in told.items() if text.endswith(sums[one])]
    print(f"round {number}: {len(sums) - len(failed)} of {len(sums)} right, {len(kept)} kept")
    if kept:
        model = fine_tune(base(), kept)  # Always from the base.
