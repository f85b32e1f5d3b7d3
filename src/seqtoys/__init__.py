"""Sequence toy tasks in PyTorch, and seven architectures that learn them."""

TYPE_CHECKING = False  # type checkers know that it is True for them

if TYPE_CHECKING:
    from seqtoys.public import *  # noqa: F403
    from seqtoys.public import __all__ as __all__
else:
    from seqtoys.support.lazy import LazyNames

    # Loading PyTorch takes seconds, so the public names are loaded when one is first used:
    # `python -m seqtoys --help` answers at once, and Ctrl-C soon reaches the command line.
    _public = LazyNames(globals(), "seqtoys.public")
    __getattr__, __dir__ = _public.get, _public.names
    del LazyNames

del TYPE_CHECKING
