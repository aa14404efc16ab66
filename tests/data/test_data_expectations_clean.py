import pytest
import raw_sets

from stemma.data import catalog


@pytest.mark.parametrize(("kind", "task"), raw_sets.CLEAN)
def test_clean_data_pass(tmp_path, monkeypatch, kind, task):
    monkeypatch.setitem(catalog.CATALOG, "toy", raw_sets.entry(kind, task))
    folder = raw_sets.raw_folder(tmp_path / "raw", raw_sets.clean(kind, task), kind, task)
    assert raw_sets.judge(folder) == ({}, "")
