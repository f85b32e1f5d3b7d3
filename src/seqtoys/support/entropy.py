"""The entropy of a few shares."""

from __future__ import annotations

import math


def entropy(*shares: float) -> float:
    """Compute the entropy of shares that add up to 1, in nats; a lone one is joined by the rest.

    Args:
        *shares: The shares, or one of two.

    Examples:
        >>> entropy(0.3), entropy(0.3, 0.7)
        (0.6108..., 0.6108...)
    """
    whole = shares if len(shares) > 1 else (*shares, 1 - shares[0])
    return -sum(share * math.log(share) for share in whole if share) + 0.0  # no -0.0
