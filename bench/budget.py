"""How much may still be spent: which requests fit under a limit even if each costs the most it can.

A price comes from the registry of models, through what a backend says of itself. A request costs at
most its prompt, counted so that no tokenizer makes more of it, and as many tokens as it may write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from starprobe.bench.models.base import Request
from starprobe.bench.records import ModelInfo, Response
from starprobe.probes.errors import InputError

PAID = frozenset({"openai", "anthropic"})
"""Backends whose models cost money, unless they are served on this machine."""


def spent(responses: Iterable[Response]) -> float:
    """Dollars that these responses have cost, as far as it is known."""
    return sum(row.usage.cost or 0.0 for row in responses if row.usage is not None)


def prices(info: ModelInfo) -> tuple[float, float] | None:
    """Dollars a million tokens in and out; None for a model that costs nothing here.

    Raises:
        InputError: the model costs money and its price is not known.
    """
    price = info.details.get("price")
    if isinstance(price, dict):
        return float(price["input"]), float(price["output"])
    if info.name.partition(":")[0] not in PAID or _local(info.endpoint):
        return None
    raise InputError(
        f"--budget needs the price of {info.name}, which is not known: give it one in your "
        f"models.toml (see `starprobe models --help`), or leave --budget out"
    )


def most(request: Request, price: tuple[float, float]) -> float:
    """Dollars that a request can cost at most, if it is answered at the first try."""
    text = "".join(turn.content for turn in request.prompt.messages)
    if request.chat is False:
        text = request.prompt.text
    # A token is at least a byte; a template adds a few tokens a turn.
    tokens = len(text.encode("utf-8", "replace")) + 16 * len(request.prompt.messages)
    return (tokens * price[0] + request.sampling.max_tokens * price[1]) / 1e6


def affordable(
    requests: Sequence[Request], price: tuple[float, float] | None, left: float
) -> Iterator[Request]:
    """The first requests whose highest costs together fit into what is left."""
    for request in requests:
        if price is not None:
            left -= most(request, price)
            if left < 0:
                return
        yield request


def _local(endpoint: str | None) -> bool:
    from starprobe.bench.models.http_keys import is_local

    return endpoint is None or is_local(endpoint)
