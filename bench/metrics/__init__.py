"""Verdicts -> numbers with intervals: `frame` joins a run, `measure` and `compare` count.

`measure_run` does it for a run folder and writes metrics.json.
"""

from starprobe.bench.metrics.comparing import compare
from starprobe.bench.metrics.files import measure_run
from starprobe.bench.metrics.frames import frame, to_frame
from starprobe.bench.metrics.measuring import measure
from starprobe.bench.metrics.records import Comparison, MetricsFile

__all__ = ["Comparison", "MetricsFile", "compare", "frame", "measure", "measure_run", "to_frame"]
