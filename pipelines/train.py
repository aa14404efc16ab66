"""Stage `train`: one experiment, all its seeds, on the prepared set -> runs/<experiment>/train."""

from pathlib import Path

from stemma import training
from stemma.cli import stage
from stemma.config import Config


def main(config: Config, name: str) -> None:
    experiment = config.experiment(name)
    training.train(name, experiment, Path("data/prepared") / experiment.dataset)


if __name__ == "__main__":
    stage.run("train", main, "experiment")
