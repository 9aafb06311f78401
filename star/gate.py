"""Which iteration is best and when to stop: by validation accuracy, with patience."""

from __future__ import annotations

from collections.abc import Sequence

from starprobe.star.config import StarConfig
from starprobe.star.records import IterationMetrics


def accuracy_of(metrics: IterationMetrics) -> float | None:
    """Validation accuracy; None where none was held out."""
    return metrics.accuracy.value if metrics.accuracy else None


def best_of(done: Sequence[IterationMetrics]) -> int:
    """The trained iteration of the highest validation accuracy, the earlier one of equals.

    The last one where nothing was held out; 0 where nothing was trained.
    """
    trained = [metrics for metrics in done if metrics.iteration > 0]
    if not trained:
        return 0
    if all(accuracy_of(metrics) is None for metrics in trained):
        return trained[-1].iteration
    return max(trained, key=lambda one: (accuracy_of(one) or 0.0, -one.iteration)).iteration


def why_stop(done: Sequence[IterationMetrics], config: StarConfig) -> str | None:
    """Why no further iteration is worth it; None to go on."""
    trained = [metrics for metrics in done if metrics.iteration > 0]
    if not trained or accuracy_of(trained[-1]) is None:
        return None
    since = trained[-1].iteration - best_of(done)
    if since < config.patience:
        return None
    return (
        f"no better validation accuracy for {since} iterations: the loop stops with iteration "
        f"{best_of(done)}"
    )
