"""Public names that are loaded when they are first used, each from its own module (PEP 562)."""

# Nothing is imported from typing or collections.abc: a program's start waits for this module.

import importlib


class LazyNames:
    """The public names of a package, none of which is loaded before it is used.

    Args:
        package: The globals of the package.
        modules: The module of `seqtoys` that defines each name.

    Examples:
        >>> package = {"__name__": "package"}
        >>> names = LazyNames(package, {"Batch": "data.batch", "Vocab": "data.vocab"})
        >>> names.get("Vocab")
        <class 'seqtoys.data.vocab.Vocab'>
        >>> "Vocab" in package, "Batch" in package
        (True, False)
    """

    def __init__(self, package: dict[str, object], modules: dict[str, str]) -> None:
        """Remember where the names are."""
        self._package = package
        self._modules = modules

    def get(self, name: str) -> object:
        """Return the value of a name, and keep it; the `__getattr__` of the package.

        Args:
            name: The name.

        Raises:
            AttributeError: If there is no such name.
        """
        if name not in self._modules:
            raise AttributeError(f"module '{self._package['__name__']}' has no attribute '{name}'")
        module = importlib.import_module(f"seqtoys.{self._modules[name]}")
        self._package[name] = getattr(module, name)
        return self._package[name]

    def names(self) -> list[str]:
        """Return all names; the `__dir__` of the package."""
        return list(self._modules)
