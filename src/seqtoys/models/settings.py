"""The sizes and options that all models of this package share."""

from __future__ import annotations

from dataclasses import dataclass

from seqtoys.support.arguments import check_fields
from seqtoys.support.values import check_count


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The sizes and options of a model, apart from vocabulary and seed.

    Subclasses add fields. Their types are checked against the annotations, and integers must be
    positive.

    Attributes:
        hidden_size: The width of the model: the size of the vectors that the readout reads.
        num_layers: Number of stacked layers.
        batch_first: Whether tensors are `(batch, time, …)` rather than `(time, batch, …)`.

    Raises:
        InputTypeError: If an option has the wrong type.
        OptionError: If a size is not positive.

    Examples:
        >>> Settings(hidden_size=32)
        Settings(hidden_size=32, num_layers=1, batch_first=True)
        >>> Settings(hidden_size=0)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: expected hidden_size to be a positive integer, got 0
    """

    hidden_size: int
    num_layers: int = 1
    batch_first: bool = True

    def __post_init__(self) -> None:
        check_fields(self)
        for name, value in vars(self).items():
            if type(value) is int:
                check_count(name, value, 1)
