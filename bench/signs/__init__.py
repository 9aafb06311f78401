"""The sign put to the test: how much a full breakdown tells of how a model was trained.

Rates by arm, likelihood ratios, ROC and posterior; nothing here trains or asks a model.
"""

from starprobe.bench.signs.analysis import ArmRate, Contrast, SignResult, analyse
from starprobe.bench.signs.differences import Difference, rate_difference
from starprobe.bench.signs.frames import label
from starprobe.bench.signs.posterior import Posterior, posterior
from starprobe.bench.signs.ratios import Ratio, likelihood_ratio
from starprobe.bench.signs.robustness import Corrected, Matched, Variant
from starprobe.bench.signs.roc import Roc, roc
from starprobe.bench.signs.variance import seed_rate

__all__ = [
    "ArmRate",
    "Contrast",
    "Corrected",
    "Difference",
    "Matched",
    "Posterior",
    "Ratio",
    "Roc",
    "SignResult",
    "Variant",
    "analyse",
    "label",
    "likelihood_ratio",
    "posterior",
    "rate_difference",
    "roc",
    "seed_rate",
]
