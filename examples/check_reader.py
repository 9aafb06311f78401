"""Labels a blind sample of a run and shows figures as read and as checked.

The labels here come from a rule that knows how the scripted model writes; yours come from a person,
who sees the text alone: `starprobe annotate runs/checked --page label.html`.
"""

import json
from pathlib import Path

import starprobe

config = starprobe.RunConfig(models=("scripted:option_by_option", "scripted:direct"), limit=24)
run = starprobe.run(config, "runs/checked")
starprobe.classify_run(run, "rules")
with Path("labels.jsonl").open("w") as file:
    for shown in starprobe.annotation_sample(run.path, count=24):
        reasoned = len(shown.response.text) > 80
        codes = {label: "r-" if reasoned else "0" for label in shown.labels}
        label = {"id": shown.key, "options": codes, "general": False, "answer": shown.labels[0]}
        file.write(json.dumps({**label, "outcome": "answered"}) + "\n")
check = starprobe.annotate(run.path, "labels.jsonl", name="rule")
for row in check.metrics:
    if row.metric == "full_breakdown":
        print(
            f"{row.model}: {row.read:.2f}, checked {row.value:.2f} [{row.low:.2f}, {row.high:.2f}]"
        )
for cell in check.transfer:
    print(cell.model, cell.verdict)
