"""torch.compile: a single step and whole sequences, each as one graph."""

import torch

from seqtoys import ElmanCharModel, Vocab

# By default, PyTorch does not compile modules that contain an nn.RNN.
torch._dynamo.config.allow_rnn = True


def main(backend: str = "inductor") -> None:
    """Compile a network and compare it with the original."""
    model = ElmanCharModel(Vocab("hielo"), hidden_size=8)
    step = torch.compile(model.step, fullgraph=True, backend=backend)
    whole = torch.compile(model, fullgraph=True, backend=backend)

    inputs = model.vocab.encode_batch(["hihell", "ellihi"])
    expected, final = model(inputs)
    hidden = model.initial_hidden(2)
    for symbols in inputs.T:
        _, hidden = step(symbols, hidden)
    logits, _ = whole(inputs)
    print("step by step:", torch.allclose(hidden, final, atol=1e-6))
    print("whole sequences:", torch.allclose(logits, expected, atol=1e-6))


if __name__ == "__main__":
    main()
