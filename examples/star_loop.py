"""The STaR loop as one short script (Zelikman et al. 2022, algorithm 1), on small sums.

    python star_loop.py [--model FOLDER] [--sums 32] [--rounds 2]

`starprobe train` is this with batches, filters, controls and resuming; see docs/training.md.
"""

import argparse
import random

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from starprobe.bench.models import BackendOptions
from starprobe.bench.models.weights import resolve

SHOTS = """Q: 12 + 7?
A: 2 + 7 = 9, 10 + 9 = 19. The answer is 19.

Q: 8 + 6?
A: 8 + 2 = 10, 10 + 4 = 14. The answer is 14.

"""


def sample(model, tokenizer, prompts):
    """One greedy rationale a prompt, up to the end of its line."""
    inputs = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
    out = model.generate(**inputs, max_new_tokens=40, do_sample=False, pad_token_id=0)
    told = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :])
    return [text.split("\n")[0].strip() for text in told]


def right(rationale, key):
    return rationale.endswith(f"The answer is {key}.")


def fine_tune(name, tokenizer, rows, steps=8, rate=2e-5):
    """A new model from the base, on (question, rationale); the hint is never part of it."""
    model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for step in range(steps):
        question, rationale = rows[step % len(rows)]
        asked = tokenizer(f"{question}\nA:", return_tensors="pt").input_ids
        whole = tokenizer(f"{question}\nA: {rationale}\n", return_tensors="pt").input_ids
        labels = whole.clone()
        labels[:, : asked.shape[1]] = -100  # Only the rationale is learnt.
        model(input_ids=whole, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


parser = argparse.ArgumentParser()
parser.add_argument("--model", default=str(resolve("smollm2", BackendOptions())))
parser.add_argument("--sums", type=int, default=32)
parser.add_argument("--rounds", type=int, default=2)
asked = parser.parse_args()
torch.manual_seed(0)
draw = random.Random(0)
pairs = [(draw.randint(2, 49), draw.randint(2, 49)) for _ in range(asked.sums)]
sums = {f"Q: {a} + {b}?": a + b for a, b in pairs}
tokenizer = AutoTokenizer.from_pretrained(asked.model)
tokenizer.pad_token = tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(asked.model, dtype=torch.float32).eval()
for number in range(1, asked.rounds + 1):
    kept, failed = [], []
    told = sample(model, tokenizer, [f"{SHOTS}{question}\nA:" for question in sums])
    for (question, key), rationale in zip(sums.items(), told, strict=True):
        (kept if right(rationale, key) else failed).append((question, rationale))
    hinted = [f"{SHOTS}{question} ({sums[question]})\nA:" for question, _ in failed]
    for (question, _), rationale in zip(failed, sample(model, tokenizer, hinted), strict=True):
        if right(rationale, sums[question]):
            kept.append((question, rationale))
    print(f"round {number}: {len(sums) - len(failed)} of {len(sums)} right, {len(kept)} kept")
    if not kept:
        break
    model = fine_tune(asked.model, tokenizer, kept)
