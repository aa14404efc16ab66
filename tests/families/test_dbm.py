"""The architecture dbm: phases, joint training, what it unrolls to, the bound as its density."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from families.machines import states
from families.test_rbm import SMALL, pictures
from made_up import GREY
from stemma.config import Experiment
from stemma.errors import StemmaError
from stemma.families.dbn.dbm import DBM
from stemma.training.loop import SeedRun


def trained(joint_epochs: int, **parameters):
    """The model and history of a density of 4x4 bars, small enough for exact log Z."""
    common = {"dataset": "slot", "family": "dbn", "architecture": "dbm", "task": "density", "accelerator": "cpu"}
    own = {"hidden": (8, 6), "pretrain_epochs": 20, "pretrain_batch_size": 20, "joint_epochs": joint_epochs}
    experiment = Experiment(**common, parameters={**own, "joint_learning_rate": 0.1, **parameters})
    rows: list[dict] = []
    model, best = SeedRun("made up", experiment, 0, SMALL.to_dict()).fit(pictures(200), pictures(60, 1), 1, rows)
    return model, best, rows


def test_the_bound_rises_with_joint_training() -> None:
    (_, before, _), (model, after, rows) = trained(0), trained(40)
    assert bool(model.log_z_exact)
    assert after["train_log_likelihood"] > before["train_log_likelihood"] + 0.5
    assert after["val_log_likelihood"] > before["val_log_likelihood"] + 0.3
    joint = [row for row in rows if row["phase"] == "joint"]
    assert len(joint) == 40
    for row in joint:
        assert {"train_loss", "val_loss", "reconstruction", "mean_field_step", "free_energy_gap"} <= row.keys()
    lower = [row for row in rows if row["phase"] == "rbm1"]
    assert {"reconstruction", "free_energy_gap"} <= lower[0].keys() and "pseudo_likelihood" not in lower[0]


@pytest.fixture(scope="module")
def model() -> DBM:
    return trained(5)[0]


def test_the_bound_of_all_pictures_sums_to_less_than_one(model: DBM) -> None:
    every = (states(16).reshape(-1, 1, 4, 4) * 255).to(torch.uint8)
    with torch.no_grad():
        assert 0.5 < float(model.log_likelihood(every).exp().sum()) < 1


def test_more_sweeps_raise_the_bound(model: DBM, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.from_numpy(pictures(30, 2).x)
    found = []
    for sweeps in (0, 1, 3, 10):
        monkeypatch.setattr(model, "sweeps", sweeps)
        with torch.no_grad():
            found.append(model.log_likelihood(x).mean())
    assert (torch.stack(found).diff() > 0).all()


@pytest.mark.parametrize("hidden", [(6, 5), (7, 6, 5)])
def test_the_network_starts_as_the_mean_field_s_fixed_point(hidden: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = DBM(GREY.to_dict(), hidden, sweeps=300).double()
    for rbm in model.stack:
        torch.nn.init.normal_(rbm.weight, std=0.3)
        torch.nn.init.normal_(rbm.hidden_bias)
    model._unroll(None)
    x = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        *_, highest = model.machine.mean_field(model.encode(x), 300)
        torch.testing.assert_close(model.last_hidden(x), highest)


def test_middle_layers_are_halved_and_chains_start_from_data() -> None:
    model = DBM(GREY.to_dict(), (6, 5, 4), chains=7)
    before = [rbm.weight.clone() for rbm in model.stack]
    copies = [(rbm.visible_copies, rbm.hidden_copies) for rbm in model.stack]
    assert copies == [(2, 1), (1, 1), (1, 2)]
    x = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), dtype=np.uint8)
    model._join(SimpleNamespace(x=x))
    for scale, old, rbm in zip((1, 0.5, 1), before, model.stack, strict=True):
        torch.testing.assert_close(rbm.weight, old * scale)
    assert torch.equal(model.chains[0][-1], model.encode(torch.from_numpy(x[-1:]))[0])
    assert [chain.shape for chain in model.chains] == [(7, 784), (7, 6), (7, 5), (7, 4)]


def test_validation_leaves_the_chains_where_they_are() -> None:
    model = DBM(GREY.to_dict(), (6, 5), chains=7)
    batch = SimpleNamespace(x=torch.rand(4, 784))
    model.eval()
    model._joint(batch)
    assert all((chain == 0).all() for chain in model.chains)
    model.train()
    model._joint(batch)
    assert all((chain != 0).any() for chain in model.chains)


def test_phases() -> None:
    names = [phase.name for phase in DBM(GREY.to_dict(), (6, 5)).phases()]
    assert names == ["rbm1", "rbm2", "join", "joint", "sample", "unroll", "fit"]
    model = DBM(GREY.to_dict(), (6, 5), fine_tune=False)
    assert model.phases()[-1].trainable == (model.head,)
    density = DBM(replace(GREY, task="density").to_dict(), (6, 5), pretrain_epochs=0)
    assert [phase.name for phase in density.phases()] == ["join", "joint", "log_z"]
    assert not hasattr(density, "head")


REFUSED = [
    ({"hidden": (5,)}, r"hidden: \[5\]; a deep Boltzmann machine has at least 2 hidden layers"),
    ({"learn_variance": True, "visible": "gaussian"}, "learn_variance: true; allowed with dbm: false"),
    ({"persistent": True}, "persistent: true; allowed with dbm: false"),
]


@pytest.mark.parametrize(("parameters", "message"), REFUSED)
def test_refuses_what_it_is_not(parameters: dict, message: str) -> None:
    with pytest.raises(StemmaError, match=message):
        DBM(GREY.to_dict(), **parameters)


def test_pictures_are_of_the_chains(model: DBM) -> None:
    shown = model.pictures()
    assert shown["samples"].shape == (32, 4, 4, 1) and shown["samples"].std() > 20
