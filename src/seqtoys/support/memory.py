"""Checks for available memory, and out-of-memory errors."""

from __future__ import annotations

import functools
import math
import os
import re
from contextlib import ContextDecorator

import torch

from seqtoys.errors import OptionError, SeqtoysError, quoted

# Out-of-memory messages that PyTorch, NumPy and Python raise without a dedicated error type. The
# patterns are strict: any other error may come from user code, such as a task's `draw`.
TOO_LARGE = re.compile(
    "DefaultCPUAllocator: |(Storage size|Stride) calculation overflowed"
    "|Overflow when unpacking long|^value cannot be converted to type int64_t without overflow"
    "|^array is too big; |^Maximum allowed (dimension|size) exceeded$"
    "|^Python int too large to convert to C |^cannot fit 'int' into an index-sized integer$"
)


class EnoughMemory(ContextDecorator):
    """Converts out-of-memory errors, and no others, to errors of this library.

    Raises:
        OptionError: If PyTorch, NumPy or Python run out of memory.

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
    """Return whether an error from any library means that there is too little memory.

    Examples:
        >>> is_lack_of_memory(MemoryError()), is_lack_of_memory(RuntimeError("cannot fit"))
        (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return not isinstance(error, SeqtoysError) and bool(TOO_LARGE.search(str(error)))


def check_room(what: str, count: int, size: int) -> None:
    """Check that items fit in the memory of this machine before allocating them.

    Some systems grant more memory than exists, and then swap for minutes. While a graph is
    compiled, nothing is checked.

    Args:
        what: What to call the items in messages.
        count: The number of items.
        size: The size of one item, in bytes.

    Raises:
        OptionError: If they need more than the physical memory.

    Examples:
        >>> check_room("sequences", 10**16, 800)
        Traceback (most recent call last):
        seqtoys.errors.OptionError: not enough memory for 10,000,000,000,000,000 sequences: ...
    """
    if not torch.compiler.is_compiling() and count * size > physical_memory():
        many, needed = (
            f"{n:,}" if n < 10**30 else quoted(n) for n in (count, count * size // 10**9)
        )
        raise OptionError(
            f"not enough memory for {many} {what}: they need {needed} GB, "
            f"and this machine has {physical_memory() / 10**9:.0f} GB"
        )


@functools.cache
def physical_memory() -> float:
    """Return the physical memory of this machine in bytes, or infinity if unknown.

    Examples:
        >>> physical_memory() > 10**8
        True
    """
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return math.inf
