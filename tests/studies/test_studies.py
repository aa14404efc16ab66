"""Each study on run files that no training wrote: what its verdicts say follows the numbers planted there."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from made_up_study import ROOT, script, write

from stemma import config
from stemma.errors import StemmaError
from stemma.studies import Study, Verdict, load
from stemma.studies import write as write_page

NAMES = sorted(path.parent.name for path in ROOT.glob("studies/*/study.py"))
GOOD, POOR, GUESS = (0.9, 0.91, 0.92), (0.7, 0.71, 0.72), (0.1, 0.1, 0.1)


def of(study: Study, part: str) -> Verdict:
    """The verdict whose claim holds `part`."""
    return next(verdict for verdict in study.verdicts if part in verdict.claim)


def answers(verdict: Verdict) -> list[bool | None]:
    return [case.holds for case in verdict.cases]


@pytest.mark.parametrize("name", NAMES)
def test_its_experiments_are_correct(name: str) -> None:
    assert config.load(ROOT / "studies" / name / "params.yaml").experiments


@pytest.mark.parametrize("name", ["nope", ""])
def test_a_wrong_name_says_which_there_are(name: str) -> None:
    run = subprocess.run(["make", "-o", "setup", "study", f"NAME={name}"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode != 0 and all(known in run.stderr for known in NAMES)
    assert len(run.stderr.strip().splitlines()) == 2  # ours, and make's own


# depth_width


def nets(
    root: Path, prepared: Path, losses: tuple[float, float], accuracy: Any, hidden: Any = ((38,), (36, 37))
) -> Study:
    """Nets of 1 and 2 hidden layers, with the losses and accuracies of both."""
    for depth in (1, 2):
        course = [(2.0, losses[depth - 1] * (1 + 0.01 * seed)) for seed in range(3)]
        write(root, prepared, f"grey-30k-{depth}", {"hidden": hidden[depth - 1]}, accuracy[depth - 1], course)
    return script("depth_width").study(load(["grey-30k-1", "grey-30k-2"], root, prepared.parent))


def test_the_deeper_net_fits_better_only_where_its_loss_is_lower(tmp_path: Path, prepared: dict[str, Path]) -> None:
    deep = nets(tmp_path / "a", prepared["grey"], (0.4, 0.1), (GOOD, GOOD))
    flat = nets(tmp_path / "b", prepared["grey"], (0.1, 0.4), (POOR, GOOD))
    assert [of(study, "fit better").outcome for study in (deep, flat)] == ["holds", "does not hold here"]
    assert [of(study, "training error").outcome for study in (deep, flat)] == ["does not hold here", "holds"]
    assert [of(study, "better features").outcome for study in (deep, flat)] == ["does not hold here", "holds"]
    assert "0.25 times the loss" in of(deep, "fit better").sentence


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (((38,), (40, 40)), "grey-30k: 30,220 to 33,450 parameters; allowed: within 1%"),
        (((38, 1), (36, 37)), "no net of one hidden layer"),
    ],
)
def test_nets_that_cannot_be_compared_are_refused(
    tmp_path: Path, prepared: dict[str, Path], hidden: Any, message: str
) -> None:
    with pytest.raises(StemmaError, match=message):
        nets(tmp_path, prepared["grey"], (0.4, 0.1), (GOOD, GOOD), hidden)


# activations

DEEP = (8,) * 8
WEIGHTS = {"sigmoid": "glorot_normal", "tanh": "glorot_normal", "selu": "lecun_normal"}


def kill(model: Any) -> None:
    """Half of the units of every hidden layer are off for good."""
    for layer in model.layers:
        layer[0].bias[::2] = -1e4


def activations(
    root: Path, prepared: Path, sigmoid: Any = GUESS, change: Any = None, default: str = "default"
) -> Study:
    """`change` comes upon the nets of the second part, `default` is what ReLU's other weights are."""
    for name in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu"):
        parameters = {"activation": name, "initialisation": WEIGHTS.get(name, "he_normal"), "hidden": DEEP}
        write(root, prepared, f"deep-{name}", parameters, sigmoid if name == "sigmoid" else GOOD)
        if name in ("relu", "leaky_relu", "elu"):
            for rate in (0.001, 0.01):
                reached = POOR if name == "relu" else GOOD
                write(root, prepared, f"rate-{rate}-{name}", parameters, reached, change=change, learning_rate=rate)
    parameters = {"activation": "relu", "initialisation": default, "hidden": DEEP}
    write(root, prepared, "deep-relu-default", parameters, GUESS)
    keys = sorted(path.name for path in root.iterdir())
    return script("activations").study(load(keys, root, prepared.parent))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, prepared: dict[str, Path]) -> Study:
    return activations(tmp_path_factory.mktemp("usual"), prepared["grey"])


def test_vanishing_follows_the_nets(usual: Study, tmp_path: Path, prepared: dict[str, Path]) -> None:
    other = activations(tmp_path, prepared["grey"], sigmoid=GOOD, default="he_normal")
    assert [answers(of(study, "Sigmoid")) for study in (usual, other)] == [[True, True], [True, False]]
    assert [answers(of(study, "slope is 1"))[1] for study in (usual, other)] == [False, True]
    assert of(usual, "saturates softly").outcome == "does not hold here"


def test_units_that_died_are_told(usual: Study, tmp_path: Path, prepared: dict[str, Path]) -> None:
    killed = activations(tmp_path, prepared["grey"], change=kill)
    assert answers(of(usual, "units die")) == [False] * 3
    assert answers(of(killed, "units die")) == [False, True, True]
    assert of(usual, "no unit dies").outcome == "holds"
    assert "leaky_relu's units (0.0 % dead" in of(killed, "no unit dies").sentence


def test_the_page_of_activations_is_whole(usual: Study, tmp_path: Path) -> None:
    page = write_page(usual, tmp_path).read_text()
    assert page.count("<figure>") == 5 and not re.search(r"\bnan\b", page)


# initialisation


def initialisation(root: Path, prepared: Path, layers: int, own: Any, other: Any, small: Any) -> Study:
    """Test accuracies of weights made for the activation, of those made for another, and of the small Gaussian."""
    for activation in ("tanh", "relu", "sigmoid"):
        for weights in ("normal", "glorot_normal", "he_normal"):
            right = (activation == "relu") == (weights == "he_normal")
            parameters = {"activation": activation, "initialisation": weights, "hidden": (64,) * layers}
            reached = small if weights == "normal" else own if right else other
            write(root, prepared, f"{activation}-{weights}", parameters, reached)
    keys = sorted(path.name for path in root.iterdir())
    return script("initialisation").study(load(keys, root, prepared.parent))


def test_variance_is_lost_on_the_way_through_the_layers(tmp_path: Path, prepared: dict[str, Path]) -> None:
    deep = initialisation(tmp_path / "a", prepared["grey"], 12, GOOD, POOR, GUESS)
    shallow = initialisation(tmp_path / "b", prepared["grey"], 1, POOR, GOOD, GOOD)
    assert [of(study, "cannot keep").outcome for study in (deep, shallow)] == ["holds", "does not hold here"]
    assert [of(study, "He's").outcome for study in (deep, shallow)] == ["holds", "holds"]
    sigmoid = dict(zip(["forward", "backward"], answers(of(deep, "sigmoid or tanh"))[2:], strict=True))
    assert sigmoid == {"forward": True, "backward": False} and of(shallow, "sigmoid or tanh").outcome == "holds"
    assert [of(study, "learn better").outcome for study in (deep, shallow)] == ["holds", "does not hold here"]
    assert [answers(of(study, "decide"))[-1] for study in (deep, shallow)] == [True, False]
