"""Tasks from the four simulations of Elman (1990), Finding structure in time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import product
from math import prod

from jaxtyping import Bool
from torch import Tensor

from seqtoys.data.batch import Batch
from seqtoys.support.arguments import checked
from seqtoys.tasks.automata.automaton import Automaton
from seqtoys.tasks.automata.finite_language import prefix_tree

SOURCE = "Elman 1990"
ROOT: Hashable = ()
"""The state in which a word, a syllable or a sentence begins."""

LEXICON = ("many", "years", "ago", "boy", "girl", "lived", "by", "the", "sea", "and", "played")

CLASSES = {
    "human": ("man", "woman", "boy", "girl"),
    "animal": ("cat", "mouse", "dog"),
    "thing": ("book", "rock", "car"),
    "aggressor": ("dragon", "monster", "lion"),
    "fragile": ("glass", "plate"),
    "food": ("cookie", "bread", "sandwich"),
    "be": ("think", "sleep", "exist"),
    "transitive": ("see", "chase", "like"),
    "move": ("move", "break"),
    "perceive": ("smell", "see"),
    "destroy": ("break", "smash"),
    "eat": ("eat",),
}

TEMPLATES = (
    ("human", "eat", "food"),
    ("human", "perceive", "thing"),
    ("human", "destroy", "fragile"),
    ("human", "be"),
    ("human", "transitive", "human"),
    ("human", "move", "thing"),
    ("human", "move"),
    ("animal", "eat", "food"),
    ("animal", "transitive", "animal"),
    ("animal", "move", "thing"),
    ("animal", "move"),
    ("thing", "move"),
    ("aggressor", "destroy", "fragile"),
    ("aggressor", "eat", "human"),
    ("aggressor", "eat", "animal"),
    ("aggressor", "eat", "food"),
)


def temporal_xor() -> Automaton:
    r"""Pairs of random bits, each followed by their exclusive or.

    Every third bit is certain for a model that keeps track of the position and remembers two bits;
    the two bits before it are unpredictable. So the optimum is $2/3 \ln 2 = 0.4621$ nats, and the
    best accuracy 2/3.

    **Without memory**, a bit carries no information about the next: $\ln 2$. Chance is 1/2.

    Source: Elman (1990), Finding structure in time.

    Examples:
        >>> task = temporal_xor()
        >>> print(task.sample(1, length=9).show(task.vocab))
        inputs   110101000
        targets  101010000
        >>> task.optimum, task.best_accuracy
        (0.4620..., 0.6666...)
    """
    arcs: dict[Hashable, list[tuple[str, Hashable, float]]] = {
        ROOT: [(a, a, 0.5) for a in "01"],
        **{a: [(b, str(int(a != b)) + "?", 0.5) for b in "01"] for a in "01"},
        **{c + "?": [(c, ROOT, 1.0)] for c in "01"},
    }
    return Automaton(arcs, ROOT, symbols="01", name="temporal_xor", source=SOURCE)


def letters() -> Automaton:
    r"""Random consonants, each with its vowels: b is followed by a, d by ii, g by uuu.

    Each consonant is one of three at random, and its vowels are certain. A syllable has 3 letters
    on average, so the optimum is $\ln 3 / 3 = 0.3662$ nats. The best guess is right for every
    vowel and for one consonant in three: an accuracy of $(2 + 1/3) / 3 = 7/9$.

    Source: Elman (1990), Finding structure in time.

    Examples:
        >>> task = letters()
        >>> print(task.sample(1, length=20).show(task.vocab))
        inputs   guuudiiguuuguuudiiba
        targets  uuudiiguuuguuudiibab
        >>> task.optimum, task.best_accuracy
        (0.3662..., 0.7777...)
    """
    syllables = [(tuple(syllable), 1.0) for syllable in ("ba", "dii", "guuu")]
    tree = prefix_tree(syllables, ROOT)
    return Automaton(tree, ROOT, symbols="bdgaiu", name="letters", source=SOURCE)


@checked
def word_boundaries(lexicon: Sequence[str] = LEXICON) -> Automaton:
    r"""Words run together without spaces: the loss peaks where a word begins.

    Words are drawn uniformly from a lexicon. The letters of a word narrow down how it continues,
    and the first letter of the next word is the hardest to predict. A word from a lexicon of $n$
    words has a total surprise of $\ln n$ nats, so the optimum is $\ln n$ divided by the mean word
    length.

    Source: Elman (1990), Finding structure in time; there, the words form generated sentences.

    Args:
        lexicon: The words. None may be a prefix of another, so that the letters determine the
            words.

    Raises:
        DataError: If a word is a prefix of another.

    Examples:
        >>> task = word_boundaries(["cat", "cow", "dog"])
        >>> print(task.sample(1, length=15).show(task.vocab))
        inputs   dogcowdogdogcow
        targets  ogcowdogdogcowc
        >>> task.optimum  # ln 3 / 3
        0.3662...
    """
    tree = prefix_tree([(tuple(word), 1.0) for word in lexicon], ROOT)
    symbols = sorted(set("".join(lexicon)))
    return Automaton(tree, ROOT, symbols=symbols, name="word_boundaries", source=SOURCE)


def onsets(task: Automaton, batch: Batch) -> Bool[Tensor, "batch time"]:
    """Return a mask of the targets that begin a word, a syllable or a sentence.

    Args:
        task: One of Elman's tasks.
        batch: Sequences of the task.

    Examples:
        >>> task = letters()
        >>> onsets(task, task.sample(1, length=5)).tolist()  # guuug -> uuugu
        [[False, False, False, True, False]]
    """
    return task.comes_from(batch, ROOT)


def sentences() -> Automaton:
    """Consecutive sentences of two or three words: nouns and verbs of twelve classes.

    A sentence follows one of 16 equally likely templates, such as (human, eat, food) or (thing,
    move), and all words of a class are equally likely. The symbols are the 29 words and the period
    that ends each sentence. The period makes sentences unambiguous, so that they form a prefix
    tree, and the optimum is the entropy of a sentence divided by its mean length.

    Source: Elman (1990), Finding structure in time; the words are those of its cluster diagram.
    There, sentences follow each other without a period.

    Examples:
        >>> task = sentences()
        >>> len(task.vocab), task.accepts(["lion", "eat", "cat", "."])
        (30, True)
        >>> sorted(task.legal(["rock"]))
        ['break', 'move']
    """
    weighted = [
        ((*words, "."), 1 / prod(len(CLASSES[part]) for part in template))
        for template in TEMPLATES
        for words in product(*(CLASSES[part] for part in template))
    ]
    symbols = [*dict.fromkeys(word for words in CLASSES.values() for word in words), "."]
    tree = prefix_tree(weighted, ROOT)
    return Automaton(tree, ROOT, symbols=symbols, name="sentences", source=SOURCE)
