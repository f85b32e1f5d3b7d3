"""Sequence toy tasks in PyTorch, and the character-level Elman network that learns them."""

from seqtoys.baselines import Baselines as Baselines
from seqtoys.batch import Batch as Batch
from seqtoys.ensemble import ElmanEnsemble as ElmanEnsemble
from seqtoys.ensemble_history import EnsembleHistory as EnsembleHistory
from seqtoys.ensemble_history import EnsembleRow as EnsembleRow
from seqtoys.errors import SeqtoysError as SeqtoysError
from seqtoys.history import History as History
from seqtoys.history import Row as Row
from seqtoys.model import ElmanCharModel as ElmanCharModel
from seqtoys.rate import Rate as Rate
from seqtoys.sampling import generate as generate
from seqtoys.trace import Trace as Trace
from seqtoys.training import fit as fit
from seqtoys.vocab import Vocab as Vocab

__all__ = [
    "Baselines",
    "Batch",
    "ElmanCharModel",
    "ElmanEnsemble",
    "EnsembleHistory",
    "EnsembleRow",
    "History",
    "Rate",
    "Row",
    "SeqtoysError",
    "Trace",
    "Vocab",
    "__version__",
    "fit",
    "generate",
]

__version__ = "0.1.0.dev0"
