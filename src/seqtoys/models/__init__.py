"""Networks, how any model is run and checked, and how models are saved.

Imports `seqtoys.records` and what lies below it; never a task.
"""

TYPE_CHECKING = False  # type checkers know that it is True for them

if TYPE_CHECKING:
    from seqtoys.models.public import *  # noqa: F403
    from seqtoys.models.public import __all__ as __all__
else:
    from seqtoys.support.lazy import LazyNames

    # Other packages import single modules of this one, which must not load every model.
    _public = LazyNames(globals(), {
        "CharModel": "models.char_model",
        "DeltaNetCharModel": "models.deltanet",
        "ElmanCharModel": "models.elman.model",
        "ElmanEnsemble": "models.elman.ensemble",
        "Ensemble": "models.ensembles.ensemble",
        "GRUCharModel": "models.gru",
        "LRUCharModel": "models.lru",
        "LSTMCharModel": "models.lstm",
        "MambaCharModel": "models.mamba",
        "TransformerCharModel": "models.transformer",
    })  # fmt: skip
    __all__ = _public.names()
    __getattr__, __dir__ = _public.get, _public.names
    del LazyNames

del TYPE_CHECKING
