"""The units of a loss: nats, bits or perplexity."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from seqtoys.support.uncertainty import Estimate

Units: TypeAlias = Literal["nats", "bits", "perplexity"]
"""The units of a loss per scored symbol."""


def in_units(loss: float, units: Units) -> Estimate:
    """Convert a loss in nats per scored symbol to bits, or to a perplexity, with its error.

    Args:
        loss: The loss, possibly an `Estimate`.
        units: The units. A perplexity is `exp(loss)`; that of an excess is a ratio of two.

    Examples:
        >>> in_units(Estimate(0.6931, 0.01), "bits"), in_units(0.0, "perplexity")
        (Estimate(0.9999..., 0.0144...), Estimate(1.0, 0.0))
    """
    error = loss.standard_error if isinstance(loss, Estimate) else 0.0
    if units == "nats":
        return Estimate(float(loss), error)
    if units == "bits":
        return Estimate(loss / math.log(2), error / math.log(2))
    perplexity = math.exp(loss) if loss < 700 else math.inf  # exp would overflow
    return Estimate(perplexity, perplexity * error if error else 0.0)
