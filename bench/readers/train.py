"""Learns the reader: python -m starprobe.bench.readers.train LABELS RESPONSES.

Writes one JSON: the weights of every named feature, and where they come from.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starprobe.bench.files import write_json
from starprobe.bench.readers.agreement import f1, mean_of, side_accuracy, style_kappa, tabulate
from starprobe.bench.readers.annotated import Annotated, data_hash, gold_of, load_annotated
from starprobe.bench.readers.features import GENERAL, REASONED, WHOLE
from starprobe.bench.readers.fitting import STRENGTH, fit, prepare_rows, read_left_out
from starprobe.bench.readers.learned import FILE, VERSION, Linear
from starprobe.bench.readers.rules import RulesClassifier
from starprobe.bench.records import Verdict
from starprobe.probes.errors import UserError


def train(labels: Path, responses: Path) -> dict[str, Any]:
    """The content of a coefficients file, learned from annotated responses.

    Raises:
        InputError: files that are not there or not in the annotation format.
    """
    rows = load_annotated(labels, responses)
    prepared = prepare_rows(rows)
    held = read_left_out(prepared)
    models = fit(prepared)
    return {
        "version": VERSION,
        "models": {
            "reasoned": _stored(models.reasoned, REASONED),
            "general": _stored(models.general, GENERAL),
            "whole": _stored(models.whole, WHOLE),
        },
        "provenance": {
            "data_hash": data_hash(labels, responses),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "responses": len(rows),
            "options": sum(len(row.gold.codes) for row in rows),
            "sources": dict(sorted(Counter(row.source for row in rows).items())),
            "strength": STRENGTH,
            "versions": _versions(),
            "left_out": {
                "learned": left_out_figures(rows, held),
                "rules": left_out_figures(rows, read_by_rules(rows)),
            },
        },
    }


def read_by_rules(rows: list[Annotated]) -> dict[str, Verdict]:
    """Response id -> verdict of the rules, which are fitted on nothing."""
    rules = RulesClassifier()
    return {row.reading.id: rules.classify(row.reading) for row in rows}


def left_out_figures(rows: list[Annotated], held: dict[str, Verdict]) -> dict[str, Any]:
    """Scores on sources that were left out, and the reader's own error counts on them."""
    verdicts = [held[row.reading.id] for row in rows]
    table = tabulate([row.gold for row in rows], [gold_of(verdict) for verdict in verdicts])
    full = [row.gold.style == "option_by_option" for row in rows]
    read = [verdict.style == "option_by_option" for verdict in verdicts]
    right = [said == true for said, true in zip(read, full, strict=True)]
    return {
        "reasoned_f1": f1(table),
        "side_accuracy": side_accuracy(table),
        "answer_accuracy": mean_of("answer")(table),
        "style_kappa": style_kappa(table),
        "option_by_option": {
            "sensitivity": [sum(r for r, t in zip(right, full, strict=True) if t), sum(full)],
            "specificity": [
                sum(r for r, t in zip(right, full, strict=True) if not t),
                len(full) - sum(full),
            ],
        },
    }


def _stored(model: Linear, names: tuple[str, ...]) -> dict[str, Any]:
    weights = {name: round(w, 6) for name, w in zip(names, model.weights, strict=True)}
    return {"bias": round(model.bias, 6), "weights": weights}


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {
        "python": sys.version.split()[0],
        **{name: version(name) for name in ("scikit-learn", "numpy")},
    }


def main(arguments: list[str] | None = None) -> int:
    """The command; gives its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m starprobe.bench.readers.train", description=__doc__
    )
    parser.add_argument("labels", type=Path, help="JSONL of annotations")
    parser.add_argument("responses", type=Path, help="JSONL of the responses")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name(FILE))
    options = parser.parse_args(arguments)
    try:
        stored = train(options.labels, options.responses)
        write_json(options.out, stored)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for reader, figures in stored["provenance"]["left_out"].items():
        for name, value in figures.items():
            print(f"{reader}: {name}: {value}")
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
