"""Fingerprints of tensors, which are equal only for equal contents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from torch import Tensor

from seqtoys.support.serialization import bytes_of


def digest(tensors: Iterable[tuple[str, Tensor]], text: str = "") -> str:
    """Compute the SHA-256 of named tensors and a text, in hexadecimal.

    Args:
        tensors: Names and contiguous tensors on the CPU; dtype and shape are included.
        text: Additional text to include.

    Examples:
        >>> import torch
        >>> digest([("ones", torch.ones(2))])[:12]
        'c4bda85ca233'
    """
    found = hashlib.sha256(text.encode())
    for name, tensor in tensors:
        found.update(f"\n{name}\n{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(bytes_of(tensor))
    return found.hexdigest()


def brief(*tensors: Tensor | None, text: str = "") -> str:
    """Return a short digest of tensors on any device, for use in messages.

    Examples:
        >>> import torch
        >>> len(brief(torch.ones(2)))
        12
    """
    kept = [(str(at), x.cpu().contiguous()) for at, x in enumerate(tensors) if x is not None]
    return digest(kept, text)[:12]
