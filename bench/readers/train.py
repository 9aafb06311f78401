"""Fine-tunes the neural reader: python -m starprobe.bench.readers.train --base FOLDER.

Learns from annotated responses, calibrates on sources left out, and writes the weights with a card
that says where they come from and how well they read sources that they have not seen.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from starprobe.bench.files import read_jsonl, write_atomic
from starprobe.bench.readers.annotated import Annotated, clustered, labelled_set, load_annotated
from starprobe.bench.readers.base import CODES
from starprobe.bench.readers.evaluate import FIGURES, clusters_of, judge
from starprobe.bench.readers.neural import (
    ABOUT,
    Batch,
    Calibration,
    Encoded,
    Encoder,
    Heads,
    Input,
    Network,
    Scores,
    code_of_logits,
    collate,
    decide,
    fast_bfloat16,
    log_odds,
    moved,
    score,
)
from starprobe.bench.readers.text import Attributed, attributed, examine
from starprobe.bench.records import MULTI, OUTCOMES, Verdict
from starprobe.probes.errors import InputError, UserError

DRAWS = 1000
"""Resamples of an interval."""
EPOCHS = 2
RATE, HEAD_RATE = 1.5e-4, 1e-3
"""Learning rates of the encoder and of what is on top of it, at their peak. A larger encoder than
MiniLM wants a smaller one: 6e-5 for MPNet."""
TOKENS = 3072
"""Tokens of a batch."""
WARMUP = 0.1
"""Share of the steps in which the learning rates rise; then they fall to zero."""
SEARCHED = 0.3
"""Share of the options that nothing is about, and that are not mentioned, that an epoch learns
from; they count accordingly more."""
FORGET = 0.1
"""Share of rows that are shown without the answer stated, so that the text is read for it."""
SHARES = (1.0, 0.3, 0.4, 0.1)
"""What the losses of treatments, answer, general reasoning and outcome count."""


class Row(NamedTuple):
    """An annotated response, attributed and encoded."""

    annotated: Annotated
    found: Attributed
    encoded: Encoded


def rows_of(annotated: Sequence[Annotated], encoder: Encoder) -> list[Row]:
    """Annotated responses, attributed and encoded."""
    rows = []
    for one in annotated:
        reading = one.reading
        examined = examine(reading.stem, reading.shown, reading.text, reading.finish_reason)
        found = attributed(examined, reading.shown)
        rows.append(Row(one, found, encoder.encode(reading, examined, found)))
    return rows


def fit(
    rows: Sequence[Row],
    base: Path,
    *,
    epochs: int = EPOCHS,
    rate: float = RATE,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Network:
    """A network fine-tuned on these rows, from the weights of the base.

    Args:
        rows: what is learnt from.
        base: a folder with config.json and model.safetensors of the encoder.
        epochs: how often each row is seen.
        rate: the encoder's learning rate at its peak.
        seed: of the order, of what is left out and of what is forgotten.
        say: told how it goes, every fifty steps.
    """
    torch.manual_seed(0)  # The heads begin alike, so that fits of several seeds can be averaged.
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = start(base)
    network.to(device)
    network.bfloat16 = fast_bfloat16(device)
    torch.manual_seed(seed)
    rng = random.Random(seed)
    network.train()
    parts: dict[bool, list[Tensor]] = {True: [], False: []}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            parts[name.startswith("encoder.")].append(parameter)
    groups = [{"params": parts[True], "lr": rate}, {"params": parts[False], "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    steps = [batch for _ in range(epochs) for batch in batches(rows, rng)]
    rising = max(1, round(WARMUP * len(steps)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / rising, (len(steps) - step) / max(1, len(steps) - rising)),
    )
    started, tokens, mean = time.monotonic(), 0, 0.0
    for step, own in enumerate(steps):
        batch = collate([row.encoded for row in own])
        features = batch.features.clone()
        features[:, 5:8] *= (torch.rand(len(own), 1) >= FORGET).float()[batch.row]
        batch = batch._replace(features=features)
        heads = Heads(*(part.cpu() for part in network(moved(batch, device))))
        loss = loss_of(heads, batch, own)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        tokens += sum(len(one.ids) for row in own for one in row.encoded.sequences)
        mean = 0.98 * mean + 0.02 * float(loss.detach())
        if step % 50 == 0:
            pace = tokens / (time.monotonic() - started)
            level = mean / (1.0 - 0.98 ** (step + 1))
            say(f"step {step} of {len(steps)}, loss {level:.3f}, {pace:.0f} tokens/s")
    network.eval()
    return network


def averaged(states: Sequence[dict[str, Tensor]], base: Path) -> Network:
    """The mean of the weights of several fits from one beginning (Wortsman et al. 2022)."""
    network = start(base)
    network.load_state_dict(
        {name: torch.stack([one[name] for one in states]).mean(0) for name in states[0]}
    )
    network.eval()
    return network


def start(base: Path) -> Network:
    """The encoder's own weights under new heads, or a reader's; the embedding of words stays."""
    from safetensors.torch import load_file
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(
        base, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    network = Network(config)
    stored = load_file(base / "model.safetensors")
    whole = any(name.startswith("encoder.embeddings.") for name in stored)
    part = network if whole else network.encoder
    missing, _ = part.load_state_dict(stored, strict=False)
    if odd := [name for name in missing if not name.endswith("_ids")]:
        raise InputError(f"{base}: the weights lack {odd[0]}; give a folder of all-MiniLM-L6-v2")
    network.encoder.get_input_embeddings().weight.requires_grad_(False)
    return network


def batches(rows: Sequence[Row], rng: random.Random) -> Iterator[list[Row]]:
    """All rows once in random order, so many together as TOKENS allow."""
    order = [_thinned(row, rng) for row in rows]
    rng.shuffle(order)
    batch: list[Row] = []
    size = 0
    for row in order:
        own = sum(len(one.ids) for one in row.encoded.sequences)
        if batch and size + own > TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += own
    if batch:
        yield batch


def _thinned(row: Row, rng: random.Random) -> Row:
    """Without most of the options that are neither mentioned nor spoken of: they are easy."""
    golds, shown = row.annotated.gold.codes, row.annotated.reading.shown

    def wanted(one: Input) -> bool:
        if one.option < 0 or max(one.roles) >= ABOUT:
            return True
        return golds[shown[one.option].label] != "0" or rng.random() < SEARCHED

    kept = [one for one in row.encoded.sequences if wanted(one)]
    return row._replace(encoded=row.encoded._replace(sequences=kept))


def loss_of(heads: Heads, batch: Batch, rows: Sequence[Row]) -> Tensor:
    """The weighted sum of the four losses, each a mean."""
    codes = torch.full((len(rows), batch.most), -1)
    answers, outcomes = torch.zeros(2, len(rows), dtype=torch.long)
    general = torch.zeros(len(rows))
    for index, row in enumerate(rows):
        gold = row.annotated.gold
        labels = [shown.label for shown in row.annotated.reading.shown]
        for place, label in enumerate(labels):
            codes[index, place] = CODES.index(gold.codes[label])
        unanswered = batch.most + (gold.answer == MULTI)
        answers[index] = labels.index(gold.answer) if gold.answer in labels else unanswered
        outcomes[index] = OUTCOMES.index(gold.outcome)
        general[index] = float(gold.general)
    judged = codes[batch.row, batch.place]
    searched = (batch.features[:, 0] + batch.features[:, 1] == 0) & (judged == 0)
    weight = torch.where(searched, 1.0 / SEARCHED, 1.0)
    single = functional.cross_entropy(
        heads.options[batch.row, batch.place], judged, reduction="none"
    )
    losses = (
        (single * weight).sum() / weight.sum().clamp_min(1.0),
        functional.cross_entropy(heads.answers, answers),
        functional.binary_cross_entropy_with_logits(heads.general, general),
        functional.cross_entropy(heads.outcomes, outcomes),
    )
    return torch.stack([share * loss for share, loss in zip(SHARES, losses, strict=True)]).sum()


class Scored(NamedTuple):
    """A row and what a network says of it that has not seen its source."""

    row: Row
    scores: Scores


def folds_of(rows: Sequence[Row], count: int) -> list[set[str]]:
    """The sources in `count` groups of about as many rows; the project's own are one source.

    Each group is left out in turn, so every row is read by weights that never saw its source.
    """
    sizes: dict[str, int] = {}
    for row in rows:
        name = _source(row)
        sizes[name] = sizes.get(name, 0) + 1
    groups: list[tuple[int, set[str]]] = [(0, set()) for _ in range(min(count, len(sizes)))]
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        least = min(range(len(groups)), key=lambda index: groups[index][0])
        groups[least] = (groups[least][0] + sizes[name], groups[least][1] | {name})
    return [names for _, names in groups]


DRAWN = " (drawn)"
"""Ends the name of a source's rows that were drawn to learn from: they are never measured."""


