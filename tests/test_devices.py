"""Models on a GPU if there is one, and on the meta device otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from seqtoys import (
    Batch,
    ElmanCharModel,
    ElmanEnsemble,
    Vocab,
    evaluate,
    fit,
    generate,
    get_task,
    models,
)
from seqtoys import sweep as run_sweep
from seqtoys.errors import DeviceError
from seqtoys.models.metrics import count_hits, cross_entropy
from seqtoys.tasks.given_data import split_rows
from seqtoys.training.updates import Frozen, clip_norms

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hi", "hill", "hole", "lolo", "eel", "oil"]
PARITY = get_task("parity")
VARIANTS: dict[str, dict[str, Any]] = {
    "state as logits": {},
    "readout": {"hidden_size": 4},
    "embedding": {"hidden_size": 4, "embedding_size": 3},
    "layers": {"hidden_size": 4, "num_layers": 2, "nonlinearity": "relu"},
    "time first": {"hidden_size": 4, "batch_first": False},
}
NETWORKS: dict[str, Callable[..., Any]] = {
    "one": ElmanCharModel,
    "few": partial(ElmanEnsemble, seeds=[1, 2]),
    "many": partial(ElmanEnsemble, seeds=range(200)),
}
ARCHITECTURES = [name for name in models.__all__ if name.endswith("CharModel") and name[0] != "C"]
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("network", NETWORKS)
def test_network_creates_no_tensor_on_another_device(network: str, variant: str) -> None:
    """The "meta" device computes nothing, but mixing in a CPU tensor raises an error."""
    model = NETWORKS[network](VOCAB, **VARIANTS[variant]).to("meta")
    symbols = torch.zeros(3, 6, dtype=torch.int64, device="meta")
    batch = object.__new__(Batch)  # skips checks that would read missing values
    vars(batch).update(inputs=symbols, targets=symbols, lengths=None, counts=None)
    time_first = not model.settings.batch_first
    logits, hidden = model(symbols.T if time_first else symbols)
    logits = logits.transpose(-3, -2) if time_first else logits
    cross_entropy(logits, batch).sum().backward()
    step, hidden = model.step(symbols[:, 0], hidden)
    vectors, _ = model.step(torch.zeros(3, 5, device="meta"), model.initial_hidden(3))
    found: list[Tensor] = [logits, step, hidden, vectors, count_hits(logits.argmax(-1), batch)]
    found += [p.grad for p in model.parameters() if p.grad is not None]
    assert {tensor.device.type for tensor in found} == {"meta"}
    assert len(found) == 5 + len(list(model.parameters()))
    if isinstance(model, ElmanEnsemble):
        weights = list(model.parameters())
        clip_norms(weights, 1.0, len(model))
        Frozen(model, torch.arange(len(model)) == 1).restore_weights()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architecture_creates_no_tensor_on_another_device(name: str) -> None:
    model = getattr(models, name)(VOCAB, hidden_size=8).to("meta")
    symbols = torch.zeros(3, 6, dtype=torch.int64, device="meta")
    logits, hidden = model(symbols)
    resumed, hidden = model(symbols, hidden)
    step, hidden = model.step(symbols[:, 0], hidden)
    vectors, _ = model.step(torch.zeros(3, 5, device="meta"), model.initial_hidden(3))
    (logits.sum() + resumed.sum() + step.sum() + vectors.sum()).backward()
    states = hidden if isinstance(hidden, tuple) else (hidden,)
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert {tensor.device.type for tensor in (logits, step, *states, *grads)} == {"meta"}
    assert len(grads) == len(list(model.parameters()))


@gpu
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("network", NETWORKS)
@torch.backends.cudnn.flags(enabled=True, allow_tf32=False)  # otherwise 10 bits
def test_forward_on_gpu_matches_cpu(network: str, variant: str) -> None:
    here = NETWORKS[network](VOCAB, **VARIANTS[variant])
    there = NETWORKS[network](VOCAB, **VARIANTS[variant]).to("cuda")
    symbols = VOCAB.encode_batch(["hihell", "ellohi"])
    symbols = symbols if here.settings.batch_first else symbols.T
    for got, expected in zip(there(symbols.to("cuda")), here(symbols), strict=True):
        torch.testing.assert_close(got.cpu(), expected, rtol=1e-4, atol=1e-5)
    assert there.predict("hihell") == here.predict("hihell")
    assert generate(there, "h", 9, temperature=0) == generate(here, "h", 9, temperature=0)
    with pytest.raises(DeviceError, match="expected inputs on the model's device cuda:0"):
        there(symbols)


OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "texts": (TEXTS, {"validation": 0.3, "batch_size": 2}),
    "stepwise": (TEXTS, {"stepwise": True}),
    "clipping": (TEXTS, {"clip_norm": 0.1, "until": 0.9}),
    "counts": (Batch.from_texts([*TEXTS, *TEXTS[:3]], VOCAB).distinct(), {}),
    "chunks": ("hihello" * 9, {"chunk": 5, "batch_size": 2, "validation": 0.3}),
    "task": (PARITY, {"validation": 0.3, "batch_size": 8}),
}


@gpu
@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_training_on_gpu_matches_cpu(network: str, kind: str) -> None:
    data, options = OPTIONS[kind]
    vocab = PARITY.vocab if data is PARITY else VOCAB
    here, there = (
        fit(
            NETWORKS[network](vocab, hidden_size=6).double().to(device),
            data,
            epochs=12,
            lr=0.05,
            **options,
        )
        for device in ("cpu", "cuda")
    )
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
        expected, got = (torch.as_tensor(getattr(each, name)) for each in (here, there))
        assert got.device.type == "cpu"
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-8)
    assert there.stopped == here.stopped
    assert str(there) == str(here)


@gpu
def test_evaluate_sweep_and_split_on_gpu_match_cpu() -> None:
    batch = Batch.from_texts(TEXTS, VOCAB)
    for device in ("cpu", "cuda"):
        generator = torch.Generator().manual_seed(0)
        training, held_out = split_rows(batch.to(device), 0.3, generator)
        assert (training.device.type, held_out.device.type) == ("cpu", "cpu")
    assert fit(ElmanCharModel(VOCAB), batch.to("cuda"), epochs=2, validation=0.3).held_out
    seen = PARITY.sample(50, length=9)
    here, there = (
        [
            evaluate(ElmanEnsemble(PARITY.vocab, [1, 2]).to(device), PARITY, count=64, **options)
            for options in list[dict[str, Any]]([{}, {"seen": seen.to(device)}])
        ]
        for device in ("cpu", "cuda")
    )
    for expected, got in zip(here, there, strict=True):
        for one, other in zip(expected, got, strict=True):
            assert other.scores.keys() == one.scores.keys()
            for name, score in one.scores.items():
                assert other.scores[name].loss == pytest.approx(score.loss, rel=1e-5)
    options: dict[str, Any] = {"seeds": [1, 2], "epochs": 2, "count": 32, "longer": [9]}
    rows = [
        run_sweep(make, PARITY, grid={"lr": [0.01]}, **options).rows
        for make in (ElmanEnsemble, lambda vocab, seeds: ElmanEnsemble(vocab, seeds).cuda())
    ]
    for row, other_row in zip(*rows, strict=True):
        assert other_row.loss == pytest.approx(row.loss, rel=1e-4)
