"""The workflows, as far as text says: pinned, with few rights, and nothing of an event in a shell."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FILES = sorted((Path(__file__).parents[2] / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"^\s*-?\s*uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_there_are_workflows() -> None:
    assert [path.name for path in FILES] == ["ci.yml", "retrain.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_is_pinned_and_has_few_rights(path: Path) -> None:
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert all(PINNED.match(line) for line in text.splitlines() if "uses:" in line)
    assert workflow["permissions"] == {} and all("permissions" in job for job in workflow["jobs"].values())
    assert all(job["timeout-minutes"] <= 360 for job in workflow["jobs"].values())
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), step
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_the_token_is_handed_to_one_step_and_as_a_variable() -> None:
    workflow = yaml.safe_load(FILES[1].read_text())
    assert "env" not in workflow and all("env" not in job for job in workflow["jobs"].values())
    assert [step["name"] for step in steps(workflow) if "STEMMA_GIT_TOKEN" in step.get("env", {})] == ["Retrain"]
    (retrain,) = [step for step in steps(workflow) if step.get("name") == "Retrain"]
    assert retrain["run"] == '.venv/bin/stemma retrain --reason "$REASON" --branch "$BRANCH"'
