"""Secrets, settings, the report's text and the words of a failure: each by itself."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stemma.errors import StemmaError, without_credentials
from stemma.retraining import parameters, report
from stemma.retraining.pipeline import failure
from stemma.retraining.process import Commands, Done
from stemma.retraining.secrets import Secrets, collect, holds_secret

PARAMS = "training: # defaults\n  epochs: 2 # few\n  seeds: [0, 1]\nexperiments: {a: {epochs: 1}}\n"


def test_secrets_are_values_of_suspicious_names_and_credentials_of_addresses(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        '[remote "origin"]\n\turl = https://x-access-token:ghp_CANARY1@host/r.git\n'
        "['remote \"s3\"']\n    secret_access_key = CANARY2+/=\n    url = s3://bucket\n[user]\n\tname = Ann\n"
    )
    environment = {"MY_API_KEY": "CANARY3", "PEM_PRIVATE_KEY": "-----\nCANARY4line\n-----", "URL": "http://u:CANARY5@h/",
                   "GIT_AUTHOR_NAME": "Ann Author", "A_TOKEN": "true", "HOME": "/home/ann"}  # fmt: skip
    hide = collect(environment, [tmp_path / "config", tmp_path / "none"]).hide
    for canary in ("ghp_CANARY1", "CANARY2+/=", "CANARY2%2B%2F%3D", "CANARY3", "CANARY4line", "CANARY5"):
        assert hide(f"a {canary} b") == "a *** b"
    assert (
        hide("Ann Author in /home/ann says true of s3://bucket") == "Ann Author in /home/ann says true of s3://bucket"
    )


@given(st.text(alphabet="abAB01:@%-_.", min_size=1))
def test_no_credentials_are_left_in_an_address(user: str) -> None:
    assert without_credentials(f"see http://{user}@host/path for mail a@b") == "see http://host/path for mail a@b"


@pytest.mark.parametrize("value", ["csv@https://u:p@host/x.csv", "https://tok@h/x", "https://h/x?sig=abc", "s3://b/x?X-Amz-Signature=ab"])  # fmt: skip
def test_an_address_with_credentials_is_no_parameter(value: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"datasets": {"rows": {"use": value}}}))
    with pytest.raises(StemmaError, match=r"datasets\.rows\.use: an address with credentials") as told:
        parameters.refuse_secrets(path)
    assert value not in str(told.value) and holds_secret(value)


def test_other_addresses_are_parameters() -> None:
    assert not any(
        map(holds_secret, ["csv@https://host/x.csv", "table@/a/b@c.csv", "mnist@sample", "https://h/?page=2"])
    )


def test_settings_keep_comments_and_all_else(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    parameters.write(path, parameters.parsed(["training.epochs=5", "experiments.a.parameters={hidden: [8]}", "training.rate=1e-3"]))  # fmt: skip
    text = path.read_text()
    assert "# defaults" in text and "# few" in text
    assert yaml.safe_load(text)["training"] == {"epochs": 5, "seeds": [0, 1], "rate": 1e-3}
    assert yaml.safe_load(text)["experiments"] == {"a": {"epochs": 1, "parameters": {"hidden": [8]}}}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("epochs", "expected KEY=VALUE"),
        ("a..b=1", "expected KEY=VALUE"),
        ("training.epochs=[1", "no YAML"),
        ("training.epochs=!!python/object/apply:os.system ['touch x']", "no YAML"),
        ("training.epochs.deep=1", "is no section"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(setting: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    with pytest.raises(StemmaError, match=told):
        parameters.write(path, parameters.parsed([setting]))
    assert path.read_text() == PARAMS


def test_a_parameter_file_that_is_gone_or_broken_is_told(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    for settings in ({}, {"training.epochs": 1}):
        with pytest.raises(StemmaError, match=r"params\.yaml: the commit has no such file"):
            parameters.write(path, settings)
            parameters.refuse_secrets(path)
    path.write_text("training: [\n")
    with pytest.raises(StemmaError, match="not valid YAML in line 2"):
        parameters.write(path, {"training.epochs": 1})


def test_a_failure_names_the_stage_and_its_last_words() -> None:
    lines = [
        "Running stage 'ingest@rows':", "> python pipelines/ingest.py rows", "fine", "Updating lock file 'dvc.lock'", "",
        "Running stage 'validate@rows':", "> python pipelines/validate.py rows", "validate rows: 2 expectations fail",
        "ERROR: failed to reproduce 'validate@rows': failed to run: python pipelines/validate.py rows, exited with 1",
    ]  # fmt: skip
    assert failure(Done(1, lines, Secrets([]))) == "stage validate@rows failed: validate rows: 2 expectations fail"
    assert failure(Done(1, ["ERROR: cannot lock"], Secrets([]))) == "dvc repro: ERROR: cannot lock"


@given(st.text(max_size=60))
def test_nothing_within_code_ends_its_cell(text: str) -> None:
    cell = report.code(text)
    assert cell.count("`") == 2 and "\n" not in cell and "|" not in cell.replace("\\|", "")


def test_a_page_escapes_what_others_wrote_and_fits_a_comment() -> None:
    story = report.Story("Retraining of a|b<img src=x>`@all", {"data": "x | y\n# z"}, failure="see [a](http://b)")
    story.metrics = {
        f"runs/e{i}/metrics.json": {"accuracy": {"old": 0.5, "new": 0.75, "diff": 0.25}} for i in range(300)
    }
    text = report.page(story, "# Comparison\n\n## grey\n" + "x" * 90_000)
    assert "<img" not in text.replace("\\<img", "") and "@all" not in text and "\\[a\\]" in text
    assert "| `e0: accuracy` | `0.5` | `0.75` | +0.25 |" in text and "and 100 more" in text
    assert len(text) < 65_536 and "### grey" in text


def test_the_git_token_reaches_git_alone_and_no_argument(tmp_path: Path) -> None:
    commands = Commands(tmp_path, Secrets([]), {"STEMMA_GIT_TOKEN": "CANARY", "PATH": "/usr/bin:/bin"})
    show = [sys.executable, "-c", "import os; print(os.environ.get('STEMMA_GIT_TOKEN'))"]
    assert commands.run(show).text == "None"
    told = commands.git("-c", f"alias.show=!{' '.join(show[:1])} -c 'import os; print(1)'", "version", remote=True)
    assert told.code == 0 and "CANARY" not in told.text
    filled = subprocess.run(
        ["git", "-c", "credential.helper=", "-c", f"credential.helper={__import__('stemma.retraining.process', fromlist=['ASKED']).ASKED}", "credential", "fill"],
        input="protocol=https\nhost=example.org\n\n", env={"STEMMA_GIT_TOKEN": "CANARY", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "password=CANARY" in filled.stdout


def test_what_a_command_says_is_shown_without_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = Commands(tmp_path, Secrets(["CANARY"]), {"PATH": "/usr/bin:/bin"})
    with (tmp_path / "log").open("w") as commands.log:
        done = commands.run([sys.executable, "-c", "print('error: CANARY at http://u:p@h/')"], show=True)
    assert done.text == "error: CANARY at http://u:p@h/" and done.reason() == "error: *** at http://h/"
    assert capsys.readouterr().out == (tmp_path / "log").read_text() == "error: *** at http://h/\n"
