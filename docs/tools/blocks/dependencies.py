"""Everything that the output of a code block depends on, as one digest."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("matplotlib", "numpy", "scipy", "torch")
FOLDERS = ("src", "examples", "benchmarks")
SKIPPED = ("__pycache__", "unfinished", ".egg-info", "benchmarks/scorecards/")
TOOLS = "docs/tools"
TOOL = re.compile(r"\btools\.([\w.]+)")
PAGES = re.compile(r"\.(?:css|html|js|md|svg)\b(?! import)")
ANY_TOOL = re.compile(r"\bimport tools\b|\bfrom tools import\b")


class Dependencies:
    """What the code blocks of the pages depend on, as it is in the repository now.

    Every block depends on the versions of Python and of the packages that compute or draw, and on
    each file of the library, of the examples and of the benchmarks. A block depends on the modules
    in docs/tools that it imports, directly or not. If its code or theirs mentions a kind of file
    that is in docs, it depends on all files there. When in doubt, a block depends on more.

    Args:
        root: The repository.
        versions: The versions of what runs the blocks. If None, the installed ones.

    Examples:
        >>> here = Dependencies(Path())
        >>> len(here.digest(["x = 1", "print(x)"]))
        64
        >>> here.digest(["print(1)"]) == here.digest(["print(2)"])
        False
    """

    def __init__(self, root: Path, versions: Sequence[str] | None = None) -> None:
        self.root: Path = root
        self.tools: dict[str, str] = {
            ".".join(path.relative_to(root / TOOLS).with_suffix("").parts): path.read_text("utf-8")
            for path in (root / TOOLS).rglob("*.py")
        }
        everywhere = [*(installed() if versions is None else versions), *self._digests(*FOLDERS)]
        self.always: str = digest_of(everywhere)
        self._pages: str = digest_of(self._digests("docs", "*.md"))

    def digest(self, codes: Sequence[str]) -> str:
        """Return a digest of blocks and of all that they depend on.

        Args:
            codes: The blocks of a session, up to the one whose output is asked for.
        """
        used = self._used("\n".join(codes))
        texts = [self.tools[name] for name in used]
        pages = [self._pages] if any(map(PAGES.search, [*codes, *texts])) else []
        return digest_of([self.always, *pages, digest_of([*used, *texts]), *codes])

    def _used(self, code: str) -> list[str]:
        """Return the modules of docs/tools that code needs, directly or not."""
        needed, texts = set[str](), [code]
        while texts:
            added = self._named(texts.pop()) - needed
            needed |= added
            texts += [self.tools[name] for name in added]
        return sorted(needed)

    def _named(self, text: str) -> set[str]:
        """Return the modules that code may mean: those it names, or all of a package it names."""
        if ANY_TOOL.search(text):
            return set(self.tools)
        named = TOOL.findall(text)
        return {tool for tool in self.tools for name in named if _is_part(tool, name)}

    def _digests(self, *patterns: str) -> Iterator[str]:
        """Yield the name of each file, and a digest of its contents."""
        for path in sorted({path for each in patterns for path in self._files(each)}):
            yield path.relative_to(self.root).as_posix()
            yield sha256(path.read_bytes()).hexdigest()

    def _files(self, pattern: str) -> Iterator[Path]:
        for found in self.root.glob(pattern):
            for path in found.rglob("*") if found.is_dir() else [found]:
                name = path.relative_to(self.root).as_posix()
                if path.is_file() and not any(part in name for part in SKIPPED):
                    yield path


def _is_part(tool: str, name: str) -> bool:
    """Return whether a dotted name is a module, something in it, or a package it is in."""
    return f"{name}.".startswith(f"{tool}.") or f"{tool}.".startswith(f"{name}.")


def installed() -> list[str]:
    """Return the versions of Python and of the packages that compute or draw.

    Examples:
        >>> [each.split()[0] for each in installed()]
        ['python', 'matplotlib', 'numpy', 'scipy', 'torch']
    """
    return [f"python {platform.python_version()} {platform.machine()}", *map(_version, PACKAGES)]


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} is not installed"


def digest_of(texts: Iterable[str]) -> str:
    """Return a digest of texts that differs if any of them, or their division, differs.

    Examples:
        >>> digest_of(["ab", "c"]) == digest_of(["a", "bc"])
        False
    """
    total = sha256()
    for text in texts:
        total.update(sha256(text.encode()).digest())
    return total.hexdigest()
