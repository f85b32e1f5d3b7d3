"""The types returned by training, evaluation, sweeps and tasks, for annotations."""

from seqtoys.baselines import Baselines as Baselines
from seqtoys.ensemble_history import EnsembleHistory as EnsembleHistory
from seqtoys.ensemble_row import EnsembleRow as EnsembleRow
from seqtoys.history import History as History
from seqtoys.memorisation import Novelty as Novelty
from seqtoys.rate import Rate as Rate
from seqtoys.report import Report as Report
from seqtoys.report import Score as Score
from seqtoys.row import Row as Row
from seqtoys.sweeps.result import SweepResult as SweepResult
from seqtoys.sweeps.row import SweepRow as SweepRow
from seqtoys.tasks.estimate import Estimate as Estimate
from seqtoys.trace import Trace as Trace

__all__ = [
    "Baselines",
    "EnsembleHistory",
    "EnsembleRow",
    "Estimate",
    "History",
    "Novelty",
    "Rate",
    "Report",
    "Row",
    "Score",
    "SweepResult",
    "SweepRow",
    "Trace",
]
