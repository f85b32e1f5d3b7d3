"""Run the code blocks of all pages before the pages are rendered, several at once."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Iterable, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from tools.blocks.block import Block, Output, run, sessions_of
from tools.blocks.dependencies import Dependencies
from tools.blocks.outputs import Outputs

PAUSE = 10.0  # seconds: how often outputs are stored
UNFINISHED = "This code is still running. The page reloads when it has finished."


class Run(NamedTuple):
    """The run of a session, and the place of a block in it."""

    future: Future[list[Output]]
    place: int


class Runs:
    """The outputs of code blocks: stored ones, and those of sessions that have to run.

    A session runs in a process that was started in the same build, so it uses the code that is
    in the repository now. An output is stored unless its block failed, or something that it
    depends on has changed meanwhile.

    Args:
        root: The repository.
        outputs: Where outputs are stored.
        patience: For how many seconds `start` waits for outputs. If None, until all are there.
    """

    def __init__(self, root: Path, outputs: Outputs, patience: float | None = None) -> None:
        self.root: Path = root
        self.outputs: Outputs = outputs
        self.patience: float | None = patience
        self._now: Dependencies = Dependencies(root)
        self._pool: ProcessPoolExecutor | None = None
        self._runs: dict[str, Run] = {}
        self._seen: set[str] = set()  # the outputs that `store` has dealt with
        self._codes: dict[str, tuple[str, ...]] = {}  # for each digest
        self._failed: dict[str, Output] = {}  # kept, as later builds would fail again, and wait

    def start(self, pages: Iterable[tuple[str, str]]) -> None:
        """Run the sessions that have an output that is not stored, and wait for them.

        Args:
            pages: The path and the text of each page.
        """
        self.stop()
        self._now = Dependencies(self.root)
        missing = [
            (page, blocks)
            for page, text in pages
            for blocks in sessions_of(text)
            if any(self._known(digest) is None for digest in self._digests(blocks))
        ]
        # Much code tends to run for long, and should not be left alone at the end.
        for page, blocks in sorted(missing, key=_length, reverse=True):
            self._submit(page, blocks)
        self._wait()

    def _wait(self) -> None:
        """Wait, and store outputs meanwhile: a build that is stopped can go on from there."""
        end = math.inf if self.patience is None else time.monotonic() + self.patience
        futures = {each.future for each in self._runs.values()}
        while futures:
            left = max(end - time.monotonic(), 0.0)
            _, futures = wait(futures, min(left, PAUSE))
            self.store()
            if left <= PAUSE:
                return

    def are_finished(self) -> bool:
        """Return whether no session is running."""
        return all(each.future.done() for each in self._runs.values())

    def store(self) -> None:
        """Store what has run, unless its dependencies changed while it ran."""
        now = Dependencies(self.root)
        for digest, (future, place) in self._runs.items():
            if digest in self._seen or not _has_ended(future):
                continue
            self._seen.add(digest)
            output = future.result()[place]
            if output.error is not None:
                self._failed[digest] = output
            elif now.digest(self._codes[digest]) == digest:
                self.outputs.write(digest, output.text)

    def stop(self) -> None:
        """Forget the sessions that are running; those that have begun end in the background."""
        if self._pool:
            # A pool at rest ends at once. If Python exits meanwhile, it prints an error.
            self._pool.shutdown(wait=self.are_finished(), cancel_futures=True)
        self._pool, self._runs, self._seen = None, {}, set()

    def output(self, page: str, codes: Sequence[str]) -> Output:
        """Return the output of the last block of a session.

        Args:
            page: The path of the page.
            codes: The blocks of the session up to this one.
        """
        digest = self._now.digest(codes)
        if digest not in self._runs:
            known = self._known(digest)
            if known is not None:
                return known
            self._submit(page, [Block(code, 1) for code in codes])  # one that `start` did not see
        future, place = self._runs[digest]
        if self.patience is not None and not future.done():
            return Output(UNFINISHED)
        error = future.exception()  # waits until the session has ended
        if error is None:
            return future.result()[place]
        # The page must show it: an exception that is raised while a block is rendered is dropped.
        if isinstance(error, BrokenExecutor):  # such as a process that was killed for its memory
            return Output("", f"The process that ran this code, or other code, died: {error}\n")
        return Output("", "".join(traceback.format_exception(error)))

    def _known(self, digest: str) -> Output | None:
        text = self.outputs.read(digest)
        return self._failed.get(digest) if text is None else Output(text)

    def _digests(self, blocks: Sequence[Block]) -> list[str]:
        codes = tuple(block.code for block in blocks)
        firsts = [codes[: index + 1] for index in range(len(codes))]
        digests = [self._now.digest(each) for each in firsts]
        self._codes.update(zip(digests, firsts, strict=True))
        return digests

    def _submit(self, page: str, blocks: Sequence[Block]) -> None:
        if self._pool is None:
            spawn = get_context("spawn")  # a fork would keep the modules of an earlier build
            self._pool = ProcessPoolExecutor(mp_context=spawn, initializer=prepare)
        future = self._pool.submit(run_alone, page, blocks)
        for index, digest in enumerate(self._digests(blocks)):
            self._runs.setdefault(digest, Run(future, index))


def _length(session: tuple[str, Sequence[Block]]) -> int:
    return sum(len(block.code) for block in session[1])


def _has_ended(future: Future[list[Output]]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def prepare() -> None:
    """Set up matplotlib for figures on a page."""
    import matplotlib

    matplotlib.use("agg")  # a page needs no window
    matplotlib.rcParams["font.size"] = 12  # points: 16 pixels, like the text of the page


def run_alone(page: str, blocks: Sequence[Block]) -> list[Output]:
    """Run a session, and let the next one find no figure and the same random state.

    Args:
        page: The path of the page.
        blocks: The blocks.
    """
    import torch
    from matplotlib import pyplot

    with torch.random.fork_rng(devices=[]):
        outputs = run(page, blocks)
    pyplot.close("all")
    return outputs
