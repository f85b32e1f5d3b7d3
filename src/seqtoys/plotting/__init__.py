"""Figures of training and evaluation results (requires the extra `plot`: matplotlib, SciPy).

Each function draws in the axes `ax=`, or in a new figure, and returns the axes. Text and lines
have the color `matplotlib.rcParams["text.color"]`, so styles such as
`plt.style.use("dark_background")` work.
"""

from seqtoys.plotting.automata import plot_automaton as plot_automaton
from seqtoys.plotting.by_label import plot_accuracy_by_label as plot_accuracy_by_label
from seqtoys.plotting.dendrograms import plot_dendrogram as plot_dendrogram
from seqtoys.plotting.gradients import plot_gradient_reach as plot_gradient_reach
from seqtoys.plotting.grids import plot_solve_rate as plot_solve_rate
from seqtoys.plotting.losses import plot_loss as plot_loss
from seqtoys.plotting.one_hot import plot_one_hot as plot_one_hot
from seqtoys.plotting.page import to_svg as to_svg
from seqtoys.plotting.positions import plot_loss_by_position as plot_loss_by_position
from seqtoys.plotting.reports import plot_accuracy_by_length as plot_accuracy_by_length
from seqtoys.plotting.scorecards import plot_scorecard as plot_scorecard
from seqtoys.plotting.traces import plot_hidden as plot_hidden
from seqtoys.plotting.traces import plot_probabilities as plot_probabilities
from seqtoys.plotting.trajectories import plot_trajectory as plot_trajectory

__all__ = [
    "plot_accuracy_by_label",
    "plot_accuracy_by_length",
    "plot_automaton",
    "plot_dendrogram",
    "plot_gradient_reach",
    "plot_hidden",
    "plot_loss",
    "plot_loss_by_position",
    "plot_one_hot",
    "plot_probabilities",
    "plot_scorecard",
    "plot_solve_rate",
    "plot_trajectory",
    "to_svg",
]
