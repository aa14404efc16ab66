"""Stage: data/raw/<slot> -> data/prepared/<slot>: splits, vocabulary, statistics, arrays."""

from pathlib import Path

from stemma import config
from stemma.cli import stage
from stemma.data.prepare import prepare


def main(settings: config.Config, slot: str) -> None:
    chosen = settings.slot(slot)
    prepare(
        Path("data/raw") / slot,
        Path("data/prepared") / slot,
        validation=chosen.validation,
        test_share=chosen.test_share,
        seed=chosen.seed,
        max_length=chosen.max_length,
        vocabulary=chosen.vocabulary,
        min_count=chosen.min_count,
    )


if __name__ == "__main__":
    stage.run("preprocess", main, "slot")
