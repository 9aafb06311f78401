"""What we ask: probe sets, conditions, and the prompts made of them."""

from starprobe.probes.checks import overlap
from starprobe.probes.conditions import Condition, get_condition, load_conditions
from starprobe.probes.rendering import render, render_set
from starprobe.probes.schema import Message, Option, ProbeSet, Prompt, Question, ShownOption
from starprobe.probes.sets import load_probe_set

__all__ = [
    "Condition",
    "Message",
    "Option",
    "ProbeSet",
    "Prompt",
    "Question",
    "ShownOption",
    "get_condition",
    "load_conditions",
    "load_probe_set",
    "overlap",
    "render",
    "render_set",
]
