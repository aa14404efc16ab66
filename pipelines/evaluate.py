"""Stage `evaluate`: the trained models of one experiment on the test split -> runs/<experiment>/test."""

from pathlib import Path

from stemma import evaluation
from stemma.cli import stage
from stemma.config import Config


def main(config: Config, name: str) -> None:
    prepared = Path("data/prepared") / config.experiment(name).dataset
    evaluation.evaluate(name, prepared, **config.evaluation.model_dump())


if __name__ == "__main__":
    stage.run("evaluate", main, "experiment")
