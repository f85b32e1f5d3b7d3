"""torch.export and ONNX: the whole network, and a single step."""

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from seqtoys import ElmanCharModel, Vocab


class Step(nn.Module):
    """One step of a network as a module."""

    def __init__(self, model: ElmanCharModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and the next state."""
        return self.model.step(inputs, hidden)


def session_of(exported: ExportedProgram) -> onnxruntime.InferenceSession:
    """Convert an exported program to ONNX, and load it."""
    program = torch.onnx.export(exported, dynamo=True, verbose=False)
    assert program is not None
    return onnxruntime.InferenceSession(program.model_proto.SerializeToString())


def main() -> None:
    """Export with two sequences; run both exports with seven."""
    model = ElmanCharModel(Vocab("hielo"), hidden_size=8)
    inputs = model.vocab.encode_batch(["hihell", "ellihi"])
    many = model.vocab.encode_batch(["hihell"] * 7)
    expected = model(many)[0].detach().numpy()
    batch = Dim("batch")  # any batch size

    exported = torch.export.export(model, (inputs,), dynamic_shapes={"inputs": {0: batch}})
    assert torch.allclose(exported.module()(many)[0], model(many)[0], atol=1e-6)
    session = session_of(exported)
    logits, _ = session.run(None, {session.get_inputs()[0].name: many.numpy()})
    print("whole sequences:", np.allclose(logits, expected, atol=1e-6))

    arguments = (inputs[:, 0], model.initial_hidden(2))
    shapes = {"inputs": {0: batch}, "hidden": {1: batch}}
    session = session_of(torch.export.export(Step(model), arguments, dynamic_shapes=shapes))
    hidden = model.initial_hidden(7).numpy()
    for symbols in many.numpy().T:
        logits, hidden = session.run(None, {"inputs": symbols, "hidden": hidden})
    print("step by step:", np.allclose(logits, expected[:, -1], atol=1e-6))


if __name__ == "__main__":
    main()
