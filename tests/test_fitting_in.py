"""The integration guide's example files: torch.compile, and training in two processes."""

from __future__ import annotations

import multiprocessing
import os
import re
import runpy
import socket
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pytest
from torch import distributed

# PyTorch's compiler can't handle the run-time type checks that are on in this process.
COMPILED = """
import runpy
import torch
from seqtoys import ElmanCharModel, ElmanEnsemble, Vocab, fit
from seqtoys.models import LRUCharModel

runpy.run_path("examples/fitting_in/compiled.py")["main"]("aot_eager")
vocab = Vocab("hielo")
inputs = vocab.encode_batch(["hihell", "ellohi"])


def found(network, parameters, symbols):
    for parameter in parameters:
        parameter.grad = None
    logits, hidden = network(symbols)
    (logits.square().sum() + hidden.sum()).backward()
    return [logits, hidden, *(parameter.grad for parameter in parameters)]


for network in (
    ElmanCharModel(vocab),
    ElmanCharModel(vocab, hidden_size=4, embedding_size=3, num_layers=2, nonlinearity="relu"),
    ElmanCharModel(vocab, hidden_size=4, batch_first=False),
    ElmanEnsemble(vocab, range(3), hidden_size=4),
    LRUCharModel(vocab, hidden_size=4),
):
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    symbols = inputs if network.settings.batch_first else inputs.T
    parameters = list(network.parameters())
    expected, got = (found(each, parameters, symbols) for each in (network, compiled))
    torch.testing.assert_close(got, expected)
plain, compiled = ElmanCharModel(vocab), torch.compile(ElmanCharModel(vocab))
assert fit(plain, "hihello", epochs=9).loss == fit(compiled, "hihello", epochs=9).loss
print("the same numbers")
"""


def run(*command: str) -> str:
    """Run Python with these arguments and return its output."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_compiled_networks_are_single_graphs_with_the_same_numbers() -> None:
    assert run("-c", COMPILED).splitlines() == [
        "step by step: True",
        "whole sequences: True",
        "the same numbers",
    ]


def train_in_parallel(rank: int, port: int, answers: Any) -> None:
    """Act as one of two processes started by torchrun, with its environment variables."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ.update({**address, "RANK": str(rank), "WORLD_SIZE": "2"})
    with redirect_stdout(StringIO()) as printed:
        runpy.run_path("examples/fitting_in/data_parallel.py", run_name="__main__")
    answers.put(printed.getvalue())


@pytest.mark.skipif(
    not distributed.is_available() or os.name != "posix",
    reason="PyTorch is built without processes",
)
def test_two_processes_match_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    fork: Any = multiprocessing.get_context("fork")  # starting torchrun takes ten seconds
    answers = fork.SimpleQueue()
    processes = [fork.Process(target=train_in_parallel, args=(r, port, answers)) for r in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    printed = "".join(answers.get() for _ in processes)
    match = re.fullmatch(r"2 processes: within (.+) of a single process\n", printed)
    assert match is not None
    assert float(match[1]) < 1e-5
