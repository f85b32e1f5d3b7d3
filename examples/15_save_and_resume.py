"""Save a model and load it again; resume a training that an error ended, to the last bit."""

import tempfile
from pathlib import Path

import torch

from seqtoys import Checkpoint, ElmanCharModel, Vocab, fit, load, load_history, save
from seqtoys.results import Row

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hill", "hole", "oil", "hihello"]


def main() -> None:
    """Do both in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        save_and_load(Path(folder, "hihello.safetensors"))
        interrupt_and_resume(Path(folder, "training.safetensors"))


def save_and_load(path: Path) -> None:
    """Save a model with its history, and look at what comes back."""
    model = ElmanCharModel(VOCAB, seed=777)
    history = fit(model, "hihello", epochs=100, lr=0.05)
    save(model, path, history=history)

    loaded, kept = load(path), load_history(path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    print(f"the loaded model answers hihell with {loaded.predict('hihell')}")
    print(f"its history has {len(kept)} epochs; it is the one that was saved: {kept == history}")


def interrupt_and_resume(path: Path) -> None:
    """Train in one go, and in two with an error between; compare all weights."""
    whole = ElmanCharModel(VOCAB, hidden_size=8, seed=0)
    fit(whole, TEXTS, epochs=100, batch_size=2)

    model = ElmanCharModel(VOCAB, hidden_size=8, seed=0)
    checkpoint = Checkpoint(path, every=10)
    try:
        fit(model, TEXTS, epochs=100, batch_size=2, checkpoint=checkpoint, on_epoch=fail)
    except RuntimeError as error:
        print(f"\n{error}; the file has {len(load_history(path))} epochs")

    model = ElmanCharModel(VOCAB, hidden_size=8, seed=0)
    history = fit(model, TEXTS, epochs=100, batch_size=2, checkpoint=checkpoint, resume=path)
    same = all(map(torch.equal, model.parameters(), whole.parameters()))
    print(f"resumed to epoch {len(history)}; the weights are those of one go, bit for bit: {same}")


def fail(row: Row) -> None:
    """Fail in epoch 47: what an error between two epochs ends is saved first."""
    if row.epoch == 47:
        raise RuntimeError("an error in epoch 47")


if __name__ == "__main__":
    main()
