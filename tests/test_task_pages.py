"""The task pages and the drawings of chapter 10 match the tasks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tools import automata, learnt
from tools.learnt import rows_of, scores_table
from tools.task_pages import definition, options, samples, tasks_of
from tools.tasks import PAGES, catalogue, names_on, title_of

from benchmarks import tasks_learnt
from benchmarks.recipes import SEEDS, networks_for
from benchmarks.surprise import surprise_of_source
from seqtoys import Task, get_task, list_tasks
from seqtoys.results import Report
from seqtoys.tasks.determined import Determined


def predicts_every_symbol(task: Task) -> bool:
    return not isinstance(task, Determined) and bool(task.sample(1).scored.all())


PREDICTED = [name for name in list_tasks() if predicts_every_symbol(get_task(name))]


def test_every_task_is_on_one_page_and_the_catalogue_links_to_it() -> None:
    names = [name for page in PAGES for name in names_on(page)]
    assert sorted(names) == sorted(list_tasks())
    linked, nav = catalogue(), Path("mkdocs.yml").read_text()
    for page in PAGES:
        text = Path(f"docs/tasks/{page}.md").read_text()
        assert f'tasks_of("{page}")' in text
        assert f"{title_of(page)}: tasks/{page}.md" in nav
        for name in names_on(page):
            assert f"[`{name}`]({page}/#{name})" in linked


def test_page_has_an_anchored_heading_for_each_task() -> None:
    text = tasks_of("reber")
    assert "\n## `reber` { #reber }\n" in text
    assert "\n## `embedded_reber` { #embedded_reber }\n" in text


def test_shared_text_appears_once() -> None:
    text = tasks_of("tomita")
    assert text.count("| 1 | it has no 0: `1*` |") == 1
    assert text.count("## `tomita_") == 7


@pytest.mark.parametrize("name", list_tasks())
def test_definition_is_prose(name: str) -> None:
    text = definition(name)
    assert text
    assert not {"Args:", "Raises:", "Examples:"} & set(text.split("\n"))
    assert ">>>" not in text
    assert text.count("$$") % 2 == 0


def test_options_are_listed_with_their_defaults() -> None:
    lines = options("dyck").split("\n")
    assert lines[2:] == [
        "| `kinds` | The number of kinds of brackets, $k$: 1 to 8. | `1` |",
        "| `p` | The probability of opening a bracket at each symbol, below 1/2. | `0.3` |",
    ]


def test_shown_samples_follow_the_task() -> None:
    lines = samples(get_task("parity")).split("\n")
    answers = 0
    for inputs, targets in pairwise(lines):
        if inputs.startswith("inputs"):
            bits = inputs.split()[1].rstrip("=")
            assert targets.split()[1] == "·" * len(bits) + str(bits.count("1") % 2)
            answers += 1
    assert answers == 3


@pytest.mark.parametrize("name", PREDICTED)
def test_symbol_surprises_add_up_to_the_optimal_loss(name: str) -> None:
    task = get_task(name)
    for seed in range(3):
        batch = task.sample(1, generator=torch.Generator().manual_seed(seed))
        surprise = surprise_of_source(task, batch)
        assert surprise is not None, f"add the surprise of {name} to benchmarks/surprise.py"
        assert sum(surprise) / len(surprise) == pytest.approx(task.optimal_loss(batch))


def test_answer_tasks_have_no_symbol_surprise() -> None:
    assert surprise_of_source(get_task("parity"), get_task("parity").sample(1)) is None


def test_network_is_trained_tested_and_stored(tmp_path: Path) -> None:
    network = replace(networks_for("reber")[0], units=4, batches=3)
    row = tasks_learnt.run(network)
    report = Report.from_json(json.dumps(row["report"]))
    assert (report.task, row["accuracy"]) == ("reber", float(report.seen.accuracy))
    assert (
        len(row["curve"]["losses"]) == len(row["curve"]["symbols"]) == len(row["curve"]["source"])
    )

    path = tmp_path / "learnt.jsonl"
    other = replace(network, task="anbn")
    tasks_learnt.store([other], [row], path)
    tasks_learnt.store([network], [row], path)
    tasks_learnt.store([network], [row], path)  # replaces the previous row
    stored = tasks_learnt.read(path)
    assert [each["network"] for each in stored] == [asdict(network), asdict(other)]
    assert stored[0]["report"] == row["report"]


def test_rows_of_other_machines_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "learnt.jsonl"
    row = {"report": {}, "accuracy": 1.0}
    networks = [networks_for(name)[0] for name in ("reber", "anbn", "dyck")]
    for network, machine in zip(networks, ("here", "there", "there"), strict=True):
        monkeypatch.setattr(
            tasks_learnt, "describe", lambda at=machine: {"cpu": at, "python": 3, "torch": 2}
        )
        tasks_learnt.store([network], [row], path)
    monkeypatch.setattr(learnt, "_rows", lambda: tasks_learnt.read(path))
    assert [each["network"]["task"] for each in tasks_learnt.read(path)] == [
        "reber",
        "anbn",
        "dyck",
    ]
    text = learnt.made(["reber", "anbn", "dyck"])
    assert text.count("## The networks") == 1
    assert "\n\n`reber`: Generated by" in text
    assert "\n\n`anbn`, `dyck`: Generated by" in text
    assert "\n\nGenerated by" in learnt.made(["anbn"])
    assert learnt.made(["parity"]) == ""


def test_unknown_task_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tasks_learnt.main(["rebber"])
    assert "no such task: rebber" in capsys.readouterr().err


@pytest.mark.parametrize("name", list_tasks())
def test_stored_results_match_the_current_recipe(name: str) -> None:
    assert [row["network"] for row in rows_of(name)] == [asdict(n) for n in networks_for(name)]
    assert len(rows_of(name)) == len(SEEDS)


def test_scores_are_written_as_median_and_range() -> None:
    def row(loss: float, accuracy: float) -> dict[str, Any]:
        scores = {"value": loss}, {"value": accuracy}, {"value": 1.0}
        named = zip(("loss", "accuracy", "whole_accuracy"), scores, strict=True)
        seen = {"optimum": 0.25, **dict(named)}
        return {"report": {"scores": {"seen": seen, "length 9": seen}}}

    text = scores_table([row(0.5, 0.9), row(0.3, 1.0), row(0.4, 0.95)])
    cells = "0.2500 | 0.4000 (0.3000 to 0.5000) | 95.0% (90.0% to 100.0%) |"
    assert text.split("\n")[4:6] == [f"| training lengths | {cells}", f"| length 9 | {cells}"]


def test_whole_string_accuracy_is_shown_only_for_deterministic_tasks() -> None:
    assert "| whole strings |" in scores_table(rows_of("parity"))
    assert "| whole strings |" not in scores_table(rows_of("reber"))


def test_drawn_hierarchy_names_tasks_of_its_levels() -> None:
    levels = list(automata.LEVELS)
    assert list(automata.SHOWN) == levels
    for level, names in automata.SHOWN.items():
        assert {get_task(name).level for name in names} == {level}
    drawn = automata.hierarchy()
    assert sorted(levels, key=drawn.index) == levels  # from the outermost to the innermost
