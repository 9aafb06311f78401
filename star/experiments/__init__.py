"""Whole experiments: many trainings from one base, their probes, and the page that compares them.

`python -m starprobe.star.experiments.sign` puts the sign to the test;
`python -m starprobe.star.experiments.unit` does one part of it in a process of its own.
"""

from starprobe.star.experiments.config import Experiment, load_experiment, ready

__all__ = ["Experiment", "load_experiment", "ready"]
