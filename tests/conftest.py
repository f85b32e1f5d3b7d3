"""Fixtures that several test files share."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
import torch


def pytest_configure() -> None:
    """One thread, as for tensors this small two would mostly wait for each other; Ctrl-C heard."""
    torch.set_num_threads(1)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in what a shell runs behind
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def type_checks_as_marked(request: pytest.FixtureRequest) -> None:
    """Run-time type checks only where a test is marked `type_checked`: they cost 3 to 5 times."""
    if request.node.get_closest_marker("type_checked") is None:
        request.getfixturevalue("unchecked")


@pytest.fixture
def untraced() -> Iterator[None]:
    """Don't measure the coverage of what trains for seconds; other tests cover the same lines."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.fixture
def assert_told(unchecked: None) -> Callable[[Callable[[], object], type[Exception], str], None]:
    """Assert that a call raises one of the library's errors, with this whole message."""

    from seqtoys import SeqtoysError  # after the run-time type checks are installed

    def told(call: Callable[[], object], kind: type[Exception], message: str) -> None:
        with pytest.raises(kind) as caught:
            call()
        assert str(caught.value) == message
        assert isinstance(caught.value, SeqtoysError)

    return told


@pytest.fixture
def drawn() -> Callable[[Any], Any]:
    """Draw a figure; assert that no text is small and none lies on another; give its axes back."""

    def draw(ax: Any) -> Any:
        from matplotlib.text import Text

        figure = ax.get_figure(root=True)
        figure.canvas.draw()
        every = [part for each in figure.axes for part in (each, *each.child_axes)]
        texts = [text for each in every for text in _texts(each)]
        assert all(text.get_size() >= ax.xaxis.label.get_size() for text in texts)
        boxes = [Text.get_window_extent(text).padded(-1) for text in texts]  # without arrows
        for (one, a), (other, b) in combinations(zip(texts, boxes, strict=True), 2):
            assert not a.overlaps(b), (one.get_text(), other.get_text())
        return ax

    return draw


def _texts(ax: Any) -> list[Any]:
    """The texts of axes that can be seen."""
    ticks = [
        tick.label2 if tick.label2.get_visible() else tick.label1
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis.get_major_ticks()
        if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    ]
    texts = [*ticks, *ax.texts, ax.xaxis.label, ax.yaxis.label, ax.title]
    return [text for text in texts if text.get_text()]


@pytest.fixture(autouse=True)
def global_state_untouched() -> Iterator[None]:
    """No test, and so nothing in the library, may leave the global random state changed."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture(autouse=True)
def global_style_untouched() -> Iterator[None]:
    """No figure may change the style that matplotlib draws all figures in."""
    before = _style()
    yield
    assert not before or _style() == before


def _style() -> dict[str, Any]:
    """The settings of matplotlib, if it is loaded; as a plain `dict`, which is 10 times faster."""
    matplotlib = sys.modules.get("matplotlib")
    return dict(dict.items(matplotlib.rcParams)) if matplotlib else {}
