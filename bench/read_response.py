"""One response as it was read: the verdict beside the text, shown as a table of the options."""

from __future__ import annotations

from typing import NamedTuple

from starprobe.bench.records import Treatment, Verdict
from starprobe.probes.schema import ShownOption

WIDTH = 48
"""Characters of an option and of its evidence that are shown."""


class ReadResponse(NamedTuple):
    """A response with its verdict; `repr` shows the table of options."""

    text: str
    shown: tuple[ShownOption, ...]
    verdict: Verdict

    @property
    def style(self) -> str:
        """The style of the response."""
        return self.verdict.style

    @property
    def answer(self) -> str | None:
        """The label answered, `multi`, or None."""
        return self.verdict.answer

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """(label, option, treatment and side, evidence) for each option."""
        found = []
        for shown in self.shown:
            treatment = self.verdict.options[shown.label]
            found.append((shown.label, shown.text, in_words(treatment), self.evidence(treatment)))
        return found

    def evidence(self, treatment: Treatment) -> str:
        """The text that the spans point to, in one line."""
        parts = (" ".join(self.text[start:end].split()) for start, end in treatment.spans)
        return " ... ".join(parts)

    def headline(self) -> str:
        """Answer, style and coverage in one line."""
        verdict = self.verdict
        answer = "none" if verdict.answer is None else verdict.answer
        parts = [f"answer {answer} ({verdict.outcome})", f"style {verdict.style}"]
        if verdict.coverage is not None:
            reasoned = sum(t.treatment == "reasoned" for t in verdict.options.values())
            parts.append(f"reasons on {reasoned} of {len(self.shown)} options")
        if verdict.p_option_by_option is not None:
            parts.append(f"p(option by option) {verdict.p_option_by_option:.2f}")
        return ", ".join(parts)

    def __repr__(self) -> str:
        """The headline and a table of the options."""
        lines = [self.headline()]
        rows = [[_short(cell) for cell in row] for row in self.rows]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
            lines.append("  ".join([*cells, row[3]]).rstrip())
        return "\n".join(lines)


def in_words(treatment: Treatment) -> str:
    """`reasoned against`, `named` or `-`."""
    if treatment.treatment == "none":
        return "-"
    if treatment.side is None:
        return treatment.treatment
    return f"{treatment.treatment} {treatment.side}"


def _short(cell: str) -> str:
    cell = " ".join(cell.split())
    return cell if len(cell) <= WIDTH else cell[: WIDTH - 3] + "..."
