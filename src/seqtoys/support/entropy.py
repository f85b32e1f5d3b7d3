"""The entropy of a discrete distribution."""

from __future__ import annotations

import math


def entropy(*shares: float) -> float:
    """Compute the entropy of a discrete distribution, in nats.

    Args:
        *shares: The probabilities, which sum to 1, or one of only two.

    Examples:
        >>> entropy(0.3), entropy(0.3, 0.7)
        (0.6108..., 0.6108...)
    """
    whole = shares if len(shares) > 1 else (*shares, 1 - shares[0])
    return -sum(share * math.log(share) for share in whole if share) + 0.0  # no -0.0
