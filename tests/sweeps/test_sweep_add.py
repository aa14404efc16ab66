"""The best entry put into params.yaml, every other character kept."""

from pathlib import Path

import pytest
import yaml

from stemma import config
from stemma.cli.edit import appended
from stemma.cli.sweep import _check_new
from stemma.errors import StemmaError

ENTRY = "# Trial 3\ntuned:\n  dataset: grey\n  family: mlp\n  architecture: mlp\n  parameters: {hidden: [8]}\n"
HEAD = "datasets:\n  grey: {use: mnist@sample}\n\n"
PLAIN = "experiments: # all\n  # Grey\n  net:\n    dataset: grey\n    family: mlp\n    architecture: mlp"


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        (f"{PLAIN} # the last\n", ""),
        (f"{PLAIN}\n", "\n# Nothing\ntransfers: {} # none\n"),
        (f"{PLAIN}\n    parameters: {{hidden: [4],\n      dropout: 0.1}}\n", "\ntransfers: {}\n"),
        (f"{PLAIN}\n    parameters:\n      hidden:\n        - 4\n", "gate: {}\n"),
        (f"{PLAIN}", ""),
    ],
)
def test_an_entry_follows_the_last_one_and_all_else_stays(body: str, rest: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(HEAD + body + rest)
    before = yaml.safe_load(path.read_text())
    text = appended(path, "experiments", ENTRY)
    block = "".join(f"  {line}\n" for line in ENTRY.splitlines())
    assert text == HEAD + body + "\n" * (not body.endswith("\n")) + block + rest
    path.write_text(text)
    after = yaml.safe_load(text)
    assert after["experiments"].pop("tuned") == yaml.safe_load(ENTRY)["tuned"] and after == before
    assert config.load(path).experiment("tuned").parameters == {"hidden": (8,)}


def test_a_section_within_braces_is_left_to_the_user(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(HEAD + "experiments: {net: {dataset: grey, family: mlp, architecture: mlp}}\n")
    with pytest.raises(StemmaError, match="experiments: written within braces; add the entry by hand"):
        appended(path, "experiments", ENTRY)


def test_what_cannot_be_added_is_told_before_a_trial(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(HEAD + PLAIN)
    _check_new("rate", "net", path)
    with pytest.raises(StemmaError, match="has an experiment 'net' already; rename the sweep's file"):
        _check_new("net", "net", path)
    path.write_text(HEAD + "experiments: {net: {dataset: grey, family: mlp, architecture: mlp}}\n")
    with pytest.raises(StemmaError, match="experiments: written within braces; add the entry by hand"):
        _check_new("rate", "net", path)
