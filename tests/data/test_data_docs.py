import json
import re
from pathlib import Path

import making
import numpy as np
import pytest
from typer.testing import CliRunner

from stemma.cli.data import app
from stemma.data import catalog
from stemma.data.ingest import ingest
from stemma.data.preparation.prepare import prepare
from stemma.data.validation.expectations import validate
from stemma.errors import StemmaError

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def shapes(monkeypatch):
    """The worked example of the documentation, executed."""
    monkeypatch.setattr(catalog, "CATALOG", dict(catalog.CATALOG))
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "add-a-dataset.md").read_text(), re.DOTALL)
    exec(code, {})
    return catalog.CATALOG["shapes"]


def test_the_worked_example_is_a_dataset(shapes, tmp_path):
    random = np.random.default_rng(0)
    members = {
        f"{part}/{label}/{i}.png": making.png(random.integers(0, 256, (8, 8, 3), np.uint8))
        for part, count in (("train", 20), ("test", 10))
        for label in shapes.classes
        for i in range(count)
    }
    packed = making.tar(tmp_path / "shapes.tar.gz", members)
    with pytest.raises(StemmaError, match="SHA-256 is not known"):
        ingest("shapes@canonical", tmp_path / "raw", downloads=tmp_path / "downloads")
    ingest(f"shapes@{packed}", tmp_path / "raw")
    validate(tmp_path / "raw", tmp_path / "r.json", tmp_path / "r.html", tmp_path / "d.parquet")
    spec = prepare(tmp_path / "raw", tmp_path / "out")
    assert (spec.shape, spec.classes) == ((3, 8, 8), ("circle", "square"))
    assert spec.sizes == {"train": 36, "validation": 4, "test": 20}
    listed = json.loads(CliRunner().invoke(app, ["list", "--json"]).output)
    assert "shapes" in {row["name"] for row in listed}


def test_the_table_of_datasets_is_the_catalogue():
    rows = re.findall(r"^\| `(\w+)` \| (\w+).*? \| (.*?) \|", (DOCS / "data.md").read_text(), re.MULTILINE)
    told = {name: (kind, sources) for name, kind, sources in rows}
    for name, entry in catalog.CATALOG.items():
        sources = [f"`{s}`" for s in entry.sources] + (["PATH", "URL"] if entry.path_reader else [])
        assert told[name] == (entry.kind, ", ".join(sources))
