"""Asks two models the same questions in two ways, and says what one does more than the other."""

from pathlib import Path

import starprobe

MODELS = ("scripted:option_by_option", "scripted:chosen_only")  # any names that `run` takes
OUT = Path("runs/two")

config = starprobe.RunConfig(models=MODELS, conditions=("plain", "scratchpad"), limit=12)
run = starprobe.run(config, OUT)
starprobe.classify_run(run, "rules")
table = starprobe.frame(run, "rules")  # one row a response: a pandas DataFrame

first, second = (table[table["model"] == model] for model in MODELS)
for row in starprobe.compare(second, first):
    if row.role != "exploratory":
        print(f"{row.metric:18} {row.condition:11} {row.verdict:10} {row.difference:+.2f}")
print(starprobe.write_report([run.path], OUT / "report.html"))
