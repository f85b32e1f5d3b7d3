"""Save and load a model; resume training after an error, with bit-identical weights."""

import tempfile
from pathlib import Path

import torch

from seqtoys import Checkpoint, ElmanCharModel, Vocab, fit, load, load_history, save
from seqtoys.results import Row

VOCAB = Vocab("hielo")
TEXTS = ["hello", "hill", "hole", "oil", "hihello"]


def main() -> None:
    """Do both in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        save_and_load(Path(folder, "hihello.safetensors"))
        interrupt_and_resume(Path(folder, "training.safetensors"))


def save_and_load(path: Path) -> None:
    """Save a model with its history, and check what is loaded."""
    model = ElmanCharModel(VOCAB, seed=777)
    history = fit(model, "hihello", epochs=100, lr=0.05)
    save(model, path, history=history)

    loaded, kept = load(path), load_history(path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    print(f"the loaded model predicts {loaded.predict('hihell')} for hihell")
    print(f"its history has {len(kept)} epochs and equals the saved one: {kept == history}")


def interrupt_and_resume(path: Path) -> None:
    """Train once without and once with an interruption; compare all weights."""
    whole = ElmanCharModel(VOCAB, hidden_size=8, seed=0)
    fit(whole, TEXTS, epochs=100, batch_size=2)

    model = ElmanCharModel(VOCAB, hidden_size=8, seed=0)
    checkpoint = Checkpoint(path, every=10)
    try:
        fit(model, TEXTS, epochs=100, batch_size=2, checkpoint=checkpoint, on_epoch=fail)
    except RuntimeError as error:
        print(f"\n{error}; the checkpoint has {len(load_history(path))} epochs")

    model = ElmanCharModel(VOCAB, hidden_size=8, seed=0)
    history = fit(model, TEXTS, epochs=100, batch_size=2, checkpoint=checkpoint, resume=path)
    same = all(map(torch.equal, model.parameters(), whole.parameters()))
    print(f"resumed to epoch {len(history)}; weights equal those of an uninterrupted run: {same}")


def fail(row: Row) -> None:
    """Fail in epoch 47: `fit` saves a checkpoint before the error between two epochs is raised."""
    if row.epoch == 47:
        raise RuntimeError("error in epoch 47")


if __name__ == "__main__":
    main()
