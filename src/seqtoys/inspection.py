"""The numbers behind the figures: losses, gradients, mean states, principal components."""

from seqtoys.evaluation.gradients import gradient_by_distance as gradient_by_distance
from seqtoys.evaluation.inspection import loss_by_position as loss_by_position
from seqtoys.evaluation.inspection import mean_hidden_by_symbol as mean_hidden_by_symbol
from seqtoys.evaluation.inspection import principal_components as principal_components

__all__ = [
    "gradient_by_distance",
    "loss_by_position",
    "mean_hidden_by_symbol",
    "principal_components",
]
