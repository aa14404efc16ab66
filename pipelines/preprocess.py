"""Stage: data/raw/<slot> -> data/prepared/<slot>: splits, vocabulary, statistics, arrays."""

from pathlib import Path

from stemma import config
from stemma.cli import stage
from stemma.data.preparation.divide import Division
from stemma.data.preparation.encode import Encoding
from stemma.data.preparation.prepare import prepare


def main(settings: config.Config, slot: str) -> None:
    chosen = settings.slot(slot)
    prepare(
        Path("data/raw") / slot,
        Path("data/prepared") / slot,
        chosen.to(Division),
        chosen.to(Encoding),
        Path("data/duplicates") / f"{slot}.parquet",
    )


if __name__ == "__main__":
    stage.run("preprocess", main, "slot")
