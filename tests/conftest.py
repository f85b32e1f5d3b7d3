"""Fixtures that several test files share."""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings


def pytest_configure() -> None:
    """Use one thread, which is faster for tensors this small, and handle Ctrl-C."""
    torch.set_num_threads(1)
    settings.register_profile("untimed", deadline=None)  # other processes may be running
    settings.load_profile("untimed")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in background jobs of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def type_checks_as_marked(request: pytest.FixtureRequest) -> None:
    """Check types at run time only in tests marked `type_checked`: it takes longer."""
    if request.node.get_closest_marker("type_checked") is None:
        request.getfixturevalue("unchecked")


@pytest.fixture(autouse=True)
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget when Ctrl-C was pressed: tests press it more often than once a second."""
    from seqtoys.training.interrupt import Interrupts

    monkeypatch.setattr(Interrupts, "_last", -math.inf)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each Ctrl-C of a test for the first one."""
    monkeypatch.setattr("seqtoys.training.interrupt.IMPATIENT", 0.0)


@pytest.fixture
def double() -> Iterator[None]:
    """Use double precision, and restore the global random state, which dropout draws from."""
    torch.set_default_dtype(torch.float64)
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def untraced() -> Iterator[None]:
    """Turn off coverage tracing for slow trainings; other tests cover the same lines."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.fixture
def assert_error(unchecked: None) -> Callable[[Callable[[], object], type[Exception], str], None]:
    """Assert that a call raises this library error with exactly this message."""

    from seqtoys import SeqtoysError  # import after the run-time type checks are installed

    def check(call: Callable[[], object], kind: type[Exception], message: str) -> None:
        with pytest.raises(kind) as caught:
            call()
        assert str(caught.value) == message
        assert isinstance(caught.value, SeqtoysError)

    return check


@pytest.fixture
def draw() -> Callable[[Any], Any]:
    """Draw a figure, assert that its texts are large enough, not cut, and do not overlap."""

    def draw_and_check(ax: Any) -> Any:
        from matplotlib.text import Text

        figure = ax.get_figure(root=True)
        figure.canvas.draw()
        every = [part for each in figure.axes for part in (each, *each.child_axes)]
        texts = [text for each in every for text in _texts(each)]
        assert all(text.get_size() >= ax.xaxis.label.get_size() for text in texts)
        boxes = [Text.get_window_extent(text).padded(-1) for text in texts]  # without arrows
        for text, box in zip(texts, boxes, strict=True):
            whole = box.intersection(box, figure.bbox)
            assert whole is not None, text.get_text()
            assert np.allclose(whole.get_points(), box.get_points(), atol=1.0), text.get_text()
        for (one, a), (other, b) in combinations(zip(texts, boxes, strict=True), 2):
            assert not a.overlaps(b), (one.get_text(), other.get_text())
        return ax

    return draw_and_check


def _texts(ax: Any) -> list[Any]:
    """Return the visible texts of axes."""
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
    """Assert that a test, and so the library, leaves the global random state unchanged."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture(autouse=True)
def global_style_untouched() -> Iterator[None]:
    """Assert that no figure changes matplotlib's global style."""
    before = _style()
    yield
    assert not before or _style() == before


def _style() -> dict[str, Any]:
    """Return matplotlib's settings if loaded; copying to a plain `dict` is 10 times faster."""
    matplotlib = sys.modules.get("matplotlib")
    return dict(dict.items(matplotlib.rcParams)) if matplotlib else {}
