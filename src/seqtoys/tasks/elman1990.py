"""The four simulations of Elman (1990), Finding structure in time."""

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
"""Where a word, a syllable or a sentence begins."""

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
    r"""Two random bits and their exclusive or, again and again.

    Every third bit is certain for who keeps count and remembers two bits; the two before it are
    not to be known. So the optimum is $2/3 \ln 2 = 0.4621$ nats, the best accuracy 2/3.

    **Without memory** a bit says nothing of the next: $\ln 2$. Chance is 1/2.

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

    A consonant is one of three, its vowels are certain. A syllable has 3 letters on average, so
    the optimum is $\ln 3 / 3 = 0.3662$ nats. The best guess is right for every vowel, and for a
    consonant one time in three: an accuracy of $(2 + 1/3) / 3 = 7/9$.

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

    Words are drawn alike from a lexicon. The letters of a word so far narrow down what comes,
    and the first letter of the next is the hardest to tell. A word of a lexicon of $n$ has
    $\ln n$ nats of surprise in all, so the optimum is that over the mean length of a word.

    Source: Elman (1990), Finding structure in time; there, words come from generated sentences.

    Args:
        lexicon: Words of which none begins another, so that the letters tell the words.

    Raises:
        DataError: If a word is the beginning of another.

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
    """Tell the targets that begin a word, a syllable or a sentence.

    Args:
        task: One of Elman's.
        batch: Sequences of it.

    Examples:
        >>> task = letters()
        >>> onsets(task, task.sample(1, length=5)).tolist()  # guuug -> uuugu
        [[False, False, False, True, False]]
    """
    return task.comes_from(batch, ROOT)


def sentences() -> Automaton:
    """Sentences of two and three words, one after the other: nouns and verbs of twelve classes.

    A sentence follows one of 16 templates, all alike, such as (human, eat, food) or (thing, move),
    and each word of a class is as likely as any other. Symbols are the 29 words and the full stop
    that closes each sentence, so that the words tell the sentences: they make one prefix tree, and
    the optimum is the entropy of a sentence over its mean length.

    Source: Elman (1990), Finding structure in time; the words are those of its cluster diagram.
    Its sentences follow each other without a stop.

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
