"""The published form of comparison.json, and that comparisons of every task have it."""

import json
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from small_runs import sharp, write_kept, write_run, write_values

from stemma.comparison import compare
from stemma.comparison.table import SCHEMA_VERSION
from stemma.runs import RunFiles
from stemma.scores import SCORING

SCHEMA = json.loads(resources.files("stemma.comparison").joinpath("schema.json").read_text("utf-8"))
LABELS = np.arange(60) % 3
ALL = {"parameters": (10, 5000), "train_seconds": (1.0,)}


def written(task: str, root: Path) -> list[str]:
    """Three experiments of the task with two seeds, and one with one seed."""
    seeds, rng = {"a": 2, "b": 2, "c": 2, "d": 1}, np.random.default_rng(3)
    for name, count in seeds.items():
        if task == "classify":
            told = [sharp(np.where(rng.random(60) < 0.8, LABELS, (LABELS + 1) % 3), 3) for _ in range(count)]
            write_run(root, name, LABELS, told, groups=LABELS * 20 + np.arange(60) % 20)
        elif task == "regress":
            write_values(root, name, LABELS * 1.0, [LABELS + rng.normal(size=60) for _ in range(count)])
        else:
            columns = max(len(SCORING[task].columns), 1)
            log_z = [(1.0, 0.5, 1.5)] * count if task == "density" else None
            kept = [rng.random((60, columns)) for _ in range(count)]
            if task == "recall":
                kept = [np.column_stack([each[:, :2], np.full(60, 0.8)]) for each in kept]
            write_kept(root, name, task, np.ones(60), kept, [0.5] * count, log_z=log_z)
    return list(seeds)


def valid(found: dict) -> None:
    jsonschema.validate(json.loads(json.dumps(found, allow_nan=False)), SCHEMA)


def test_the_schema_is_one_and_names_the_version_that_is_written():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    assert set(SCHEMA["$defs"]["row"]["properties"]["task"]["enum"]) == set(SCORING)


@pytest.mark.parametrize("task", SCORING)
def test_a_comparison_of_every_task_has_the_published_form(task: str, tmp_path: Path):
    names = written(task, tmp_path)
    found = compare(names, tmp_path, bootstrap=100, budgets=ALL)
    valid(found)
    assert len(found["rows"]) == 4 and {row["task"] for row in found["rows"]} == {task}
    (told,) = (row["to_best"] for row in found["rows"] if row["rank"] == 2)
    assert (told["mcnemar"] is not None) == (task == "classify")
    assert told["effect"]["name"] == ("cohen_h" if task == "classify" else "cohen_dz")


def test_what_was_measured_under_changes_has_it_too(tmp_path: Path):
    names = written("classify", tmp_path)
    rows = [{"epsilon": e, "seed0": 0.9 - e, "seed1": 0.8 - e} for e in (0.0, 0.1)]
    worse = [{"kind": k, "strength": s, "seed0": 0.9, "seed1": 0.8} for k, s in (("none", 0), ("blur", 1.0))]
    RunFiles("a", tmp_path).write_robustness("pixels", 50, rows, [])
    RunFiles("b", tmp_path).write("test/corruption.json", {"examples": 50, "rows": worse})
    found = compare(names, tmp_path, bootstrap=100)
    valid(found)
    told = {row["experiment"]: row for row in found["rows"]}
    assert told["b"]["corruption"]["points"][1]["mean"] == pytest.approx(0.85) and told["a"]["corruption"] is None
    found["rows"][0]["unheard_of"] = 1
    with pytest.raises(jsonschema.ValidationError, match="unheard_of"):
        valid(found)


def test_nothing_to_compare_has_it_too(tmp_path: Path):
    valid(compare([], tmp_path))
