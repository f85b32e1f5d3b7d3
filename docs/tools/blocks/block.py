"""Find the code blocks of a page that are run when it is built, and run them."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO, TextIOWrapper
from textwrap import dedent
from types import ModuleType
from typing import Any

BLOCK = re.compile(r"^(?P<indent> *)```python(?P<options>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$",
                   re.MULTILINE | re.DOTALL)  # fmt: skip
SESSION = re.compile(r'session="([^"]*)"')
HIDDEN = "# markdown-exec: hide"
MODULE = "page"  # what `__name__` is on a page


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Attributes:
        code: The code.
        line: The number of its first line on the page, from 1.
    """

    code: str
    line: int


@dataclass(frozen=True)
class Output:
    """What a block printed.

    Attributes:
        text: The printed text.
        error: The traceback if the block raised an exception, or None.
    """

    text: str
    error: str | None = None


def sessions_of(markdown: str) -> Iterator[list[Block]]:
    r"""Yield the blocks of each session of a page; a block without one is a session of its own.

    Args:
        markdown: The page.

    Examples:
        >>> start, end = '```python exec="on" session="a"\n', "\n```\n"
        >>> page = f'{start}x = 2{end}\nText.\n\n{start}print(x){end}'
        >>> list(sessions_of(page))
        [[Block(code='x = 2', line=2), Block(code='print(x)', line=8)]]
    """
    sessions: dict[str, list[Block]] = {}
    for found in BLOCK.finditer(markdown):
        if 'exec="on"' not in found["options"]:
            continue
        line = markdown.count("\n", 0, found.start("code")) + 1
        block = Block(plain(dedent(found["code"])), line)
        session = SESSION.search(found["options"])
        if session:
            sessions.setdefault(session[1], []).append(block)
        else:
            yield [block]
    yield from sessions.values()


def plain(code: str) -> str:
    """Return code without blank lines around it, however it was cut out of its page."""
    return code.strip("\n")


def run(page: str, blocks: Sequence[Block]) -> list[Output]:
    r"""Run the blocks of a session one after another, in one namespace.

    Later blocks run even if one fails, so a build reports all that is wrong.

    Args:
        page: The path of the page, for tracebacks.
        blocks: The blocks.

    Examples:
        >>> run("a.md", [Block("x = 2", 1), Block("print(x)", 5)])
        [Output(text='', error=None), Output(text='2\n', error=None)]
        >>> (output,) = run("a.md", [Block(r"print('\ud800')", 7)])  # half of a symbol
        >>> 'File "a.md", line 7' in output.error, output.error.splitlines()[-1][:35]
        (True, "UnicodeEncodeError: 'utf-8' codec c")
    """
    # Dataclasses and pickle look up the module that defines a class.
    module = sys.modules[MODULE] = ModuleType(MODULE)
    return [_run(page, block, module.__dict__) for block in blocks]


def _run(page: str, block: Block, namespace: dict[str, Any]) -> Output:
    printed = BytesIO()
    # Encoded at once, so that what no page can hold, a lone surrogate, is an error of its block.
    stream = TextIOWrapper(printed, encoding="utf-8", newline="", write_through=True)
    namespace["print"] = partial(print, file=stream)
    # With the blank lines, a traceback has the line numbers of the page, and quotes its lines.
    code = "\n" * (block.line - 1) + block.code
    try:
        exec(compile(code, page, "exec", dont_inherit=True), namespace)
    except (Exception, SystemExit) as error:  # a block that exits must not end the build
        ours = error.__traceback__ and error.__traceback__.tb_next  # without this function
        trace = "".join(traceback.format_exception(type(error), error, ours))
        encoded = trace.encode(errors="backslashreplace")  # as Python writes it to stderr
        return Output(printed.getvalue().decode(), encoded.decode())
    return Output(printed.getvalue().decode())
