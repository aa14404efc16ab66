"""Which experiments are to be reproduced, in which order, and what becomes of those that fail or are killed."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.fanout.local import _shares, judged
from stemma.fanout.plan import TRIES, Outcome, Plan, Unit, units


def experiments(**starts: str) -> dict:
    return {
        key: SimpleNamespace(start=SimpleNamespace(experiment=start)) if start else SimpleNamespace()
        for key, start in starts.items()
    }


def test_what_changed_and_what_starts_from_it() -> None:
    known = experiments(a="", b="", c="", d="b", e="d", f="c")
    found = units(known, {"train@a", "evaluate@b", "compare", "ingest@c", "transfer@a"})
    assert found == [Unit("a"), Unit("b"), Unit("d", "b"), Unit("e", "d")]
    assert [unit.target for unit in found] == ["evaluate@a", "evaluate@b", "evaluate_transfer@d", "evaluate_transfer@e"]
    assert units(known, {"compare", "decide"}) == []


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
