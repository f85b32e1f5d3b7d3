"""The figures of chapter 10: hidden states by grammar state, and of some units."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import torch

from seqtoys import ElmanCharModel
from seqtoys.inspection import principal_components
from seqtoys.plotting.labels import symbol_ticks
from seqtoys.plotting.style import COLOURS, new_axes
from seqtoys.records.trace import Trace
from seqtoys.tasks.automata.automaton import Automaton
from tools.figures.show import CLOUD, show

MARKERS = "os^Dv*"


def map_of_states(model: ElmanCharModel, task: Automaton, count: int = 100) -> str:
    """Draw the hidden states of a network, marked by the state of the grammar.

    Args:
        model: The network.
        task: The grammar; its inner states are named by digits.
        count: The number of strings to sample.
    """
    batch = task.sample(count)
    with torch.no_grad():
        hidden, _ = model.rnn(task.vocab.one_hot(batch.inputs))  # (batch, time, hidden)
    names = [name for name in task.graph.states if str(name).isdigit()]
    groups = [task.comes_from(batch, name) for name in names]  # of (batch, time)
    states = torch.cat([hidden[group] for group in groups])  # (all steps, hidden)
    points, shares = principal_components(states.numpy())
    ax, start = new_axes(None, 7.0, 5.0), 0
    for name, group, colour, marker in zip(names, groups, cycle(COLOURS), MARKERS, strict=False):
        cloud = points[start : start + int(group.sum())]
        ax.plot(*cloud.T, marker, color=colour, alpha=CLOUD, label=f"state {name}")
        start += len(cloud)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    for axis, order, share in zip("xy", ("first", "second"), shares, strict=True):
        ax.set(**{f"{axis}label": f"{order} principal component ({share:.0%})"})
    return show(ax)


def draw_units(trace: Trace, units: Sequence[int]) -> str:
    """Draw the activations of some hidden units after each symbol.

    Args:
        trace: The trace of a network on a text.
        units: The numbers of the units, counted from 1.
    """
    ax = new_axes(None, 7.0, 3.0)
    for unit, colour in zip(units, COLOURS, strict=False):
        steps = range(1, len(trace) + 1)
        ax.plot(steps, trace.hidden[:, unit - 1], "o-", color=colour, label=f"unit {unit}")
    symbol_ticks(ax.xaxis, trace.symbols)
    ax.set(xlabel="input symbol", ylabel="activation", ylim=(-1.05, 1.05))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(units), frameon=False)
    return show(ax)
