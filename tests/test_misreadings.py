"""What is passed is read the same everywhere; what was meant instead is in the error."""

from __future__ import annotations

import functools
import unicodedata
from collections import deque
from collections.abc import Callable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import StepLR

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    fit,
    generate,
    get_task,
    save,
    stream,
)
from seqtoys.data.unknown_symbols import LOOKALIKES
from seqtoys.errors import DataError, InputTypeError, ShapeError, UnknownSymbolError
from seqtoys.plotting import plot_loss_by_position
from seqtoys.training.described import describe_sequences

VOCAB = Vocab("hielo")
WORDS, MIXED = Vocab(["boy", "sees", "dog"]), Vocab(["h", "i", "<end>"])
MODEL = ElmanCharModel(VOCAB, hidden_size=4)
NAMES = ["hill", "hello", "hole"]
OF_NAMES = ElmanCharModel(Vocab.from_text(NAMES))
BATCH = Batch.from_texts(NAMES, VOCAB)
PARITY = get_task("parity")

train = partial(fit, epochs=1)
READERS: list[Any] = [VOCAB.encode, MODEL.predict, MODEL.trace]
READ: dict[str, tuple[Callable[[], Any], str]] = {
    "a text": (lambda: train(MODEL, "hihello"), "1 text, 6 next symbols"),
    "a list of characters": (lambda: train(MODEL, list("hihello")), "1 text, 6 next symbols"),
    "a tuple of characters": (lambda: train(MODEL, tuple("hihello")), "1 text, 6 next symbols"),
    "a deque of characters": (lambda: train(MODEL, deque("hihello")), "1 text, 6 next symbols"),
    "a pair": (lambda: train(MODEL, ("hihell", "ihello")), "1 pair of 6 symbols"),
    "a pair of lists": (lambda: train(MODEL, (list("hi"), list("ih"))), "1 pair of 2 symbols"),
    "a list of one pair": (lambda: train(MODEL, [("h", "i")]), "1 pair of 1 symbol"),
    "pairs": (lambda: train(MODEL, [("hi", "ih"), ("lo", "ol")]), "2 pairs, 4 symbols"),
    "two texts": (lambda: train(MODEL, ["hihell", "ihello"]), "2 texts, 10 next symbols"),
    "texts as lists": (lambda: train(MODEL, [list("hi"), list("ih")]), "2 texts, 2 next symbols"),
    "held out": (
        lambda: train(MODEL, NAMES, validation=0.3), "2 texts, 7 next symbols; 1 held out",
    ),
    "a batch": (lambda: train(MODEL, BATCH), "3 sequences, 10 scored symbols"),
    "a counted batch": (
        lambda: train(MODEL, Batch.from_texts(["hi", "hi"], VOCAB).distinct()),
        "2 sequences, 2 scored symbols",
    ),
    "words": (lambda: train(ElmanCharModel(WORDS), ["boy", "sees"]), "1 text, 1 next word"),
    "the forgotten star": (lambda: train(OF_NAMES, NAMES), "1 text, 2 next words"),
    "sentences": (
        lambda: train(ElmanCharModel(WORDS), [["boy", "sees", "dog"]] * 2),
        "2 texts, 4 next words",
    ),
    "a long text": (
        lambda: train(MODEL, list("hihello" * 10), chunk=5),
        "1 text, 69 next symbols, in chunks of 5",
    ),
    "its end held out": (
        lambda: train(MODEL, tuple("hihello" * 10), chunk=5, batch_size=2, validation=0.2),
        "1 text, 54 next symbols, in chunks of 5, 2 parts in parallel; "
        "its last 14 symbols held out",
    ),
    "a task": (
        lambda: train(ElmanCharModel(PARITY.vocab), PARITY),
        "the task parity, 128 new sequences per epoch",
    ),
    "half a task": (
        lambda: train(ElmanCharModel(PARITY.vocab), PARITY, batch_size=1, validation=0.5),
        "the task parity, 1 new sequence per epoch; 50% held out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_history_says_what_was_taken(name: str) -> None:
    train, expected = READ[name]
    history = train()
    assert history.data == expected
    for shown in (str(history), history._repr_html_()):
        assert f"Trained on {expected}. " in " ".join(shown.split())
        assert max(map(len, str(history).splitlines())) <= 80


def test_seeds_say_what_was_taken_together_and_alone() -> None:
    history = train(ElmanEnsemble(VOCAB, [1, 2]), NAMES)
    assert history[1].data == history.data == "3 texts, 10 next symbols"
    assert type(history).from_json(history.to_json()).data == history.data


def test_symbols_without_a_vocabulary_are_symbols() -> None:
    assert describe_sequences(BATCH, None, BATCH) == "3 sequences, 10 scored symbols"


TAKEN = "expected a text, an (input, target) tuple, a list of either, a Batch or a task, got "
SYMBOLS = "expected a string or a list of symbols, got "
AMONG = " is not among the 5 symbols 'hielo'; its characters are: pass the text "
INDICES = "; use Batch(inputs, targets) for indices"
SET, USE_LIST = "; a set has no order, use sorted(…)", "; use list(…)"
BYTES = "; convert it with .decode()"
ADAM = torch.optim.Adam(MODEL.parameters(), lr=0.5, betas=(0.5, 0.9))
PLAIN = torch.optim.SGD(MODEL.parameters())

ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a pair as a list": (
        lambda: train(MODEL, [["hihell", "ihello"]]), InputTypeError,
        "expected an (input, target) pair to be a tuple, got a list at position 0; write "
        "('hihell', 'ihello'), or remove the inner brackets if these are two texts",
    ),
    "a later pair as lists of characters": (
        lambda: train(MODEL, ["hihello", [list("hi"), list("ih")]]), InputTypeError,
        "expected an (input, target) pair to be a tuple, got a list at position 1; write "
        "(['h', 'i'], ['i', 'h']), or remove the inner brackets if these are two texts",
    ),
    "a pair of sentences as a list": (
        lambda: train(ElmanCharModel(WORDS), [[["boy", "sees"], ["sees", "dog"]]]), InputTypeError,
        "expected an (input, target) pair to be a tuple, got a list at position 0; write "
        "(['boy', 'sees'], ['sees', 'dog']), or remove the inner brackets if these are two texts",
    ),
    "two texts as a tuple": (
        lambda: train(MODEL, ("hello", "hi")), DataError,
        "expected an input and a target of the same length, got 'hello' (length 5) and 'hi' "
        "(length 2) in the pair at position 0; a tuple of two texts is a pair, so list texts as "
        "[a, b]",
    ),
    "a set": (lambda: train(MODEL, {"hello"}), InputTypeError, f"{TAKEN}a set{SET}"),
    "a dict of pairs": (
        lambda: train(MODEL, {"hi": "ih"}), InputTypeError,
        f"{TAKEN}a dict of 1; use list(x.items()) for (input, target) tuples, or list(x) for its "
        "keys",
    ),
    "a generator": (
        lambda: train(MODEL, iter(NAMES)), InputTypeError, f"{TAKEN}a list_iterator{USE_LIST}",
    ),
    "an array": (
        lambda: train(MODEL, np.array(NAMES)), InputTypeError, f"{TAKEN}an ndarray{USE_LIST}",
    ),
    "a tensor": (
        lambda: train(MODEL, VOCAB.encode("hi")), InputTypeError,
        f"{TAKEN}a Tensor; use Batch(inputs, targets) for indices",
    ),
    "bytes": (lambda: train(MODEL, b"hihello"), InputTypeError, f"{TAKEN}a bytes{BYTES}"),
    "bytes in chunks": (
        lambda: train(MODEL, b"hihello", chunk=2), InputTypeError, f"{TAKEN}a bytes{BYTES}",
    ),
    "a list of bytes": (
        lambda: train(MODEL, [b"hi"]), InputTypeError,
        f"expected texts[0] to be a string or a list, got a bytes{BYTES}",
    ),
    "an array of indices": (
        lambda: train(MODEL, np.array([0, 1])), InputTypeError, f"{TAKEN}an ndarray{INDICES}",
    ),
    **{
        f"indices, {kind}": (
            partial(train, MODEL, data), InputTypeError,
            f"expected symbols, got {got}{INDICES}",
        )
        for kind, data, got in (
            ("a list", [0, 1], "0"),
            ("lists", [[0, 1], [1, 2]], "0"),
            ("a pair of tensors", (torch.tensor([0]), torch.tensor([1])), "a Tensor"),
        )
    },
    "inputs and their targets": (
        lambda: train(MODEL, (["hihell", "hil"], ["ihello", "ill"])), InputTypeError,
        "expected (input, target) tuples, got a tuple of two lists of texts; use list(zip(inputs, "
        "targets)) if these are inputs and their targets",
    ),
    "a path": (
        lambda: train(MODEL, Path("poem.txt")), InputTypeError,
        f"{TAKEN}a {type(Path()).__name__}; read the file, as in path.read_text()",
    ),
    "a file": (
        lambda: train(MODEL, StringIO("hi")), InputTypeError,
        f"{TAKEN}a StringIO; read it, as in file.read()",
    ),
    "sentences as strings": (
        lambda: train(ElmanCharModel(WORDS), ["boy sees dog", "dog sees boy"]), UnknownSymbolError,
        "'boy sees dog' at position 0 of ['boy sees dog', 'dog sees boy'] is not among the 3 "
        "symbols ['boy', 'sees', 'dog']; its words are: split it, as in text.split()",
    ),
    "a vocabulary of a list of lists": (
        lambda: Vocab.from_text([["boy", "sees"], ["dog"]]), InputTypeError,  # type: ignore[list-item]
        "expected each text as an argument of its own, got a list of texts; write "
        "Vocab.from_text(*texts)",
    ),
    **{
        f"{read.__name__} {what}": (
            partial(read, value), UnknownSymbolError,
            f"{shown} at position 0 of [{shown}] is not among the 5 symbols 'hielo'{hint}",
        )
        for read in READERS
        for what, value, shown, hint in (
            ("an index", [0], "0", "; if these are indices, convert them with vocab.decode"),
            (
                "a list of lists", [["h"]], "['h']",
                "; pass one text, or several texts to encode_batch",
            ),
            ("a list of bytes", [b"hi"], "b'hi'", BYTES),
            ("None", [None], "None", ""),
        )
    },
    **{
        f"both {what}": (
            partial(train, MODEL, data), InputTypeError,
            f"expected one task or Batch, got several, such as a {kind}; pass one of them, such "
            "as one part of task.held_out(…), or Batch.join several batches",
        )
        for what, kind, data in (
            ("parts of a task", "TaskSplit", PARITY.held_out(0.2)),
            ("batches", "Batch", [BATCH, BATCH]),
        )
    },
    "a task for a figure": (
        lambda: plot_loss_by_position(MODEL, PARITY), InputTypeError,  # type: ignore[arg-type]
        "expected data to be a string, a list, a tuple of 2 or a Batch, got a Parity; for a task, "
        "pass some of its sequences, as in task.sample(100)",
    ),
    "a number": (lambda: train(MODEL, 5), InputTypeError, f"{TAKEN}5"),
    "data first": (
        lambda: train("hihello", MODEL), InputTypeError,
        "expected fit(model, data), got an ElmanCharModel as the data; pass the model first",
    ),
    "texts in chunks": (
        lambda: train(MODEL, NAMES, chunk=2), InputTypeError,
        "expected one text for chunk=…, got a list; join several texts into one, or omit chunk",
    ),
    "a pair in chunks": (
        lambda: train(MODEL, ("hi", "ih"), chunk=2), InputTypeError,
        "expected one text for chunk=…, got a tuple; join several texts into one, or omit chunk",
    ),
    **{
        f"{read.__name__} a list of texts": (
            partial(read, ["hihell", "hi"]), UnknownSymbolError,
            f"'hihell' at position 0 of ['hihell', 'hi']{AMONG}'hihell' instead, or several texts "
            "to encode_batch",
        )
        for read in READERS
    },
    **{
        f"{read.__name__} of {what}": (partial(read, value), InputTypeError, f"{SYMBOLS}{message}")
        for read in READERS
        for what, value, message in (
            ("a set", {"h"}, f"a set{SET}"),
            ("bytes", b"hi", f"a bytes{BYTES}"),
            ("an array", np.array(["h"]), f"an ndarray{USE_LIST}"),
            ("a dict view", {"h": 1}.keys(), f"a dict_keys{USE_LIST}"),
            (
                "indices", torch.tensor([1]),
                "a Tensor; if it contains indices, convert them with vocab.decode",
            ),
        )
    },
    "a prompt of words": (
        lambda: generate(OF_NAMES, "hill", 3), InputTypeError,
        "expected a list of words, because the symbols are words, got the string 'hill'; split "
        "it, as in text.split(), or make a vocabulary of characters, as in "
        "Vocab.from_text(*texts)",
    ),
    "characters and words": (
        lambda: train(ElmanCharModel(MIXED), ["hi", "ih"]), UnknownSymbolError,
        "'hi' at position 0 of ['hi', 'ih'] is not among the 3 symbols ['h', 'i', '<end>']; its "
        "characters are: split it with list(…)",
    ),
    "lr by its full name": (
        lambda: fit(MODEL, "hi", epochs=1, learning_rate=0.1), InputTypeError,  # type: ignore[call-overload]
        "fit has no argument learning_rate; use lr=0.1",
    ),
    "a misspelled option": (
        lambda: fit(MODEL, "hi", patence=3), InputTypeError,  # type: ignore[call-overload]
        "fit has no argument patence; use patience=3",
    ),
    "another library's option": (
        lambda: stream(MODEL, "hi", top_p=0.9), InputTypeError,  # type: ignore[call-arg]
        "stream has no argument top_p; use top_k=0.9",
    ),
    "no such option": (
        lambda: save(MODEL, "x", zip=True), InputTypeError,  # type: ignore[call-arg]
        "save has no argument zip; it has model, path, history, overwrite",
    ),
    "an option of the optimizer": (
        lambda: fit(MODEL, "hi", momentum=0.9), InputTypeError,  # type: ignore[call-overload]
        "fit has no argument momentum; set it in the optimizer, with "
        "functools.partial(torch.optim.…, momentum=0.9)",
    ),
    "a device": (
        lambda: fit(MODEL, "hi", device="cpu"), InputTypeError,  # type: ignore[call-overload]
        "fit has no argument device; move the model instead, as in model.to(device)",
    ),
    "texts and a pair": (
        lambda: train(MODEL, ["hihello", ("hi", "ih")]), InputTypeError,
        "expected only texts or only (input, target) tuples, got a tuple at position 1 among "
        "texts",
    ),
    "epochs without a name": (
        lambda: fit(MODEL, "hi", 50, 0.1), InputTypeError,  # type: ignore[call-overload]
        "fit takes 2 arguments without a name, got 4; use epochs=50, lr=0.1",
    ),
    "a temperature without a name": (
        lambda: generate(MODEL, "hi", 3, 0.5), InputTypeError,  # type: ignore[call-overload]
        "generate takes 3 arguments without a name, got 4; use temperature=0.5",
    ),
    "a size without a name": (
        lambda: ElmanCharModel(VOCAB, 5), InputTypeError,  # type: ignore[call-arg]
        "ElmanCharModel takes 1 argument without a name, got 2; use hidden_size=5",
    ),
    "an odd value without a name": (
        lambda: ElmanCharModel(VOCAB, MODEL), InputTypeError,  # type: ignore[call-arg,arg-type]
        "ElmanCharModel takes 1 argument without a name, got 2; pass the others by name: "
        "hidden_size, parameters, embedding_size, num_layers, nonlinearity, recurrent_init, "
        "batch_first, seed",
    ),
    "an argument too many": (
        lambda: Batch.join([BATCH], BATCH), InputTypeError,  # type: ignore[call-arg]
        "join takes 1 argument without a name, got 2; omit the others",
    ),
    "a size and a nonlinearity": (
        lambda: ElmanCharModel(VOCAB, 5, "relu"), InputTypeError,  # type: ignore[call-arg,arg-type]
        "ElmanCharModel takes 1 argument without a name, got 3; use hidden_size=5, "
        "nonlinearity='relu'",
    ),
    "a size by another name": (
        lambda: ElmanEnsemble(VOCAB, [1], hidden_dim=9), InputTypeError,  # type: ignore[call-arg]
        "ElmanEnsemble has no argument hidden_dim; use hidden_size=9",
    ),
    "an optimizer": (
        lambda: fit(MODEL, "hi", optimizer=ADAM), InputTypeError,  # type: ignore[call-overload]
        "expected optimizer to be a class of torch.optim or a partial of one, got an Adam; use "
        "functools.partial(torch.optim.Adam, lr=0.5, betas=(0.5, 0.9)); fit creates the optimizer "
        "itself",
    ),
    "a plain optimizer": (
        lambda: fit(MODEL, "hi", optimizer=PLAIN), InputTypeError,  # type: ignore[call-overload]
        "expected optimizer to be a class of torch.optim or a partial of one, got an SGD; use "
        "torch.optim.SGD; fit creates the optimizer itself",
    ),
    "a scheduler": (
        lambda: fit(MODEL, "hi", scheduler=StepLR(PLAIN, 2)), InputTypeError,  # type: ignore[call-overload]
        "expected scheduler to be a class of torch.optim.lr_scheduler or a partial of one, got a "
        "StepLR; use functools.partial(torch.optim.lr_scheduler.StepLR, …); fit creates the "
        "scheduler itself",
    ),
    "the name of a scheduler": (
        lambda: fit(MODEL, "hi", scheduler="steplr"), InputTypeError,  # type: ignore[call-overload]
        "expected scheduler to be a class of torch.optim.lr_scheduler or a partial of one, got "
        "'steplr'; use torch.optim.lr_scheduler.StepLR",
    ),
    "no name of an optimizer": (
        lambda: fit(MODEL, "hi", optimizer="?"), InputTypeError,  # type: ignore[call-overload]
        "expected optimizer to be a class of torch.optim or a partial of one, got '?'; fit "
        "creates the optimizer itself",
    ),
    "no optimizer": (
        lambda: fit(MODEL, "hi", optimizer=5), InputTypeError,  # type: ignore[call-overload]
        "expected optimizer to be a class of torch.optim or a partial of one, got 5; fit creates "
        "the optimizer itself",
    ),
    "indices as floats": (
        lambda: MODEL(torch.tensor([[0.0, 1.0, 0.0]])), ShapeError,
        "expected one-hot inputs of shape (batch, time, 5), got (1, 3); indices must be integers, "
        "as in inputs.long()",
    ),
    "a step with a float": (
        lambda: MODEL.step(torch.tensor([0.0])), ShapeError,
        "expected one-hot inputs of shape (batch, 5), got (1,); indices must be integers, as in "
        "inputs.long()",
    ),
    "one-hots without a batch": (
        lambda: MODEL(VOCAB.one_hot("hi")), ShapeError,
        "expected one-hot inputs of shape (batch, time, 5), got (2, 5); inputs.unsqueeze adds an "
        "axis of size 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_says_what_was_meant(name: str, assert_error: Any) -> None:
    assert_error(*ERRORS[name])


def test_the_advice_for_an_optimizer_makes_the_same_one() -> None:
    with pytest.raises(InputTypeError) as caught:
        fit(MODEL, "hi", optimizer=ADAM)  # type: ignore[call-overload]
    advice = str(caught.value).partition("; use ")[2].partition("; ")[0]
    factory = eval(advice, {"torch": torch, "functools": functools})
    assert factory(MODEL.parameters()).defaults == ADAM.defaults


ALIKE: dict[str, tuple[str, str, str]] = {
    # the text, the vocabulary, what the error adds
    "composed": (
        "cafe\u0301", "caf\u00e9",
        "; 'e' is U+0065, 'é' is U+00E9; convert the text with unicodedata.normalize('NFC', text)",
    ),
    "decomposed": (
        "caf\u00e9", "cafe\u0301",
        "; 'é' is U+00E9, 'e' is U+0065; convert the text with unicodedata.normalize('NFD', text)",
    ),
    "a Cyrillic letter": ("h\u0435", "he", "; '\u0435' is U+0435, 'e' is U+0065"),
    "an ASCII letter": ("he", "h\u0435", "; 'e' is U+0065, '\u0435' is U+0435"),
    "a wide space": (
        "h\u00a0e", "h e",
        "; '\\xa0' is U+00A0, ' ' is U+0020; convert the text with unicodedata.normalize('NFKC', "
        "text)",
    ),
    "quotation marks": ("he\u2019", "he'", "; '\u2019' is U+2019, \"'\" is U+0027"),
    "an accent alone": (
        "e\u0301", "ex", "; '\u0301' is U+0301",
    ),
    "nothing alike": ("hz", "he", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIKE)
def test_symbols_that_look_alike_are_told_apart(name: str) -> None:
    text, symbols, hint = ALIKE[name]
    for read in (Vocab(symbols).encode, partial(train, ElmanCharModel(Vocab(symbols)))):
        with pytest.raises(UnknownSymbolError) as caught:
            read(text * 2)
        assert str(caught.value).endswith(f" among the {len(symbols)} symbols {symbols!r}{hint}")
    with pytest.raises(UnknownSymbolError) as caught:
        train(ElmanCharModel(Vocab(symbols)), text * 9, chunk=4)
    assert str(caught.value).endswith(f" symbols {symbols!r}{hint}")
    form: Any = hint[-12:-8].strip("('") if "normalize" in hint else None
    if form is not None:
        assert len(Vocab(symbols).encode(unicodedata.normalize(form, text)))


def test_lookalikes_are_letters_or_marks_of_the_same_case() -> None:
    assert len(LOOKALIKES) == 45
    for odd, plain in LOOKALIKES.items():
        assert ord(chr(plain)) < 128 < odd if isinstance(plain, int) else False
        assert chr(odd).isupper() == chr(plain).isupper()


def test_texts_of_one_character_among_others_are_refused() -> None:
    with pytest.raises(DataError, match="at least two symbols"):
        fit(MODEL, ["h", "ello"])
