"""The types returned by training, evaluation, sweeps and tasks, for annotations."""

from seqtoys.data.baselines import Baselines as Baselines
from seqtoys.records.by_label import ByLabel as ByLabel
from seqtoys.records.ensemble_history import EnsembleHistory as EnsembleHistory
from seqtoys.records.ensemble_row import EnsembleRow as EnsembleRow
from seqtoys.records.history import History as History
from seqtoys.records.report import Report as Report
from seqtoys.records.row import Row as Row
from seqtoys.records.score import ByPosition as ByPosition
from seqtoys.records.score import Score as Score
from seqtoys.records.trace import Trace as Trace
from seqtoys.sampling.novelty import Novelty as Novelty
from seqtoys.scorecards.card import ScoreCard as ScoreCard
from seqtoys.scorecards.row import CardRow as CardRow
from seqtoys.scorecards.skills import Skill as Skill
from seqtoys.scorecards.skills import SkillRecipe as SkillRecipe
from seqtoys.scorecards.summary import SkillSummary as SkillSummary
from seqtoys.scorecards.summary import Spread as Spread
from seqtoys.support.uncertainty import Estimate as Estimate
from seqtoys.support.uncertainty import Proportion as Proportion
from seqtoys.sweeps.result import SweepResult as SweepResult
from seqtoys.sweeps.row import SweepRow as SweepRow
from seqtoys.tasks.check_task import TaskCheck as TaskCheck
from seqtoys.training.recipes import Recipe as Recipe

__all__ = [
    "Baselines",
    "ByLabel",
    "ByPosition",
    "CardRow",
    "EnsembleHistory",
    "EnsembleRow",
    "Estimate",
    "History",
    "Novelty",
    "Proportion",
    "Recipe",
    "Report",
    "Row",
    "Score",
    "ScoreCard",
    "Skill",
    "SkillRecipe",
    "SkillSummary",
    "Spread",
    "SweepResult",
    "SweepRow",
    "TaskCheck",
    "Trace",
]
