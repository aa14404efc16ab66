"""Where an experiment's numbers come from, and how its run is found in MLflow."""

from typing import Any
from urllib.parse import quote

import yaml

from stemma.report import numbers
from stemma.report.architectures import Catalog
from stemma.runs import Root, RunFiles, Summary

Row = dict[str, Any]
UI = "http://127.0.0.1:5000"
"""Where `make ui` answers."""


def provenance(row: Row, group: Row, root: Root, catalog: Catalog) -> Row:
    """The templates' variables of the ranked `row`."""
    summary, score = RunFiles(row["experiment"], root).summary(), group["scoring"].score
    own = [summary.seeds[f"seed{seed}"] for seed in row["seeds"]]
    judged = [(numbers.value(v, score), numbers.value(s.val_score, score)) for v, s in zip(row["score"]["values"], own, strict=True)]
    costs = [numbers.duration(seconds) for seconds in row["train_seconds"]["values"]]
    seeds = [
        (seed, [*scores, numbers.significant(each.val_loss), str(each.epochs), cost])
        for seed, scores, each, cost in zip(row["seeds"], judged, own, costs, strict=True)
    ]
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
        "Seeds": numbers.listed([str(seed) for seed in row["seeds"]]),
    }


def _mlflow(row: Row) -> dict[str, str]:
    """A run's address has an id that only the store knows: so a link to the list of experiments, and what to search."""
    experiment = f"{row['dataset']}@{row['source']}"
    found = f"#/experiments?workflowType=machine_learning&experimentSearchFilter={quote(experiment, safe='')}"
    search = f"tags.experiment = '{row['experiment']}' AND tags.superseded = 'no'"
    return {"experiment": experiment, "link": f"{UI}/{found}", "search": search}
