"""Progress of training: a bar, and a line every few epochs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Never

from seqtoys.records.row import Row, describe

if TYPE_CHECKING:
    from tqdm import tqdm

BAR_DELAY = 0.5  # seconds; a shorter training shows no bar


class Progress:
    """A progress bar on stderr, and report lines that don't disturb it.

    Args:
        epochs: The maximum number of epochs.
        done: The number of epochs already done.
        show: Whether to show the bar. If None, only in a terminal or notebook.
        report_every: Print a line at the first of every `report_every` epochs, and at the last
            epoch. If None, no lines.

    Examples:
        >>> with Progress(1, show=False, report_every=1) as progress:
        ...     progress.update(Row(epoch=1, loss=1.5, accuracy=0.5, lr=0.1, prediction="hi"))
        epoch    1  loss 1.5000  accuracy  50.0%  hi
    """

    def __init__(
        self, epochs: int, *, show: bool | None, report_every: int | None, done: int = 0
    ) -> None:
        self.epochs = epochs
        self.report_every = report_every
        self._unreported: Row | None = None
        self._bar: tqdm[Never] | None = None
        if is_wanted(show):
            from tqdm import tqdm

            delay = 0 if show else BAR_DELAY
            self._bar = tqdm(total=epochs, initial=done, unit="epoch", delay=delay)

    @property
    def watcher(self) -> Callable[[Row], None] | None:
        """The callback for each epoch, or None if nothing is shown."""
        return None if self._bar is None and self.report_every is None else self.update

    def update(self, row: Row) -> None:
        """Show an epoch."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {row.loss:.4f}", refresh=False)
            self._bar.update()
        if self.report_every is not None:
            self._unreported = row
            if (row.epoch - 1) % self.report_every == 0:
                self._report()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._report()
        if self._bar is not None:
            self._bar.close()

    def _report(self) -> None:
        row, self._unreported = self._unreported, None
        if row is not None:
            from tqdm import tqdm

            width = max(4, len(str(self.epochs)))
            line = f"epoch {row.epoch:{width}}  loss {row.loss:.4f}  accuracy {row.accuracy:6.1%}"
            if row.validation_loss is not None:
                line += f"  held-out loss {row.validation_loss:.4f}"
            if row.prediction is not None:
                line += f"  {describe(row.prediction)}"
            tqdm.write(line)


def is_wanted(show: bool | None) -> bool:
    """Whether to show a bar; if `show` is None, only in a terminal or notebook.

    Examples:
        >>> is_wanted(True), is_wanted(False)
        (True, False)
    """
    return (sys.stderr.isatty() or "ipykernel" in sys.modules) if show is None else show
