"""What a model takes of a machine, by formulas that are stated: parameters, FLOPs, memory. Pure.

Training takes 6 N D floating-point operations for N parameters and D tokens, sampling 2 N D (Kaplan
et al. 2020, section 2.1). LoRA spares the gradients of the base's weights (2 of the 6), and
gradient checkpointing does the forward pass again (2 more), so 6 N D holds for it too. What a GPU
reaches of its peak is stated, not known.
"""

from __future__ import annotations

from pydantic import Field

from starprobe.probes.schema import Record

GIB = 2**30
ADAPTER_BYTES = 16
"""A trained parameter: float32 weight and gradient, and Adam's two moments."""
LOGITS_BYTES = 10
"""A logit in training: bfloat16, its float32 copy and the gradient of that."""


class Shape(Record):
    """A decoder's dimensions, as its config.json has them."""

    layers: int = Field(ge=1)
    hidden: int = Field(ge=1)
    intermediate: int = Field(ge=1)
    heads: int = Field(ge=1)
    kv_heads: int = Field(ge=1)
    head_dim: int = Field(ge=1)
    vocabulary: int = Field(ge=1)
    tied: bool = True
    """Whether the output layer is the table of embeddings."""

    @property
    def linear(self) -> list[tuple[int, int]]:
        """The (inputs, outputs) of a layer's linear maps."""
        heads, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        wide = self.intermediate
        attention = [
            (self.hidden, heads),
            (self.hidden, kv),
            (self.hidden, kv),
            (heads, self.hidden),
        ]
        return [*attention, (self.hidden, wide), (self.hidden, wide), (wide, self.hidden)]

    @property
    def parameters(self) -> int:
        """All weights but the norms."""
        tables = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return tables + self.layers * sum(one * two for one, two in self.linear)

    def adapter(self, rank: int) -> int:
        """The weights of LoRA on every linear map."""
        return self.layers * rank * sum(one + two for one, two in self.linear)


class Machine(Record):
    """A GPU and what is expected of it."""

    name: str
    peak_tflops: float = Field(gt=0)
    """Dense bfloat16, as its maker states it."""
    memory_gib: float = Field(gt=0)
    training: float = Field(0.35, gt=0, le=1)
    """Share of the peak reached in training."""
    sampling: float = Field(0.10, gt=0, le=1)
    """Share of the peak reached in sampling, which waits for memory."""


class Cost(Record):
    """Figures that a budget is estimated from; measured ones win over the machine's."""

    prompt_tokens: int = Field(100, ge=1)
    """Of a question in the prompt."""
    response_tokens: int | None = Field(None, ge=1)
    """Of a rationale; the limit of tokens where it is not known."""
    sampling_tokens_per_s: float | None = Field(None, gt=0)
    """Measured, of one job: generated tokens in sampling and probing."""
    training_tokens_per_s: float | None = Field(None, gt=0)
    """Measured, of one job: tokens of the rows trained on."""
    start_s: float = Field(10.0, ge=0)
    """To load a model."""
    shape: Shape | None = None
    machine: Machine | None = None


class Rates(Record):
    """Tokens a second of one job."""

    sampling: float
    reading: float
    """Of prompts."""
    training: float


def rates(cost: Cost) -> Rates | None:
    """The stated rates, or those that the formulas give; None where neither is known."""
    measured = cost.sampling_tokens_per_s, cost.training_tokens_per_s
    if measured[0] is not None and measured[1] is not None:
        # A measured rate of generation has the reading of prompts in it.
        return Rates(sampling=measured[0], reading=float("inf"), training=measured[1])
    if cost.shape is None or cost.machine is None:
        return None
    operations = 1e12 * cost.machine.peak_tflops / cost.shape.parameters
    return Rates(
        sampling=measured[0] or operations * cost.machine.sampling / 2,
        reading=operations * cost.machine.training / 2,
        training=measured[1] or operations * cost.machine.training / 6,
    )


def training_memory(shape: Shape, rank: int, batch: int, length: int, weight_bytes: float) -> float:
    """GiB that fine-tuning with LoRA and gradient checkpointing takes, at most.

    Weights; adapter with its gradients and moments; the inputs of each layer; one layer's inside
    while it is done again; the logits.
    """
    tokens = batch * length
    inside = 2 * tokens * (8 * shape.hidden + 4 * shape.intermediate)
    parts = (
        shape.parameters * weight_bytes,
        shape.adapter(rank) * ADAPTER_BYTES,
        2 * tokens * shape.layers * shape.hidden,
        inside,
        tokens * shape.vocabulary * LOGITS_BYTES,
    )
    return sum(parts) / GIB


def sampling_memory(shape: Shape, batch: int, length: int, weight_bytes: float) -> float:
    """GiB that generation takes: weights, and keys and values of every sequence at full length."""
    cache = 2 * shape.layers * shape.kv_heads * shape.head_dim * batch * length
    return weight_bytes * (shape.parameters + cache) / GIB
