"""The score: the share of the way from no memory to the optimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from jaxtyping import Float
from torch import Tensor, nn

from seqtoys.data.batch import Batch
from seqtoys.evaluation.drawing import draw_parts
from seqtoys.evaluation.means import paired_ratio
from seqtoys.evaluation.scoring import sum_scores, to_tensor
from seqtoys.scorecards.baselines import make_memoryless
from seqtoys.scorecards.skills import Level, list_skills
from seqtoys.support.randomness import generator_for
from seqtoys.support.uncertainty import Estimate
from seqtoys.tasks.task import Task


@dataclass(frozen=True)
class Yardstick:
    """Test sequences of one kind, with the two losses that a score is measured between.

    All losses are sums over a batch, in nats.

    Attributes:
        batches: The sequences; consecutive batches have the same length.
        source: The loss of the task's source, which generates the sequences: the optimum.
        span: The loss without memory, minus that of the source.
        sizes: The number of sequences in each batch.
        symbols: The number of symbols.
    """

    batches: Sequence[Batch]
    source: Float[Tensor, " batches"]
    span: Float[Tensor, " batches"]
    sizes: Float[Tensor, " batches"]
    symbols: int

    def score(self, model: nn.Module) -> tuple[Estimate, float]:
        """Return the score of a model with its standard error, and its accuracy.

        The source and the model without memory are measured on the same sequences, so that most
        of the chance in them cancels.
        """
        sums = sum_scores(model, self.batches, self.symbols)
        rest = paired_ratio(sums.losses[0] - self.source, self.span, self.sizes)
        score = Estimate(100 * (1 - rest), 100 * rest.standard_error)
        return score, float(sums.hits.sum() / sums.scored.sum())

    @property
    def optimum(self) -> float:
        """The loss of the source per scored symbol."""
        return float(self.source.sum() / self._scored)

    @property
    def memoryless(self) -> float:
        """The loss without memory per scored symbol."""
        return float((self.source + self.span).sum() / self._scored)

    @property
    def _scored(self) -> int:
        return sum(int(batch.scored.sum()) for batch in self.batches)


@lru_cache(maxsize=32)  # for the seeds of a skill, in this process
def make_tasks(skill: str, level: Level) -> tuple[Task, Task]:
    """Return the task of a skill, and what models are trained on: the part not held out.

    Args:
        skill: The name of the skill.
        level: The level of its recipe.
    """
    chosen = list_skills()[skill]
    return chosen.make_task(level), chosen.make_training_task(level)


@lru_cache(maxsize=32)
def make_yardsticks(skill: str, level: Level) -> tuple[Yardstick, Yardstick]:
    """Draw the test sequences of a skill: of training lengths, and longer ones.

    They are those of `evaluate`: the held-out ones if any are, which no model has been trained
    on, or else fresh ones.

    Args:
        skill: The name of the skill.
        level: The level of its recipe.
    """
    recipe = list_skills()[skill].recipe(level)
    task, training = make_tasks(skill, level)
    parts = draw_parts(
        training,
        None,
        recipe.count,
        (recipe.longer,),
        generator_for("evaluation"),
    )
    memoryless = make_memoryless(task)
    *_, near, longer = (_make_yardstick(task, memoryless, part.batches) for part in parts)
    return near, longer


def _make_yardstick(task: Task, memoryless: nn.Module, batches: Sequence[Batch]) -> Yardstick:
    # Not the optimum for a known length, or a known split, which no model can know.
    natural = [task.optimal_loss(batch.with_length_range(None)) for batch in batches]
    sums = sum_scores(memoryless, batches, len(task.vocab))
    source = to_tensor(natural) * sums.scored
    return Yardstick(batches, source, sums.losses[0] - source, sums.sizes, len(task.vocab))