def _source(row: Row) -> str:
    name = row.annotated.source.removesuffix(DRAWN)
    return "own" if name.startswith("own-") else name


def left_out(
    rows: Sequence[Row],
    base: Path,
    folds: Sequence[set[str]],
    work: Path,
    *,
    epochs: int = EPOCHS,
    rate: float = RATE,
    limit: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> list[Scored]:
    """Every row of the folds, read by a network fitted without its fold.

    Args:
        rows: all rows; those of no fold are only learnt from.
        base: the encoder's folder.
        folds: sources that are left out together.
        work: where each fold's scores are kept; a fold that is there is not fitted again.
        epochs: of each fit.
        rate: of each fit.
        limit: how many rows each fit may see, drawn at random; all for 0.
        say: told how it goes.
    """
    scored = []
    for number, names in enumerate(folds, 1):
        unseen = [
            row
            for row in rows
            if _source(row) in names and not row.annotated.source.endswith(DRAWN)
        ]
        seen = [row for row in rows if _source(row) not in names]
        if limit:
            seen = random.Random(0).sample(seen, min(limit, len(seen)))
        say(f"fold {number} of {len(folds)}: {len(seen)} rows without {', '.join(sorted(names))}")
        file = work / f"fold-{_digest(seen, unseen, base, epochs, rate)}.jsonl"
        if not file.exists():
            network = fit(seen, base, epochs=epochs, rate=rate, say=say)
            lines = (
                json.dumps({"id": row.annotated.reading.id, **scores._asdict()})
                for row, scores in zip(
                    unseen, score(network, [row.encoded for row in unseen]), strict=True
                )
            )
            write_atomic(file, "".join(f"{line}\n" for line in lines))
        kept = {one.pop("id"): one for one in read_jsonl(file)}
        scored += [
            Scored(row, Scores(**kept[row.annotated.reading.id] | {"prior": row.encoded.prior}))
            for row in unseen
        ]
    return scored


def _digest(
    seen: Sequence[Row], unseen: Sequence[Row], base: Path, epochs: int, rate: float
) -> str:
    """Names what was learnt from, from which weights and how, and what was read."""
    told = [[row.annotated.reading.id for row in part] for part in (seen, unseen)]
    weights = hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()
    return hashlib.sha256(json.dumps([*told, weights, epochs, rate]).encode()).hexdigest()[:12]


def calibrate(scored: Sequence[Scored]) -> Calibration:
    """The temperature and the weights under which probabilities hold on these rows."""
    from scipy.optimize import minimize_scalar
    from sklearn.linear_model import LogisticRegression

    single, reasoned, odds, whole = [], [], [], []
    for row, scores in scored:
        golds = row.annotated.gold.codes
        own = [golds[shown.label][0] == "r" for shown in row.annotated.reading.shown]
        found = log_odds(scores)
        single += found
        reasoned += own
        odds.append([min(found), float(np.mean(found))])
        whole.append(all(own))
    table, truth = np.array(single), np.array(reasoned)
    best = minimize_scalar(
        lambda temperature: float(
            np.mean(np.logaddexp(0.0, np.where(truth, -table, table) / temperature))
        ),
        bounds=(0.3, 5.0),
        method="bounded",
    )
    model = LogisticRegression(C=10.0).fit(np.array(odds), np.array(whole))
    least, mean = (round(float(weight), 4) for weight in model.coef_[0])
    constant = round(float(model.intercept_[0]), 4)
    said = np.array([[scores.general] for _, scores in scored])
    model.fit(said, np.array([row.annotated.gold.general for row, _ in scored]))
    general = round(float(-model.intercept_[0] / model.coef_[0][0]), 4)
    return Calibration(round(float(best.x), 4), (least, mean, constant), general, _neutral(scored))


def _neutral(scored: Sequence[Scored]) -> float:
    """What the logit of taking no side lacks for most sides to be right."""
    reasoned = [
        (logits, CODES.index(code))
        for row, scores in scored
        for logits, odds, shown in zip(
            scores.options, log_odds(scores), row.annotated.reading.shown, strict=True
        )
        if odds > 0.0 and (code := row.annotated.gold.codes[shown.label])[0] == "r"
    ]

    def right(added: float) -> int:
        return sum(code_of_logits(logits, 1.0, added) == code for logits, code in reasoned)

    return max((step / 4 for step in range(9)), key=right)


def save(
    network: Network, base: Path, out: Path, calibration: Calibration, card: dict[str, Any]
) -> None:
    """Writes the reader's folder: weights in float16, tokenizer, configuration, notices, card."""
    from safetensors.torch import save_file

    out.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.detach().cpu().half().contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith(("position_ids", "token_type_ids"))
    }
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    for name in ("tokenizer.json", "LICENSE", "NOTICE"):
        if (base / name).is_file():
            shutil.copyfile(base / name, out / name)
    network.encoder.config.save_pretrained(out)
    digest = hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()
    stored = {
        "sha256": digest,
        "base_sha256": hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest(),
        "calibration": calibration._asdict(),
        **card,
    }
    text = json.dumps(stored, indent=2, ensure_ascii=False)
    (out / "card.json").write_text(text + "\n", encoding="utf-8")


