"""Sequence toy tasks in PyTorch, and seven architectures that learn them."""

TYPE_CHECKING = False  # type checkers know that it is True for them

if TYPE_CHECKING:
    from seqtoys.public import *  # noqa: F403
    from seqtoys.public import __all__ as __all__
else:
    from seqtoys.support.lazy import LazyNames

    # Loading PyTorch takes seconds, and all modules a quarter of a second more, so each name is
    # loaded when it is first used: `python -m seqtoys --help` answers at once.
    _public = LazyNames(globals(), {
        "AnswerTask": "tasks.answers",
        "Automaton": "tasks.automata.automaton",
        "Batch": "data.batch",
        "Checkpoint": "models.checkpoint",
        "Curriculum": "training.curriculum",
        "ElmanCharModel": "models.elman.model",
        "ElmanEnsemble": "models.elman.ensemble",
        "Ensemble": "models.ensembles.ensemble",
        "FiniteLanguage": "tasks.automata.finite_language",
        "HiddenMarkov": "tasks.processes.hidden_markov",
        "Mixture": "tasks.in_context.mixture",
        "Pairs": "tasks.text",
        "Semiautomaton": "tasks.state_tracking.semiautomaton",
        "SeqtoysError": "errors",
        "Task": "tasks.task",
        "TaskDataset": "training.datasets",
        "TaskStream": "training.datasets",
        "Text": "tasks.text",
        "Vocab": "data.vocab",
        "__version__": "version",
        "check_task": "tasks.check_task",
        "evaluate": "evaluation.evaluate",
        "fit": "training.fit",
        "generate": "sampling.generate",
        "get_task": "tasks.catalogue",
        "list_skills": "scorecards.skills",
        "list_tasks": "tasks.catalogue",
        "load": "models.saving",
        "load_history": "models.saving",
        "novelty": "sampling.novelty",
        "recipe": "training.recipes",
        "save": "models.saving",
        "scorecard": "scorecards.scorecard",
        "stream": "sampling.generate",
        "sweep": "sweeps.sweep",
        "trace": "evaluation.tracing",
    })  # fmt: skip
    __all__ = _public.names()
    __getattr__, __dir__ = _public.get, _public.names
    del LazyNames

del TYPE_CHECKING
