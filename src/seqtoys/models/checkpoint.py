"""Checkpoint: where and how often `fit` saves a training run."""

from __future__ import annotations

from dataclasses import dataclass

from seqtoys.support.arguments import check_type
from seqtoys.support.atomic_file import PathLike
from seqtoys.support.values import check_length


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often `fit` saves a training run, so that it can be resumed.

    `fit` writes the file atomically before the first epoch, then every `every` epochs, at the end,
    and on Ctrl-C.

    `fit` does not replace an unfinished training run unless it resumes that run. Otherwise,
    running the same notebook cell twice would destroy the run that Ctrl-C saved. It also does not
    replace a file that this library did not write. A saved model and a finished training run are
    replaced.

    Attributes:
        path: The file.
        every: The number of epochs between saves. For a tiny model, writing to disk takes longer
            than an epoch.
        overwrite: Whether to replace the file regardless of its contents.

    Raises:
        OptionError: If `every` is not a positive integer.

    Examples:
        >>> Checkpoint("hello.safetensors", every=100)
        Checkpoint(path='hello.safetensors', every=100, overwrite=False)
    """

    path: PathLike
    every: int
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_type("path", self.path, PathLike)
        vars(self)["every"] = check_length(self.every, "every")
        vars(self)["overwrite"] = check_type("overwrite", self.overwrite, bool)
