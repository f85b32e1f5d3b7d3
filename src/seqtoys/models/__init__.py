"""Networks, how any model is run and checked, and how models are saved.

Imports `seqtoys.records` and what lies below it; never a task.
"""

import importlib

TYPE_CHECKING = False  # type checkers know that it is True for them

if TYPE_CHECKING:
    from seqtoys.models.public import *  # noqa: F403
    from seqtoys.models.public import __all__ as __all__
else:
    # Other packages import single modules of this one, which must not load every model.
    def __getattr__(name: str) -> object:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        names, public = globals(), importlib.import_module("seqtoys.models.public")
        names.update({each: getattr(public, each) for each in public.__all__})
        names["__all__"] = public.__all__
        if name not in names:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        return names[name]

    def __dir__() -> list[str]:
        return __getattr__("__all__")


del TYPE_CHECKING
