"""Where an experiment's numbers come from, and how its run is found in MLflow."""

from typing import Any
from urllib.parse import quote

import yaml

from stemma.report import numbers
from stemma.report.architectures import Catalog
from stemma.runs import Root, RunFiles, Summary
from stemma.scores import Score

Row = dict[str, Any]
EFFECTS = {"cohen_h": "Cohen's h", "cohen_dz": "Cohen's d_z"}
UI = "http://127.0.0.1:5000"
"""Where `make ui` answers."""


def provenance(row: Row, group: Row, root: Root, catalog: Catalog) -> Row:
    """The templates' variables of the ranked `row`."""
    summary, score = RunFiles(row["experiment"], root).summary(), group["scoring"].score
    own = [summary.seeds[f"seed{seed}"] for seed in row["seeds"]]
    tests, seconds = row["score"]["values"], row["train_seconds"]["values"]
    seeds = [
        (seed, [
            numbers.value(test, score), numbers.value(each.val_score, score), numbers.significant(each.val_loss),
            str(each.epochs), numbers.duration(cost),
        ])
        for seed, test, each, cost in zip(row["seeds"], tests, own, seconds, strict=True)
    ]  # fmt: skip
    return {
        "facts": _facts(row, group, summary, catalog),
        "columns": [f"Test {score.noun}", f"Validation {score.noun}", "Validation loss", "Epochs", "Training time"],
        "seeds": seeds,
        "settings": yaml.safe_dump(summary.settings, sort_keys=True, width=100, default_flow_style=False),
        "mlflow": _mlflow(row),
    }


def _facts(row: Row, group: Row, summary: Summary, catalog: Catalog) -> dict[str, str]:
    paper = f" ({catalog[row['architecture']].paper})" if row["architecture"] in catalog else ""
    start = {"Starts from": f"the trained models of {row['start']}"} if row["start"] else {}
    return {
        "Experiment": row["experiment"],
        "Architecture": f"{row['architecture']}{paper}",
        **start,
        "Task": row["task"],
        "Data": f"{row['dataset']}@{row['source']}, slot {row['slot']}; {group['test_examples']:,} test examples",
        "Prepared data, SHA-256": summary.digest,
        "Test examples, SHA-256": summary.test_digest,
        "Over seeds and examples": _between(row["over_both"], group["scoring"].score),
        **({"Against the best": _apart(row["to_best"], group["scoring"].score)} if row["to_best"] else {}),
    }


def _between(ends: Row, score: Score) -> str:
    unit = "\u00a0%" if score.share else ""
    return f"{numbers.value(ends['lo'], score)} to {numbers.value(ends['hi'], score)}{unit}"


def _apart(found: Row, score: Score) -> str:
    """The difference in three ways: bootstrapped, as an effect without a unit, and between two of the models."""
    ends = f"{numbers.gap(found['bootstrap']['lo'], score)} to {numbers.gap(found['bootstrap']['hi'], score)}"
    told = f"{numbers.gap(found['difference'], score)} {'points' if score.share else score.unit or score.title}"
    told += f" (paired bootstrap {ends}"
    if found["effect"]["value"] is not None:
        told += f"; {EFFECTS[found['effect']['name']]} {numbers.significant(found['effect']['value'], 2)}"
    if exact := found["mcnemar"]:
        told += f"). The best seeds' models: {exact['only_this']} test examples that this one alone gets right, "
        told += f"{exact['only_other']} the other alone (McNemar, exact, Holm: p {numbers.p_value(exact['p_adjusted'])}"
    return f"{told})"


def _mlflow(row: Row) -> dict[str, str]:
    """A run's address has an id that only the store knows: so a link to the list of experiments, and what to search."""
    experiment = f"{row['dataset']}@{row['source']}"
    found = f"#/experiments?workflowType=machine_learning&experimentSearchFilter={quote(experiment, safe='')}"
    search = f"tags.experiment = '{row['experiment']}' AND tags.superseded = 'no'"
    return {"experiment": experiment, "link": f"{UI}/{found}", "search": search}
