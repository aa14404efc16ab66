"""The house: who may import whom, and that dvc.yaml's deps cover the modules that a stage imports."""

import ast
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from stemma.serving.package import CODE, STEMMA

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
EVERYONE = {"stemma", "stemma.dvc", "stemma.errors", "stemma.files", "stemma.garbage", "stemma.threads"}

ALLOWED = {  # module or package -> what of stemma it may import, besides itself and what everyone may
    "stemma.spec": set(),
    "stemma.runs": set(),
    "stemma.yaml_loader": set(),
    "stemma.config": {"stemma.spec", "stemma.families.catalog", "stemma.data.catalog", "stemma.yaml_loader", "stemma.nn.names"},
    "stemma.data": {"stemma.spec"},
    "stemma.nn": {"stemma.spec"},
    "stemma.families": {"stemma.spec", "stemma.nn"},
    "stemma.training": {"stemma.nn.names", "stemma.nn.averaging", "stemma.nn.judging", "stemma.runs", "stemma.scores", "stemma.data.store", "stemma.families", "stemma.spec"},
    "stemma.evaluation": {"stemma.runs", "stemma.scores", "stemma.data.store", "stemma.families", "stemma.nn.judging", "stemma.nn.cost", "stemma.robustness",
                           "stemma.calibration", "stemma.corruption", "stemma.spec"},
    "stemma.corruption": {"stemma.data.store", "stemma.data.text", "stemma.spec"},
    "stemma.robustness": {"stemma.scores", "stemma.corruption", "stemma.data.store", "stemma.families.base", "stemma.nn"},
    "stemma.calibration": set(),
    "stemma.scores": {"stemma.calibration"},
    "stemma.comparison": {"stemma.runs", "stemma.scores", "stemma.calibration"},
    "stemma.gate": {"stemma.runs", "stemma.scores", "stemma.comparison"},
    "stemma.report": {"stemma.runs", "stemma.comparison", "stemma.scores"},
    "stemma.tracking": {"stemma.runs", "stemma.comparison", "stemma.serving", "stemma.scores", "stemma.report", "stemma.sweeps.record"},
    "stemma.registry": {"stemma.runs", "stemma.scores", "stemma.comparison", "stemma.gate", "stemma.tracking", "stemma.serving"},
    "stemma.retraining": {"stemma.config", "stemma.yaml_loader", "stemma.data", "stemma.drift", "stemma.tracking"},
    "stemma.served": {"stemma.config", "stemma.data.catalog", "stemma.registry", "stemma.serving", "stemma.tracking"},
    "stemma.fanout": {"stemma.config", "stemma.tracking"},
    "stemma.drift": {"stemma.spec", "stemma.runs", "stemma.scores", "stemma.data", "stemma.families", "stemma.report.svg", "stemma.report.pictures"},
    "stemma.sweeps": {"stemma.config", "stemma.runs", "stemma.scores", "stemma.training", "stemma.families.catalog"},
    "stemma.studies": {"stemma.runs", "stemma.comparison", "stemma.report", "stemma.data.store", "stemma.families", "stemma.nn"},
    "stemma.serving": {"stemma.spec", "stemma.families", "stemma.data.text", "stemma.data.image", "stemma.data.store",
                       "stemma.data.preparation.columns"},
}  # fmt: skip
FORBIDDEN = {  # outside packages that a part must not import, anywhere in it
    "stemma.robustness": {"mlflow"},
    "stemma.corruption": {"mlflow", "torch"},
    "stemma.config": {"torch", "mlflow"},
    "stemma.comparison": {"torch", "mlflow"},
    "stemma.report": {"torch", "mlflow"},
    "stemma.gate": {"torch", "mlflow"},
    "stemma.families": {"mlflow"},
    "stemma.training": {"mlflow"},
    "stemma.nn": {"mlflow", "pytorch_lightning"},
    "stemma.data": {"mlflow", "torch"},
    "stemma.fanout": {"mlflow", "torch"},
    "stemma.drift": {"mlflow", "torch"},
    "stemma.studies": {"mlflow"},
    "stemma.retraining": {"mlflow", "torch"},
    "stemma.sweeps": {"mlflow", "torch"},
}
ONLY = {"great_expectations": {"stemma.data.validation.expectations"}, "torch": set()}


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def path_of(module: str) -> Path | None:
    base = SOURCE / Path(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


MODULES = {module_of(path): path for path in SOURCE.rglob("*.py")}


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@cache
def imports(path: Path, top_only: bool = False) -> frozenset[str]:
    """Modules that a file imports, those for type annotations left out; `top_only`: at import alone."""
    found: set[str] = set()
    queue: list[ast.AST] = [ast.parse(path.read_text())]
    while queue:
        node = queue.pop()
        if _is_type_checking(node) or (top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                node.module,
                *(f"{node.module}.{name.name}" for name in node.names if path_of(f"{node.module}.{name.name}")),
            }
        queue += ast.iter_child_nodes(node)
    return frozenset(found)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_only_what_its_place_in_the_house_allows(package: str) -> None:
    for module, path in MODULES.items():
        if not within(module, package):
            continue
        for name in imports(path):
            if within(name, "stemma") and name not in EVERYONE:
                allowed = ALLOWED[package] | {package}
                assert any(within(name, a) or within(a, name) for a in allowed), f"{module} imports {name}"
            assert name.partition(".")[0] not in FORBIDDEN.get(package, ()), f"{module} imports {name}"


def test_a_family_imports_no_other_family() -> None:
    for module, path in MODULES.items():
        parts = module.split(".")
        if parts[:2] == ["stemma", "families"] and len(parts) == 4:
            others = {name.split(".")[2] for name in imports(path) if name.startswith("stemma.families.")}
            assert others <= {parts[2], "base", "phase"}, (module, others)


@pytest.mark.parametrize("library", ONLY)
def test_the_data_half_keeps_heavy_libraries_in_their_corner(library: str) -> None:
    users = {
        m for m, path in MODULES.items() if within(m, "stemma.data") and any(within(i, library) for i in imports(path))
    }
    assert users <= ONLY[library]


@pytest.mark.parametrize("script", ["ingest", "validate", "preprocess", "compare", "decide"])
def test_light_stages_and_commands_import_no_torch(script: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, 'pipelines'); import {script}; print({{'torch', 'mlflow'}} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("module", ["stemma.cli.main", "stemma.training", "stemma.tracking", "stemma.scores"])
def test_what_every_command_or_training_imports_is_light(module: str) -> None:
    code = f"import sys, {module}; print({{'torch', 'mlflow', 'sklearn', 'scipy'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=SOURCE, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_a_packaged_model_carries_the_code_that_it_needs_and_nothing_that_is_gone() -> None:
    carried = {STEMMA / name for name in CODE}
    assert all(path.exists() for path in carried)
    families = [path for module, path in MODULES.items() if within(module, "stemma.families")]
    starts = [*families, MODULES["stemma"], MODULES["stemma.serving.script"]]
    needed = {module for start in starts for module in reached(start, ())}
    needed |= {module.rpartition(".")[0] for module in needed}
    missing = {m for m in needed if m and not carried & {MODULES[m], *MODULES[m].parents}}
    assert missing == set()


# Modules that a stage imports and that no result depends on: they name, check, record or start things, and
# what they let through is itself a dependency (params.yaml, the raw data).
EXEMPT = {
    "stemma", "stemma.errors", "stemma.files", "stemma.garbage", "stemma.spec", "stemma.config", "stemma.families.catalog", "stemma.runs",
    "stemma.data", "stemma.cli", "stemma.cli.stage", "stemma.tracking",
}  # fmt: skip


def reached(start: Path, stop: tuple[str, ...]) -> set[str]:
    """Modules of stemma that `start` imports, directly or not, not looking into those within `stop`."""
    seen: set[str] = set()
    queue = [start]
    while queue:
        for name in imports(queue.pop()):
            path = path_of(name)
            if within(name, "stemma") and path and name not in seen and not any(within(name, s) for s in stop):
                seen.add(name)
                queue.append(path)
    return seen


@pytest.mark.parametrize("stage", ["ingest", "validate", "preprocess", "train", "evaluate", "compare", "decide"])
def test_deps_cover_the_modules_that_a_stage_imports(stage: str) -> None:
    definition = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]
    deps = {Path(dep) for dep in definition.get("do", definition)["deps"]}
    script = Path("pipelines") / f"{stage}.py"
    stop = ("stemma.config", "stemma.families.catalog", "stemma.tracking", "stemma.cli")
    needed = {MODULES[module].relative_to(ROOT) for module in reached(ROOT / script, stop) - EXEMPT}
    if stage == "ingest":
        needed.add(Path("src/stemma/data/catalog"))
    if stage in ("train", "evaluate"):
        needed.add(Path("src/stemma/families/${item.family}"))
    assert {path for path in {script, *needed} if not deps & {path, *path.parents}} == set()


@pytest.mark.parametrize(("plain", "started"), [("train", "transfer"), ("evaluate", "evaluate_transfer")])
def test_what_starts_from_another_experiment_runs_as_the_others_do(plain: str, started: str) -> None:
    """Its stages differ in what they wait for: every family's code, and the other experiment's models."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    one, other = (stages[name]["do"] for name in (plain, started))
    assert {key: one.get(key) for key in ("cmd", "outs", "metrics")} == {
        key: other.get(key) for key in ("cmd", "outs", "metrics")
    }
    inside = {dep for dep in one["deps"] if not dep.startswith("src/stemma/families/")}
    extra = {"runs/${item.start.experiment}/train"} if plain == "train" else set()
    assert set(other["deps"]) == inside | {"src/stemma/families"} | extra


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.name)
def test_benchmarks_import_what_is_there(path: Path) -> None:
    """No test runs them, so that a module that moved would break them unseen."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and within(node.module, "stemma"):
            module = import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or path_of(f"{node.module}.{name.name}"), (node.lineno, name.name)
