"""Stage `train`: one experiment, all its seeds, on the prepared set -> runs/<experiment>/train."""

from dataclasses import asdict
from pathlib import Path

from stemma import tracking, training
from stemma.cli import stage
from stemma.config import Config
from stemma.errors import TrainingFailed
from stemma.runs import RunFiles
from stemma.threads import first_process


def main(config: Config, name: str) -> None:
    experiment = config.experiment(name)
    prepared = Path("data/prepared") / experiment.dataset
    about = training.describe(name, experiment, prepared)
    try:
        with tracking.shown(RunFiles(name), about):
            training.train(name, experiment, prepared)
    except TrainingFailed as error:  # all processes that share a training meet it, the first one tells it
        if not first_process():
            return
        tracking.record_failure(name, error.seed, error.history, str(error), asdict(about))
        raise


if __name__ == "__main__":
    stage.run("train", main, "experiment")
