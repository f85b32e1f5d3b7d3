"""Public names of a package that are loaded when one of them is first used (PEP 562)."""

# Nothing is imported from typing or collections.abc: a program's start waits for this module.

import importlib


class LazyNames:
    """Loads the public names of a package from one of its modules.

    Args:
        package: The globals of the package.
        module: The full name of the module that defines them in `__all__`.

    Examples:
        >>> package = {"__name__": "package"}
        >>> LazyNames(package, "seqtoys.public").get("Vocab")
        <class 'seqtoys.data.vocab.Vocab'>
        >>> "ElmanCharModel" in package
        True
    """

    def __init__(self, package: dict[str, object], module: str) -> None:
        """Remember where the names are."""
        self._package = package
        self._module = module

    def get(self, name: str) -> object:
        """Return the value of a name, after loading all; the `__getattr__` of the package.

        Args:
            name: The name.

        Raises:
            AttributeError: If there is no such name.
        """
        # Python asks every package for names such as __path__, which should load nothing.
        if not name.startswith("__") or name in ("__all__", "__version__"):
            public = importlib.import_module(self._module)
            found = {each: getattr(public, each) for each in public.__all__}
            self._package.update(found, __all__=public.__all__)
        if name not in self._package:
            raise AttributeError(f"module '{self._package['__name__']}' has no attribute '{name}'")
        return self._package[name]

    def names(self) -> object:
        """Return all names; the `__dir__` of the package."""
        return self.get("__all__")
