"""PyTorch's own random numbers, which a user's model may draw: dropout does."""

from __future__ import annotations

import torch
from torch import Tensor

from seqtoys.errors import DataError
from seqtoys.support.serialization import Plain, mismatch


class GlobalDraws:
    """PyTorch's global generators while a training runs.

    Nothing in this library draws from them. But a training whose model does can only be resumed
    where they stood: they are set to that, and set back at the end if nothing was drawn.

    Args:
        device: Where the model is.

    Examples:
        >>> before = torch.get_rng_state()
        >>> with GlobalDraws(torch.device("cpu")) as draws:
        ...     draws.restore([torch.Generator().manual_seed(5).get_state()])
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = [device] if device.type == "cuda" else []
        self._own: list[Tensor] | None = None  # where they stood before they were set
        self._start: list[Tensor] = []

    def state(self) -> list[Tensor]:
        """Where the generators stand."""
        on_gpu = [torch.cuda.get_rng_state(device) for device in self._on_gpu]
        return [torch.get_rng_state(), *on_gpu]

    def check(self, state: Plain) -> None:
        """Make sure that generators can stand there.

        Raises:
            DataError: If they can't.
            RuntimeError: If PyTorch says so.
        """
        wrong = mismatch(state, self.state(), "draws")
        if wrong is not None:
            raise DataError(wrong)
        torch.Generator().set_state(state[0])  # a GPU's can be anything of its length

    def restore(self, state: list[Tensor]) -> None:
        """Set the generators to where they stood."""
        self._own, self._start = self.state(), state
        self._set(state)

    def __enter__(self) -> GlobalDraws:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._own is not None and all(map(torch.equal, self.state(), self._start)):
            self._set(self._own)

    def _set(self, state: list[Tensor]) -> None:
        torch.set_rng_state(state[0])
        for device, where in zip(self._on_gpu, state[1:], strict=True):
            torch.cuda.set_rng_state(where, device)
