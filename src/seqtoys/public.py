"""The public names of the library, for type checkers.

At run time, `seqtoys` loads each name from its module when it is first used.
"""

from seqtoys.data.batch import Batch as Batch
from seqtoys.data.vocab import Vocab as Vocab
from seqtoys.errors import SeqtoysError as SeqtoysError
from seqtoys.evaluation.evaluate import evaluate as evaluate
from seqtoys.evaluation.tracing import trace as trace
from seqtoys.models.checkpoint import Checkpoint as Checkpoint
from seqtoys.models.elman.ensemble import ElmanEnsemble as ElmanEnsemble
from seqtoys.models.elman.model import ElmanCharModel as ElmanCharModel
from seqtoys.models.ensembles.ensemble import Ensemble as Ensemble
from seqtoys.models.saving import load as load
from seqtoys.models.saving import load_history as load_history
from seqtoys.models.saving import save as save
from seqtoys.sampling.generate import generate as generate
from seqtoys.sampling.generate import stream as stream
from seqtoys.sampling.novelty import novelty as novelty
from seqtoys.scorecards.scorecard import scorecard as scorecard
from seqtoys.scorecards.skills import list_skills as list_skills
from seqtoys.sweeps.sweep import sweep as sweep
from seqtoys.tasks.answers import AnswerTask as AnswerTask
from seqtoys.tasks.automata.automaton import Automaton as Automaton
from seqtoys.tasks.automata.finite_language import FiniteLanguage as FiniteLanguage
from seqtoys.tasks.catalogue import get_task as get_task
from seqtoys.tasks.catalogue import list_tasks as list_tasks
from seqtoys.tasks.check_task import check_task as check_task
from seqtoys.tasks.in_context.mixture import Mixture as Mixture
from seqtoys.tasks.processes.hidden_markov import HiddenMarkov as HiddenMarkov
from seqtoys.tasks.state_tracking.semiautomaton import Semiautomaton as Semiautomaton
from seqtoys.tasks.task import Task as Task
from seqtoys.tasks.text import Pairs as Pairs
from seqtoys.tasks.text import Text as Text
from seqtoys.training.curriculum import Curriculum as Curriculum
from seqtoys.training.datasets import TaskDataset as TaskDataset
from seqtoys.training.datasets import TaskStream as TaskStream
from seqtoys.training.fit import fit as fit
from seqtoys.training.recipes import recipe as recipe
from seqtoys.version import __version__ as __version__

__all__ = [
    "AnswerTask",
    "Automaton",
    "Batch",
    "Checkpoint",
    "Curriculum",
    "ElmanCharModel",
    "ElmanEnsemble",
    "Ensemble",
    "FiniteLanguage",
    "HiddenMarkov",
    "Mixture",
    "Pairs",
    "Semiautomaton",
    "SeqtoysError",
    "Task",
    "TaskDataset",
    "TaskStream",
    "Text",
    "Vocab",
    "__version__",
    "check_task",
    "evaluate",
    "fit",
    "generate",
    "get_task",
    "list_skills",
    "list_tasks",
    "load",
    "load_history",
    "novelty",
    "recipe",
    "save",
    "scorecard",
    "stream",
    "sweep",
    "trace",
]
