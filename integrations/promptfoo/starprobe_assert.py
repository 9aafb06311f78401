"""An assertion for promptfoo that reads a response option by option.

In promptfooconfig.yaml:

    assert:
      - type: python
        value: file://starprobe_assert.py
        config: {reader: rules, least: 1.0}     # coverage: the share of options with a reason

The test's variables are `question` and `options` (a list, or one text with | between options).
"""

from __future__ import annotations

from typing import Any

from starprobe import classify


def get_assert(output: str, context: dict[str, Any]) -> dict[str, Any]:
    """Whether the response gives reasons for enough of the options.

    Returns:
        What promptfoo wants of an assertion: `pass`, `score` (the share of options with a reason,
        from 0 to 1) and `reason`, a line with answer and style.

    Raises:
        InputError: the variables hold no question with options.
    """
    asked, config = context["vars"], context.get("config") or {}
    options = asked["options"]
    if isinstance(options, str):
        options = [part.strip() for part in options.split("|")]
    question = {"question": asked["question"], "options": options}
    found = classify(output, question, config.get("reader", "rules"))
    coverage = found.verdict.coverage or 0.0
    least = float(config.get("least", 1.0))
    return {"pass": coverage >= least, "score": coverage, "reason": found.headline()}