def verdicts_of(scored: Sequence[Scored], calibration: Calibration, name: str) -> list[Verdict]:
    """What the reader would have said of each row."""
    return [
        decide(row.annotated.reading, row.found, scores, calibration, name)
        for row, scores in scored
    ]


def figures_of(rows: Sequence[Annotated], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Every figure of agreement: [value, low, high], intervals from resampling whole sources."""
    judged = judge("", list(rows), verdicts)
    found = {}
    for name, measure in FIGURES:
        interval = clustered(judged.table, clusters_of(judged.rows), measure, DRAWS)
        found[name] = [None if one is None else round(one, 4) for one in interval]
    return found


def card_of(
    rows: Sequence[Row], scored: Sequence[Scored], verdicts: Sequence[Verdict], **more: Any
) -> dict[str, Any]:
    """What is stored of where the weights come from and how well they read."""
    counts = Counter(row.annotated.source for row in rows)
    unseen = [row.annotated for row, _ in scored]
    by_source = {}
    for source, _ in Counter(row.source for row in unseen).most_common():
        pairs = [
            (row, read) for row, read in zip(unseen, verdicts, strict=True) if row.source == source
        ]
        judged = judge("", [row for row, _ in pairs], [read for _, read in pairs])
        by_source[source] = {
            name: None if (value := measure(judged.table)) is None else round(value, 4)
            for name, measure in FIGURES
        } | {"responses": len(pairs)}
    return {
        "rows": len(rows),
        "sources": dict(counts.most_common()),
        "left_out": figures_of(unseen, verdicts),
        "left_out_by_source": by_source,
        **more,
    }


def card_text(card: dict[str, Any]) -> str:
    """The card in Markdown: what was learnt from what, and how well it reads unseen sources."""
    names = [name for name, _ in FIGURES]

    def row(head: str, cells: Sequence[Any]) -> str:
        return f"| {head} | " + " | ".join(str(cell) for cell in cells) + " |"

    def cell(found: Sequence[float | None]) -> str:
        value, low, high = found
        if value is None:
            return "no value"
        return (
            f"{value:.3f}"
            if low is None or high is None
            else f"{value:.3f} [{low:.3f}, {high:.3f}]"
        )

    measured = card["left_out_by_source"]
    columns: dict[str, Any] = {"all, unseen": card["left_out"]}
    columns |= {f"{number} rows": figures for number, figures in card["curve"].items()}
    lines = [
        "# The neural reader: model card",
        "",
        "Written by `python -m starprobe.bench.readers.train`; do not edit.",
        "",
        CARD_HEAD.strip().format(base=card["base"], millions=card["parameters"] / 1e6),
        "",
        f"**Learned from** {card['rows']} annotated responses, {card['epochs']} epochs, the mean "
        f"of {card['fits']} fit(s): "
        + ", ".join(f"{name} {n}" for name, n in card["sources"].items())
        + ".",
        "**The annotator was a large language model** that read each response under the guideline "
        "beside the labelled set; no person has labelled them. All passes share one kind of "
        "annotator, so agreement with people is unknown and what is called right here is what such "
        "a model says.",
        "",
        "## On sources that the weights had not seen",
        "",
        f"{sum(one['responses'] for one in measured.values())} responses of "
        f"{len(measured)} sources, read by weights fitted without them, on "
        f"{' and '.join(map(str, card['left_out_fitted_on']))} responses of the others; 95 % "
        "intervals from resampling whole sources."
        + " The columns to the right were fitted on fewer rows."
        * bool(card["curve"]),
        "",
        row("figure", list(columns)),
        row("---", ["---"] * len(columns)),
        *(row(name, [cell(found[name]) for found in columns.values()]) for name in names),
        "",
        row("source", ["responses", *names]),
        row("---", ["---"] * (len(names) + 1)),
    ]
    for source, found in measured.items():
        cells = ["no value" if found[name] is None else f"{found[name]:.3f}" for name in names]
        lines.append(row(source, [found["responses"], *cells]))
    return "\n".join([*lines, "", CARD_TAIL.strip(), ""])


CARD_HEAD = """
**What it does.** For every option of a question it says whether a response gives a reason for or
against it, and shows where; whether there is reasoning about no single option; and, where no
statement decides it, what is answered. Style and coverage follow from that by rule. The rules of
`text/` find where an option is spoken of; the encoder ({base}, {millions:.1f} million weights with
the heads, its embedding of words left as it was) judges what is said there.

**For what.** English responses of language models to multiple-choice questions: prose, lists,
tables, JSON, visible thinking of any length. It describes behaviour; it says nothing of how a model
was trained, nor whether what a response says is right.
"""
CARD_TAIL = """
The calibration, from which log-odds on there is general reasoning or no side taken, and the weight
of the rule's count beside the encoder were chosen on these same responses: their ECE is on the kind
side.
Sources that are marked "(drawn)" are rows that were annotated to learn from: never measured. On
questions of our own that no weights have seen: `python -m starprobe.bench.readers.evaluate`, with
figures in docs/results.md.

## What it does not read well

- Whether a denial brings in something new ("is not a typical effect" against "acts on the liver
  instead"): the commonest error is a bare denial taken for a reason against.
- Neutral statements: what is said of an option with no side taken is often read as against it, or
  for it where it is the answer.
- Opinions with a scale of agreement as options, and questions that are answered by yes or no.
- Options that are spoken of in words that neither the label nor the text shares.
- Other languages than English, sarcasm, formulas without words.
- In bfloat16, which is used where the processor has it, a verdict near the border may differ from
  one in float32.
"""


def main(arguments: list[str] | None = None) -> int:
    """The command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m starprobe.bench.readers.train")
    parser.add_argument(
        "--base", type=Path, required=True,
        help="a folder of all-MiniLM-L6-v2 or another encoder, with config.json, tokenizer.json "
        "and model.safetensors; or of a reader",
    )  # fmt: skip
    parser.add_argument("--name", help="of the base, for the card; by default its folder's")
    parser.add_argument("--rate", type=float, default=RATE, help="the encoder's learning rate")
    parser.add_argument("--labels", type=Path, action="append", default=[], help="more annotations")
    parser.add_argument("--responses", type=Path, action="append", default=[], help="their texts")
    parser.add_argument(
        "--work", type=Path, required=True, help="kept, so that a second run goes on"
    )
    parser.add_argument("--out", type=Path, help="the reader's folder; without it only figures")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--folds", type=int, default=3, help="groups of sources left out in turn")
    parser.add_argument("--leave-out", help="these groups instead: A,B/C,D")
    parser.add_argument("--curve", default="", help="numbers of rows, such as 500,1000,2000")
    parser.add_argument("--fits", type=int, default=1, help="whose weights are averaged")
    options = parser.parse_args(arguments)
    try:
        train(learnable(options.labels, options.responses), options)
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def learnable(labels: Sequence[Path], responses: Sequence[Path]) -> list[Annotated]:
    """The half to learn from of the labelled set, and the rows of other files, each id once.

    Rows of the project's own questions whose half is held out are left out, whatever file they
    stand in.

    Raises:
        InputError: not as many files of labels as of responses, or one that cannot be read.
    """
    if len(labels) != len(responses):
        raise InputError("--labels and --responses go together, one of each a set")
    held_out = {row.reading.stem for row in labelled_set("held_out")}
    found = {row.reading.id: row for row in labelled_set("learn")}
    for one, other in zip(labels, responses, strict=True):
        for row in load_annotated(one, other):
            if row.reading.stem not in held_out:
                found.setdefault(row.reading.id, row)
    return list(found.values())


def train(annotated: Sequence[Annotated], options: argparse.Namespace) -> None:
    """Leaves sources out, calibrates, fits on everything, writes the folder and its card."""

    def say(line: str) -> None:
        print(line, flush=True)

    base, work, epochs = options.base, options.work, options.epochs
    work.mkdir(parents=True, exist_ok=True)
    rows = rows_of(annotated, Encoder(base / "tokenizer.json"))
    folds = folds_of(rows, options.folds)
    if options.leave_out:
        folds = [set(names.split(",")) for names in options.leave_out.split("/")]
    how: dict[str, Any] = {"epochs": epochs, "rate": options.rate, "say": say}
    scored = left_out(rows, base, folds, work, **how)
    calibration = calibrate(scored)
    verdicts = verdicts_of(scored, calibration, "neural")
    curve = {}
    for limit in [int(one) for one in options.curve.split(",") if one]:
        part = left_out(rows, base, folds[:1], work, limit=limit, **how)
        read = verdicts_of(part, calibration, "neural")
        curve[str(limit)] = figures_of([row.annotated for row, _ in part], read)
    card = card_of(
        rows,
        scored,
        verdicts,
        base=options.name or base.name,
        epochs=epochs,
        fits=options.fits,
        left_out_fitted_on=[sum(_source(row) not in names for row in rows) for names in folds],
        curve=curve,
    )
    for number, figures in (("all", card["left_out"]), *curve.items()):
        say(f"{number} rows, sources left out: {json.dumps(figures)}")
    if options.out is None:
        return
    states = []
    for seed in range(options.fits):
        file = work / f"network-{_digest(rows, [], base, epochs, options.rate)}-{seed}.pt"
        if not file.exists():
            say(f"fit {seed + 1} of {options.fits}: {len(rows)} rows")
            torch.save(fit(rows, base, seed=seed, **how).state_dict(), file)
        states.append(torch.load(file, weights_only=True, map_location="cpu"))
    network = averaged(states, base)
    card["parameters"] = sum(one.numel() for one in network.parameters())
    save(network, base, options.out, calibration, card)
    (options.out / "MODEL_CARD.md").write_text(card_text(card), encoding="utf-8")
    say(f"written to {options.out}")


if __name__ == "__main__":
    sys.exit(main())
