"""Progress of training: a bar, and a line every few epochs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Never

from seqtoys.records.ensemble_history import EnsembleHistory
from seqtoys.records.foot import PHRASES, endings
from seqtoys.records.history import History
from seqtoys.records.history_fields import INTERRUPTED
from seqtoys.records.row import Row, describe

if TYPE_CHECKING:
    from tqdm import tqdm

BAR_DELAY = 0.5  # seconds; a shorter training shows no bar
PIPE_INTERVAL = 60.0  # seconds between bars in a file or a pipe, which keeps all of them
ENDED_EARLY = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"


class Progress:
    """A progress bar on stderr, and report lines that don't disturb it.

    The bar leaves one line, which says why training ended if that was before the last epoch.

    Args:
        epochs: The maximum number of epochs.
        history: The history, which says why training ended.
        show: Whether to show the bar. If None, only in a terminal, or in a notebook without report
            lines, which would come between two bars there.
        report_every: Print a line at the first of every `report_every` epochs, and at the last
            epoch. If None, no lines.

    Examples:
        >>> from seqtoys.results import Baselines
        >>> history = History(Baselines(1.6, 0.5, 0.0))
        >>> with Progress(1, history, show=False, report_every=1) as progress:
        ...     progress.update(Row(epoch=1, loss=1.5, accuracy=0.5, lr=0.1, prediction="hi"))
        epoch    1  loss 1.5000  accuracy  50.0%  hi
    """

    def __init__(
        self,
        epochs: int,
        history: History | EnsembleHistory,
        *,
        show: bool | None,
        report_every: int | None,
    ) -> None:
        self.epochs = epochs
        self.history = history
        self.report_every = report_every
        self._unreported: Row | None = None
        self._loss = ""
        self._bar: tqdm[Never] | None = None
        self._in_pipe = not (sys.stderr.isatty() or _in_notebook())
        if show is None and report_every is not None and not sys.stderr.isatty():
            show = False
        if is_wanted(show):
            from tqdm import tqdm

            least, most = (PIPE_INTERVAL, PIPE_INTERVAL) if self._in_pipe else (0.1, 10.0)
            self._bar = tqdm(
                total=epochs,
                initial=len(history.lr),
                unit="epoch",
                delay=PIPE_INTERVAL if self._in_pipe else 0 if show else BAR_DELAY,
                mininterval=least,
                maxinterval=most,
            )
            self._leaves_line = bool(show)

    @property
    def watcher(self) -> Callable[[Row], None] | None:
        """The callback for each epoch, or None if nothing is shown."""
        return None if self._bar is None and self.report_every is None else self.update

    def update(self, row: Row) -> None:
        """Show an epoch."""
        if self._bar is not None:
            self._loss = f"loss {row.loss:.4f}, "
            self._bar.set_postfix_str(self._loss[:-2], refresh=False)
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
            self._say_why()
            if self._leaves_line:
                self._bar.delay = 0  # or else a bar that was never shown leaves no line
            self._bar.close()

    def _say_why(self) -> None:
        """Add why training ended before its last epoch; a bar at 22% would look stuck."""
        bar, history = self._bar, self.history
        if bar is None or bar.n >= self.epochs:
            return
        stopped = [history.stopped] if isinstance(history, History) else history.stopped
        reason = PHRASES[stopped[0]] if len(stopped) == 1 else endings(stopped)
        bar.bar_format = ENDED_EARLY
        bar.set_postfix_str(f"{self._loss}{reason}", refresh=False)
        if not set(stopped) & set(INTERRUPTED):
            bar.total = bar.n  # nothing is left to do

    def _report(self) -> None:
        row, self._unreported = self._unreported, None
        if row is not None:
            width = max(4, len(str(self.epochs)))
            line = f"epoch {row.epoch:{width}}  loss {row.loss:.4f}  accuracy {row.accuracy:6.1%}"
            if row.validation_loss is not None:
                line += f"  held-out loss {row.validation_loss:.4f}"
            if row.prediction is not None:
                line += f"  {describe(row.prediction)}"
            if self._bar is None or self._in_pipe:
                print(line, flush=True)
            else:  # above the bar
                self._bar.write(line)


def is_wanted(show: bool | None) -> bool:
    """Whether to show a bar; if `show` is None, only in a terminal or notebook.

    Examples:
        >>> is_wanted(True), is_wanted(False)
        (True, False)
    """
    return (sys.stderr.isatty() or _in_notebook()) if show is None else show


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
