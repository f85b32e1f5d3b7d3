"""The vocabulary of a model: its own, or one that is passed with it."""

from __future__ import annotations

from seqtoys.data.vocab import Vocab
from seqtoys.errors import OptionError, quoted
from seqtoys.support.annotations import described
from seqtoys.support.arguments import check_type


def find_vocab(model: object, vocab: Vocab | None = None) -> Vocab | None:
    """Return the vocabulary of a model, or else the one passed with it, or None.

    Args:
        model: The model.
        vocab: The vocabulary, if the model has none.

    Raises:
        OptionError: If the model has another vocabulary.

    Examples:
        >>> find_vocab("no model", Vocab("hielo"))
        Vocab('hielo')
    """
    own = getattr(model, "vocab", None)
    check_type("vocab", vocab, Vocab | None)
    if not isinstance(own, Vocab):
        return vocab
    if vocab is not None and vocab != own:
        raise OptionError(
            f"vocab=… cannot differ from the vocabulary of the model, {quoted(own)}: got "
            f"{quoted(vocab)}; omit vocab=…"
        )
    return own


def vocab_of(model: object, vocab: Vocab | None = None) -> Vocab:
    """Return the vocabulary of a model, or else the one passed with it.

    Args:
        model: The model.
        vocab: The vocabulary, if the model has none.

    Raises:
        OptionError: If there is none, or the model has another vocabulary.

    Examples:
        >>> from seqtoys import ElmanCharModel
        >>> vocab_of(ElmanCharModel(Vocab("hielo")))
        Vocab('hielo')
    """
    found = find_vocab(model, vocab)
    if found is None:
        own, kind = getattr(model, "vocab", None), type(model).__name__
        has = f"{kind} has none" if own is None else f"the vocab of {kind} is {described(own)}"
        raise OptionError(f"expected a vocabulary, because {has}; pass vocab=…")
    return found
