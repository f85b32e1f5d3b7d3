"""Every example prints the expected lines when run as a notebook with the same code."""

from __future__ import annotations

import ast
import json
import re
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tools.teaching.notebooks import to_notebook

pytestmark = pytest.mark.usefixtures("untraced")

EXAMPLES = sorted(Path("examples").glob("*.py"))
EXPECTED = {
    "01_one_hot": ["[0, 1, 0, 2, 3, 3]", "and back: hihell"],
    "02_forward_one_symbol_at_a_time": ["output = hidden state: True"],
    "03_forward_whole_and_batched": [
        "logits (3, 5, 4)  hidden (1, 3, 4)",
        "last output = final hidden: True",
        "logits (5, 3, 4)",
        "the same numbers: True",
    ],
    "04_memorise_stepwise": ["10.155 -> 5.140", "predicted: ihello"],
    "05_memorise_whole_sequence": ["1.6925", "0.4686", "0.4621", "0.4327"],
    "06_embedding_and_readout": ["1.7675", "0.0070", "on plateau"],
    "08_a_thousand_seeds": ["--- a linear readout", "% of 1,000 (95% interval", "epochs"],
    "09_a_book": [" distinct", "held-out end", "best without memory"],
    "10_tasks": ["tomita_7 ", "optimum 0.2656 nats", "inputs   "],
    "11_learn_reber": ["of 200 generated strings, the grammar accepts", "optimum"],
    "12_memorise_or_learn": ["memorized (100% accuracy", "learned (100% accuracy", "length 500"],
    "13_your_own_task": ["optimum 0.", "['.', 'm']"],
    "14_your_own_model": ["--- GRU", "--- Elman network", "excess"],
    "15_save_and_resume": [
        "the loaded model predicts ihello for hihell",
        "equals the saved one: True",
        "error in epoch 47; the checkpoint has 47 epochs",
        "resumed to epoch 100; weights equal those of an uninterrupted run: True",
    ],
    "17_sweep": ["0.03           16  100.0%", "lr 0.03: solved 7", "of 20 (95% interval"],
    "16_figures": ["loss.png", "loss_by_position.png", "dendrogram.png"],
    "07_your_own_text": ["It memorized: 100% correct on the symbols it was trained on"],
}


def code_cells(path: Path) -> list[str]:
    cells = json.loads(to_notebook(path))["cells"]
    return [cell["source"] for cell in cells if cell["cell_type"] == "code"]


@cache  # training takes seconds
def printed_by(stem: str) -> str:
    """Run the notebook cells of an example and return its output."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with redirect_stdout(StringIO()) as printed:
        for source in code_cells(Path("examples", f"{stem}.py")):
            exec(source, namespace)
    return printed.getvalue()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_prints_the_expected_lines(path: Path) -> None:
    printed = printed_by(path.stem)
    for line in EXPECTED[path.stem]:
        assert line in printed


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_notebook_has_the_code_of_its_example(path: Path) -> None:
    """This makes it enough to run one of the two."""
    nbformat.validate(json.loads(to_notebook(path)))
    module = ast.parse(path.read_text())
    docstring, *body, last = module.body
    assert isinstance(docstring, ast.Expr)
    called = ast.unparse(last).removeprefix("if __name__ == '__main__':\n    ")
    assert called in ("main()", "main(*sys.argv[1:2])")
    (main,) = (node for node in body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert len(main.args.args) == len(main.args.defaults)
    defaults = zip(main.args.args, main.args.defaults, strict=True)
    assigned = [f"{name.arg} = {ast.unparse(default)}" for name, default in defaults]
    expected = [
        *(ast.unparse(node) for node in body if node is not main),
        *assigned,
        *(ast.unparse(node) for node in main.body[1:]),  # without its docstring
    ]
    found = [ast.unparse(node) for node in ast.parse("\n".join(code_cells(path))).body]
    assert found == expected


def test_every_example_is_on_the_examples_page() -> None:
    page = Path("docs/examples.md").read_text()
    for path in EXAMPLES:
        assert page.count(f'"{path}"') == 2  # its source, and its output
        assert page.count(f"({path.with_suffix('.ipynb')})") == 1


def test_about_three_of_four_seeds_memorize_in_100_epochs() -> None:
    rates = re.findall(r"solved: ([\d.]+)%", printed_by("08_a_thousand_seeds"))
    assert 74 < float(rates[0]) < 82
    assert float(rates[1]) > 99


def test_book_is_predicted_better_than_without_memory() -> None:
    printed = printed_by("09_a_book")
    held_out = re.findall(r"held-out end ([\d.]+)", printed)
    memoryless = re.findall(r"best without memory: ([\d.]+)", printed)
    assert float(held_out[-1]) < float(memoryless[0]) < float(held_out[0])


def test_held_out_proverbs_are_not_learned() -> None:
    line = printed_by("07_your_own_text").splitlines()[-1]
    accuracy = int(line.split("symbols it was trained on, ")[1].split("%")[0])
    assert accuracy < 20
