"""Verdicts -> numbers with intervals: `frame` joins a run, `measure` and `compare` count."""

from starprobe.bench.frames import frame, to_frame
from starprobe.bench.metrics.compare import compare
from starprobe.bench.metrics.estimates import measure
from starprobe.bench.records import Comparison

__all__ = ["Comparison", "compare", "frame", "measure", "to_frame"]
