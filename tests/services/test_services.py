"""The pipeline against the services of compose.yaml: what they keep, whom they answer, whom they refuse."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from processes import ROOT, Services, ask, free_port, running, wait_for

pytestmark = pytest.mark.services
EXPERIMENTS = ("mnist-lenet5", "reviews-tfidf")
REVIEW = "a warm and funny film"


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """In a folder that another user reaches: PostgreSQL has one of its own if root runs the test."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the tests ends what they started
    with TemporaryDirectory(prefix="services-") as folder, ExitStack() as stack:
        yield Services(Path(folder), stack)


@pytest.fixture(scope="module")
def environment(services: Services) -> dict[str, str]:
    """A client's: the address of the server, and no key of the store or the database."""
    return os.environ | {"MLFLOW_TRACKING_URI": services.address, "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def project(services: Services, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with two experiments on two datasets, whose pipeline has run, is published and promoted."""
    clone = tmp_path_factory.mktemp("project") / "stemma"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run(["python", ".ci/reduce.py"], cwd=clone, check=True)
    params = clone / "params.yaml"
    values = yaml.safe_load(params.read_text())
    values["experiments"] = {name: values["experiments"][name] for name in EXPERIMENTS}
    used = {entry["dataset"] for entry in values["experiments"].values()}
    values["datasets"] = {slot: values["datasets"][slot] for slot in used}
    params.write_text(yaml.safe_dump(values, sort_keys=False))
    for command in ("dvc repro", "stemma publish", "stemma promote"):
        subprocess.run(command.split(), cwd=clone, env=environment, check=True)
    return clone


def test_runs_and_champions_lie_in_postgresql(project: Path, services: Services) -> None:
    names = [name for (name,) in services.rows("SELECT name FROM runs WHERE lifecycle_stage = 'active'")]
    assert {name for name in names if name in EXPERIMENTS} == set(EXPERIMENTS)
    assert [name for name in names if name.startswith("mnist-lenet5-seed")] != []
    champions = services.rows("SELECT name FROM registered_model_aliases WHERE alias = 'champion'")
    assert {name.partition("-")[0] for (name,) in champions} == {"mnist", "rotten_tomatoes"}


def test_artifacts_lie_in_the_bucket_and_nowhere_else(project: Path, services: Services) -> None:
    objects = services.objects()
    assert any(name.endswith("/MLmodel") for name in objects)
    assert any(name.endswith(".safetensors") for name in objects)
    assert not (project / "mlartifacts").exists()
    assert not (services.folder / "mlartifacts").exists()
    where = services.rows("SELECT DISTINCT artifact_location FROM experiments WHERE name LIKE '%@%'")
    assert where and all(place.startswith("mlflow-artifacts:/") for (place,) in where)


def test_publishing_again_adds_nothing(project: Path, services: Services, environment: dict[str, str]) -> None:
    before = services.rows("SELECT count(*) FROM runs"), len(services.objects())
    subprocess.run(["stemma", "publish"], cwd=project, env=environment, check=True)
    assert (services.rows("SELECT count(*) FROM runs"), len(services.objects())) == before


def test_the_champion_answers_by_command_and_by_server(
    project: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    command = ["stemma", "predict", "text", REVIEW, "--json"]
    told = subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True, text=True).stdout
    (predicted,) = json.loads(told)["predictions"]
    port, log = free_port(), tmp_path / "serve.log"
    address = f"http://127.0.0.1:{port}"
    with running(["stemma", "serve", "text", "--port", str(port)], log, cwd=project, env=environment) as process:
        wait_for(lambda: ask(f"{address}/ping")[0] == 200, process, log)
        assert ask(f"{address}/version")[0] == 200
        status, body = ask(f"{address}/invocations", {"Content-Type": "text/plain"}, REVIEW.encode())
    (served,) = json.loads(body)["predictions"]
    assert (status, served["label"]) == (200, predicted["label"])
    assert served["probability"] == pytest.approx(predicted["probability"])


def test_the_store_keeps_strangers_and_other_buckets_out(services: Services) -> None:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError, match=r"InvalidAccessKeyId|AccessDenied"):
        services.bucket(aws_access_key_id="stranger").list_objects_v2(Bucket="mlflow")
    with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|AccessDenied"):
        services.bucket(aws_secret_access_key="guessed").list_objects_v2(Bucket="mlflow")
    with pytest.raises(ClientError, match="AccessDenied"):
        services.bucket().put_object(Bucket="another", Key="object", Body=b"")


def test_the_database_asks_for_the_password(services: Services) -> None:
    import psycopg

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=services.ports["postgres:5432"], user="mlflow", password="guessed")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "attacker.example"}, 403),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "http://127.0.0.1:5000"}, 200),
    ],
)
def test_mlflow_checks_host_and_origin(services: Services, headers: dict[str, str], status: int) -> None:
    search = f"{services.address}/api/2.0/mlflow/experiments/search"
    body = json.dumps({"max_results": 1}).encode()
    assert ask(search, {"Content-Type": "application/json"} | headers, body)[0] == status


def test_no_secret_is_told(project: Path, services: Services) -> None:
    lines = (services.secrets / "s3_credentials").read_text().splitlines()[1:]
    secrets = [services.password(), *(line.split(" = ")[1] for line in lines)]
    logs = "".join(path.read_text(errors="replace") for path in services.folder.glob("*.log"))
    processes = subprocess.run(["ps", "-eo", "args", "-ww"], check=True, capture_output=True, text=True).stdout
    assert "Uvicorn running" in logs
    assert not [secret for secret in secrets if secret in logs or secret in processes]
