"""A store that dies while results are published: what was done stays, what is missing is added, nothing comes twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from faults import Faulty, model_without_files, stored

from stemma.errors import StemmaError
from stemma.runs import RunFiles
from stemma.tracking import publish as module
from stemma.tracking.publish import Published
from stemma.tracking.store import connect, runs_of

Publishing = Callable[..., Published]
CALLS_BETWEEN = 11


def test_after_any_failure_publishing_again_completes(
    publishing: Publishing, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing("mnist-dbn", log_model=model_without_files)
    clean = stored()
    calls, place = 0, 2
    client = connect()
    while True:
        for run in runs_of(client, "1", ""):
            client.delete_run(run.info.run_id)
        faulty = Faulty(client, lambda call, at=place: ["", "before", "after"][(call == at) * (1 + at % 2)])
        monkeypatch.setattr(module, "connect", lambda faulty=faulty: faulty)
        try:
            publishing("mnist-dbn", log_model=model_without_files)
            break
        except StemmaError as error:
            calls += 1
            assert (str(project) in str(error) and "refused" in str(error)) or "no answer" in str(error)
        publishing("mnist-dbn", log_model=model_without_files)
        assert stored() == clean, place
        place += CALLS_BETWEEN
    assert calls > 3 and faulty.failures == 0


def test_a_half_published_experiment_that_changed_since_is_made_anew(publishing: Publishing, project: Path) -> None:
    def killed(run: str, folder: Path) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publishing("mnist-mlp", log_model=killed)
    (before,) = runs_of(connect(), "1", "tags.kind = 'aggregate'")
    files = RunFiles("mnist-mlp", project / "runs")
    files.write_history(0, files.history(0).assign(train_loss=0.5).to_dict("records"))
    publishing("mnist-mlp", log_model=model_without_files)
    (after,) = runs_of(connect(), "1", "tags.kind = 'aggregate'")
    assert after.info.run_id != before.info.run_id and after.info.status == "FINISHED"
    (child,) = runs_of(connect(), "1", "tags.seed = '0'")
    assert child.data.metrics["train/loss"] == 0.5
