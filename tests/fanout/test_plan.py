"""Which experiments are to be reproduced, in which order, and what becomes of those that fail or are killed."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from dvc.utils.serialize import dump_yaml, load_yaml
from hypothesis import given
from hypothesis import strategies as st

from stemma.fanout import lockfile
from stemma.fanout.local import _shares, judged
from stemma.fanout.plan import TRIES, Outcome, Plan, Unit, units


def experiments(**starts: str) -> dict:
    return {
        key: SimpleNamespace(start=SimpleNamespace(experiment=start)) if start else SimpleNamespace()
        for key, start in starts.items()
    }


def test_what_changed_and_what_starts_from_it() -> None:
    known = experiments(a="", b="", c="", d="b", e="d", f="c")
    every = Plan.of(known, {stage for key in known for stage in (f"train@{key}", f"transfer@{key}")}, {}).waiting
    found = units(every, {"train@a", "evaluate@b", "compare", "ingest@c", "transfer@a"})
    assert found == [Unit("a"), Unit("b"), Unit("d", "b"), Unit("e", "d")]
    assert [unit.target for unit in found] == ["evaluate@a", "evaluate@b", "evaluate_transfer@d", "evaluate_transfer@e"]
    assert units(every, {"compare", "decide"}) == []


def test_a_unit_is_told_of_the_data_of_what_others_start_from_and_of_itself() -> None:
    known = experiments(a="", b="", c="b", d="c", e="")
    stages = [
        s
        for unit in Plan.of(known, {f"{s}@{k}" for s in ("train", "transfer") for k in known}, {}).waiting
        for s in unit.stages
    ]
    plan = Plan.of(known, {"train@b", "train@e"}, {"ingest@x": 0, "compare": 0} | dict.fromkeys(stages, 0))
    assert [unit.key for unit in plan.waiting] == ["b", "c", "d", "e"]
    unit = plan.begin()
    assert unit is not None and {*plan.needed(unit)} == {
        "ingest@x", "compare", "train@b", "evaluate@b", "transfer@c", "evaluate_transfer@c",
    }  # fmt: skip
    plan.end(unit, Outcome(made={"train@b": 1, "evaluate@b": 2}))
    start = plan.begin()
    assert start is not None and plan.needed(start)["train@b"] == 1 and plan.needed(start)["transfer@c"] == 0
    plan.end(start, Outcome("broken"))
    assert plan.take() == {"train@b": 1, "evaluate@b": 2} and plan.take() == {}
    assert plan.needed(unit)["train@b"] == 1


def test_entries_are_read_as_dvc_writes_them(tmp_path: Path) -> None:
    """Digests that look like numbers, strings that look like truth values."""
    entry = {"cmd": "x", "deps": [{"path": "a", "md5": "1234567890123456e7890123456789"}], "params": {"p": {"k": "no"}}}
    assert lockfile.read(tmp_path) == {}
    lockfile.write(tmp_path, {"a": entry, "b@c": {"cmd": "y", "outs": [{"path": "é", "size": 3}]}})
    ours = (tmp_path / "dvc.lock").read_text(encoding="utf-8")
    data = load_yaml(str(tmp_path / "dvc.lock"))
    assert data["stages"] == lockfile.read(tmp_path) and data["stages"]["a"] == entry
    dump_yaml(str(tmp_path / "dvc.lock"), data)
    assert (tmp_path / "dvc.lock").read_text(encoding="utf-8") == ours
    assert lockfile.made(tmp_path, {"a", "z"}) == {"a": entry}


@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["ok", "killed", "failed"])), max_size=9), st.integers(1, 4)
)
def test_each_unit_ends_once_and_after_the_one_it_starts_from(drawn: list[tuple[int, str]], seats: int) -> None:
    """Unit n starts from an earlier one or from none; a killed worker is killed every time."""
    every = [Unit(str(n), str(start) if start < n else "") for n, (start, _) in enumerate(drawn)]
    fate = {str(n): outcome for n, (_, outcome) in enumerate(drawn)}
    plan, ended = Plan(list(reversed(every))), list[str]()
    while plan.waiting or plan.running:
        while len(plan.running) < seats and (unit := plan.begin()):
            assert not unit.after or unit.after in {done.key for done in plan.done}
        unit = plan.running[0]
        outcome = {"ok": Outcome(), "killed": Outcome("killed", killed=True), "failed": Outcome("broken")}
        plan.end(unit, outcome[fate[unit.key]])
        ended.append(unit.key)
    assert sorted([*(unit.key for unit in plan.done), *plan.failed]) == sorted(unit.key for unit in every)
    for unit in every:
        sound = fate[unit.key] == "ok" and unit.after not in plan.failed
        assert (unit.key in plan.failed) != sound
        begun = plan.tries.get(unit.key, 0)
        expected = 0 if unit.after in plan.failed else TRIES if fate[unit.key] == "killed" else 1
        assert begun == expected == ended.count(unit.key)


@pytest.mark.parametrize(
    ("code", "text", "reason", "killed"),
    [
        (0, "Running stage\n", "", False),
        (
            255,
            "> python train.py\ntrain x: val_loss is not finite\nERROR: failed to reproduce 'train@x': failed to run: "
            "python train.py, exited with 1\n",
            "train x: val_loss is not finite; see LOG",
            False,
        ),
        (255, "ERROR: failed to reproduce 'a': failed to run: b, exited with -9\n", "killed; see LOG", True),
        (255, "ERROR: failed to reproduce 'a': failed to run: b, exited with 143\n", "killed; see LOG", True),
        (255, "ERROR: failed to reproduce 'a': failed to run: b, exited with 1437\n", "it ended without a word; see LOG",
         False),
        (255, "WARNING: w\nERROR: output 'a' does not exist\n", "output 'a' does not exist; see LOG", False),
        (-9, "> python train.py\n", "killed; see LOG", True),
        (1, "", "it ended without a word; see LOG", False),
    ],
)  # fmt: skip
def test_what_dvc_says_becomes_a_reason(code: int, text: str, reason: str, killed: bool) -> None:
    assert judged(code, text, "LOG") == Outcome(reason, killed)


def test_cores_are_dealt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {2, 3, 5, 7})
    assert _shares(2) == [[2, 5], [3, 7]]
    assert _shares(5) == [[2], [3], [5], [7], [2, 3, 5, 7]]
