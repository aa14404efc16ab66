"""Reduces params.yaml to a few experiments of every family and dataset, two seeds and ten batches each."""

from pathlib import Path

import yaml

KEEP = (
    "mnist-lenet5", "mnist-lstm", "mnist-dbn", "mnist-logistic",
    "colour-simple_cnn", "colour-statistics", "reviews-dbn", "reviews-tfidf",
)  # fmt: skip

path = Path("params.yaml")
values = yaml.safe_load(path.read_text())
values["training"].update(seeds=[0, 1], limit_train_batches=10)
values["experiments"] = {key: values["experiments"][key] for key in KEEP}
for entry in values["experiments"].values():
    entry["epochs"] = 1
    if entry["family"] == "dbn":
        entry["parameters"]["pretrain_epochs"] = 1
path.write_text(yaml.safe_dump(values, sort_keys=False))
