"""Sequence toy tasks in PyTorch, and the character-level Elman network that learns them."""

from seqtoys.batch import Batch as Batch
from seqtoys.checkpoint import Checkpoint as Checkpoint
from seqtoys.checkpoint import load as load
from seqtoys.checkpoint import load_history as load_history
from seqtoys.checkpoint import save as save
from seqtoys.curriculum import Curriculum as Curriculum
from seqtoys.datasets import TaskDataset as TaskDataset
from seqtoys.datasets import TaskStream as TaskStream
from seqtoys.ensemble import ElmanEnsemble as ElmanEnsemble
from seqtoys.errors import SeqtoysError as SeqtoysError
from seqtoys.evaluation import evaluate as evaluate
from seqtoys.memorisation import novelty as novelty
from seqtoys.model import ElmanCharModel as ElmanCharModel
from seqtoys.sampling import generate as generate
from seqtoys.sampling import stream as stream
from seqtoys.sweeps.sweep import sweep as sweep
from seqtoys.tasks.answers import AnswerTask as AnswerTask
from seqtoys.tasks.automaton import Automaton as Automaton
from seqtoys.tasks.catalogue import get_task as get_task
from seqtoys.tasks.catalogue import list_tasks as list_tasks
from seqtoys.tasks.finite_language import FiniteLanguage as FiniteLanguage
from seqtoys.tasks.task import Task as Task
from seqtoys.tasks.text import Pairs as Pairs
from seqtoys.tasks.text import Text as Text
from seqtoys.training import fit as fit
from seqtoys.version import __version__ as __version__
from seqtoys.vocab import Vocab as Vocab

__all__ = [
    "AnswerTask",
    "Automaton",
    "Batch",
    "Checkpoint",
    "Curriculum",
    "ElmanCharModel",
    "ElmanEnsemble",
    "FiniteLanguage",
    "Pairs",
    "SeqtoysError",
    "Task",
    "TaskDataset",
    "TaskStream",
    "Text",
    "Vocab",
    "__version__",
    "evaluate",
    "fit",
    "generate",
    "get_task",
    "list_tasks",
    "load",
    "load_history",
    "novelty",
    "save",
    "stream",
    "sweep",
]
