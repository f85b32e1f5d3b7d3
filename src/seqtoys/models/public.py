"""The public names of `seqtoys.models`, for type checkers; see `seqtoys.public`."""

from seqtoys.models.char_model import CharModel as CharModel
from seqtoys.models.deltanet import DeltaNetCharModel as DeltaNetCharModel
from seqtoys.models.elman.ensemble import ElmanEnsemble as ElmanEnsemble
from seqtoys.models.elman.model import ElmanCharModel as ElmanCharModel
from seqtoys.models.ensembles.ensemble import Ensemble as Ensemble
from seqtoys.models.gru import GRUCharModel as GRUCharModel
from seqtoys.models.lru import LRUCharModel as LRUCharModel
from seqtoys.models.lstm import LSTMCharModel as LSTMCharModel
from seqtoys.models.mamba import MambaCharModel as MambaCharModel
from seqtoys.models.transformer import TransformerCharModel as TransformerCharModel

__all__ = [
    "CharModel",
    "DeltaNetCharModel",
    "ElmanCharModel",
    "ElmanEnsemble",
    "Ensemble",
    "GRUCharModel",
    "LRUCharModel",
    "LSTMCharModel",
    "MambaCharModel",
    "TransformerCharModel",
]
