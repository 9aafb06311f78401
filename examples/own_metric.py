"""A metric and a way of asking of one's own, in a run."""

import numpy as np
import pandas as pd

import starprobe
from starprobe.bench.metrics.definitions import Definition


def hedges(table: pd.DataFrame) -> np.ndarray:
    """How often a response hedges; one number a row of the frame."""
    words = table["text"].str.lower().str.count(r"\b(?:perhaps|maybe|probably|might)\b")
    return words.to_numpy(dtype=np.float64)


HEDGES = Definition("hedges", "mean", hedges, "words that hedge, a response", needs=())

with open("ways.toml", "w") as file:
    file.write('[sure]\nabout = "Asks to be sure."\ninstruction = "Be sure."\ntwin = "plain"\n')
config = starprobe.RunConfig(
    models=("scripted:option_by_option",), conditions=("plain", "ways.toml:sure"), limit=8
)
run = starprobe.run(config, "runs/own")
starprobe.classify_run(run, "rules")
found = starprobe.metrics(run.path, own=[HEDGES])
for row in found.readers["rules"]:
    if row.name in ("hedges", "full_breakdown"):
        print(f"{row.name:15} {row.condition:6} {row.value:.2f}  [{row.low}, {row.high}]")
