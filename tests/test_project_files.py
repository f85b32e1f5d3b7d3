"""Files that other programs read: the citation and the workflow agree with the package."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import seqtoys

PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
PUBLISHING = {
    "pages": {"pages": "write", "id-token": "write"},
    "pypi": {"id-token": "write"},
}


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    text = Path(".github/workflows/ci.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_citation_is_of_this_version() -> None:
    citation = yaml.safe_load(Path("CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == seqtoys.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert citation["authors"] == PROJECT["project"]["authors"]
    assert citation["keywords"] == PROJECT["project"]["keywords"]
    assert {"cff-version", "message", "title"} <= set(citation)  # required by the format


@pytest.mark.parametrize("name", PUBLISHING)
def test_nothing_is_published_before_all_checks_have_passed(
    workflow: dict[str, Any], name: str
) -> None:
    job = workflow["jobs"][name]
    assert set(job["needs"]) == {"check", "build"}
    assert "refs/" in job["if"]  # only from the main branch or a tag
    assert job["permissions"] == PUBLISHING[name]


def test_only_jobs_that_publish_may_write(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert {name for name, job in jobs.items() if "permissions" in job} == set(PUBLISHING)
    commands = [step.get("run") for step in jobs["check"]["steps"]]
    assert ".ci/run" in commands


def test_source_package_contains_each_listed_file() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [name for name in included if not Path(name.removeprefix("/")).exists()] == []
