"""Memory: how much there is, and the errors that say there is too little."""

from __future__ import annotations

import functools
import math
import os
import re
from contextlib import ContextDecorator

import torch

from seqtoys.errors import OptionError, SeqtoysError, quoted

# What PyTorch, NumPy and Python say in errors that have no type of their own. The match is exact,
# as other errors are those of the user's own code, such as a task's `draw`.
TOO_LARGE = re.compile(
    "DefaultCPUAllocator: |Storage size calculation overflowed|Overflow when unpacking long"
    "|^value cannot be converted to type int64_t without overflow"
    "|^array is too big; |^Maximum allowed (dimension|size) exceeded$"
    "|^Python int too large to convert to C |^cannot fit 'int' into an index-sized integer$"
)


class EnoughMemory(ContextDecorator):
    """Turns a lack of memory, and nothing else, into an error of the library.

    Raises:
        OptionError: If PyTorch, NumPy or Python lack memory.

    Examples:
        >>> import numpy as np
        >>> with EnoughMemory():
        ...     table = np.zeros(2**62)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: not enough memory: array is too big; ...
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and is_lack_of_memory(error):
            reason = str(error).partition("\n")[0]
            raise OptionError(f"not enough memory{': ' * bool(reason)}{reason}") from error


def is_lack_of_memory(error: Exception) -> bool:
    """Return whether an error says that there is too little memory, whoever raised it.

    Examples:
        >>> is_lack_of_memory(MemoryError()), is_lack_of_memory(RuntimeError("cannot fit"))
        (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return not isinstance(error, SeqtoysError) and bool(TOO_LARGE.search(str(error)))


def check_room(what: str, count: int, size: int) -> None:
    """Check that the memory of this machine has room for something, before it is made.

    The system may grant more memory than there is, and then be busy for minutes.

    Args:
        what: What messages call it.
        count: How many of it there would be.
        size: The size of one, in bytes.

    Raises:
        OptionError: If it is larger than all memory.

    Examples:
        >>> check_room("sequences", 10**16, 800)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: not enough memory for 10,000,000,000,000,000 sequences: ...
    """
    if count * size > physical_memory():
        many, needed = (
            f"{n:,}" if n < 10**30 else quoted(n) for n in (count, count * size // 10**9)
        )
        raise OptionError(
            f"not enough memory for {many} {what}: {needed} GB, "
            f"with {physical_memory() / 10**9:.0f} GB in all"
        )


@functools.cache
def physical_memory() -> float:
    """The memory of this machine in bytes, or infinity if the system does not say.

    Examples:
        >>> physical_memory() > 10**8
        True
    """
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # there is no sysconf on Windows
        return math.inf
