"""What the page says of its own limits; `docs/sign.md` says it at length."""

from __future__ import annotations

from starprobe.reports.sign.findings import Findings

CAVEAT = (
    "What is measured here is a behaviour of these checkpoints. It says how much seeing a reason "
    "for every option should move one’s belief that a model was trained with STaR, if the model "
    "is one of the kinds that were made here. It proves nothing of how a vendor trained a model: "
    "there are more ways of making one than there are arms on this page."
)


def limits(findings: Findings) -> list[tuple[str, str]]:
    """The threats to validity as (words, what is done about it or not)."""
    seeds = [len(one.checkpoints) for one in findings.result.arms if one.checkpoints]
    return [
        (
            "Few seeds",
            f"The arms have {min(seeds)} to {max(seeds)} checkpoints each. Intervals carry the "
            f"spread between training seeds and between questions; an arm of one checkpoint has an "
            f"interval over questions only, and stands for itself alone.",
        ),
        (
            "One base",
            "All checkpoints come from what is named under Models. Another base may answer so by "
            "itself, or refuse to learn it; nothing here tells.",
        ),
        (
            "Reader error",
            "Whether an option got a reason is read by a program that errs (its accuracy stands "
            "under Reader). If it errs alike in all arms, ratios are drawn towards 1; the "
            "corrected rates above assume just that, and rest on texts of other models.",
        ),
        (
            "Prompts",
            "Only conditions count that ask for no reason. The words of the question, the template "
            "of the chat and the order of the options are those of the prompts in the browser "
            "above; other words may give other rates.",
        ),
        (
            "Length",
            "A model that was taught to write more has room for more reasons. The table of checks "
            "holds length alike where the arms overlap; where they do not, length and sign cannot "
            "be told apart.",
        ),
        (
            "The style of the examples",
            "STaR keeps what it was shown: worked examples that weigh each option teach that, the "
            "paper’s own do not. The kinds of STaR are therefore arms of their own; “STaR-trained "
            "models” mixes them by how many of each were made here, which is no natural share.",
        ),
        (
            "What a vendor may have done",
            "Supervised text written by people or by another model, distillation, preference "
            "tuning or reinforcement learning may each give the same sign. Of these only the arms "
            "above were tried.",
        ),
        (
            "Contamination",
            "Training leaves out questions that are probes, or nearly; a base may have seen "
            "anything.",
        ),
    ]
