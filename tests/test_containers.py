"""Dockerfile and compose.yaml keep their promises: pinned, without privileges, closed to other computers."""

import importlib.util
import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DIGEST = r"@sha256:[0-9a-f]{64}$"


def steps() -> Any:
    spec = importlib.util.spec_from_file_location("dockerfile_steps", ROOT / ".ci/dockerfile_steps.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    return list(steps().instructions((ROOT / "Dockerfile").read_text()))


def stages(dockerfile: list[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Instructions of each stage by its name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, rest in dockerfile:
        if name == "FROM":
            found[rest.rpartition(" AS ")[2]] = []
        elif found:
            found[list(found)[-1]].append((name, rest))
    return found


@pytest.mark.parametrize("target", ["pipeline", "serve", "mlflow"])
def test_an_image_runs_as_an_ordinary_user_and_says_how_it_is(dockerfile: Any, target: str) -> None:
    names = dict(stages(dockerfile)[target])
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", names["USER"])
    assert "HEALTHCHECK" in names


def test_the_base_is_pinned_and_every_stage_stands_on_it(dockerfile: Any) -> None:
    (base,) = [rest for name, rest in dockerfile if name == "ARG" and rest.startswith("BASE=")]
    assert re.search(DIGEST, base)
    assert {rest.split()[0] for name, rest in dockerfile if name == "FROM"} == {"${BASE}", "runtime"}


def test_an_image_has_no_compiler_and_no_test_tool(dockerfile: Any) -> None:
    installed = [rest for name, rest in dockerfile if name == "RUN" and "apt-get" in rest]
    assert [re.findall(r"recommends (.*?) &&", rest) for rest in installed] == [["git"]]
    assert not any("[dev" in rest or " -r " in rest for name, rest in dockerfile if name == "RUN")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & service.keys()
    assert "build" in service or service["user"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_listens_on_this_computer_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_or_built_here(name: str) -> None:
    service = SERVICES[name]
    assert ("build" in service) != bool(re.search(r":[\w.-]+" + DIGEST, service["image"]))


def test_stores_are_reached_by_mlflow_alone() -> None:
    for network, members in {"database": {"postgres", "mlflow"}, "objects": {"s3", "mlflow"}}.items():
        assert COMPOSE["networks"][network] == {"internal": True}
        assert {name for name, service in SERVICES.items() if network in service["networks"]} == members


def test_a_service_waits_until_what_it_needs_is_healthy(dockerfile: Any) -> None:
    checked = {name for name, service in SERVICES.items() if "healthcheck" in service}
    checked |= {name for name, parts in stages(dockerfile).items() if dict(parts).get("HEALTHCHECK", "NONE") != "NONE"}
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert other in checked


def test_secrets_come_as_files_that_the_script_makes(tmp_path: Path) -> None:
    script, folder = ROOT / "containers/make_secrets.py", tmp_path / "secrets"
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    assert {f"secrets/{path.name}" for path in folder.iterdir()} == {s["file"] for s in COMPOSE["secrets"].values()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    key = json.loads(texts["s3_identities.json"])["identities"][0]["credentials"][0]
    assert all(f"= {value}\n" in texts["s3_credentials"] for value in key.values())
    again = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
    assert again.returncode == 1 and "there already" in again.stderr
    assert {path.name: path.read_text() for path in folder.iterdir()} == texts


def test_no_secret_stands_in_compose_or_goes_into_an_image() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|CREDENTIALS|KEY", name):
                assert name.endswith("_FILE") and value.startswith("/run/secrets/")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".git", "secrets", ".env*", ".dvc/config.local", "incoming"} <= set(ignored)


def test_instructions_are_read_as_the_engine_reads_them() -> None:
    text = '# one\nARG A=1\nFROM a AS b\nRUN one \\\n # two\n && three \\\n    four\nCMD ["x"]\n'
    assert list(steps().instructions(text)) == [
        ("ARG", "A=1"),
        ("FROM", "a AS b"),
        ("RUN", "one && three four"),
        ("CMD", '["x"]'),
    ]


def test_files_are_copied_where_the_engine_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = steps()
    for name in ("a.txt", "code/b.py", "code/deep/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    subprocess.run("git init --quiet && git add .", shell=True, cwd=tmp_path, check=True)
    (tmp_path / "untracked").touch()
    monkeypatch.chdir(tmp_path)
    stage = module.Stage([], root=tmp_path / "root", folder="/work")
    build = module.Build.__new__(module.Build)
    for rest in ("a.txt ./", "a.txt renamed", "a.txt code/b.py /both/", "code code", ". /all"):
        build._copy(stage, rest)
    copied = {path.relative_to(stage.root).as_posix() for path in stage.root.rglob("*") if path.is_file()}
    assert copied == {
        *("work/a.txt", "work/renamed", "both/a.txt", "both/b.py", "work/code/b.py", "work/code/deep/c.py"),
        *("all/a.txt", "all/code/b.py", "all/code/deep/c.py"),
    }
