"""Sequence toy tasks in PyTorch, and seven architectures that learn them."""

import importlib

TYPE_CHECKING = False  # type checkers know that it is True for them

if TYPE_CHECKING:
    from seqtoys.public import *  # noqa: F403
    from seqtoys.public import __all__ as __all__
else:
    # Loading PyTorch takes seconds, so the public names are loaded when one is first used:
    # `python -m seqtoys --help` answers at once, and Ctrl-C soon reaches the command line. For the
    # same reason, nothing is imported from typing.
    def __getattr__(name: str) -> object:
        names, public = globals(), importlib.import_module("seqtoys.public")
        names.update({each: getattr(public, each) for each in public.__all__})
        names["__all__"] = public.__all__
        if name not in names:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        return names[name]

    def __dir__() -> list[str]:
        return __getattr__("__all__")


del TYPE_CHECKING
