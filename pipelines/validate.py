"""Stage: Great Expectations over data/raw/<slot> -> reports/validation/<slot>.json and .html, pairs of duplicates."""

from pathlib import Path

from stemma import config
from stemma.cli import stage
from stemma.data.validation.expectations import validate
from stemma.data.validation.limits import Limits


def main(settings: config.Config, slot: str) -> None:
    chosen = settings.slot(slot)
    reports = Path("reports/validation")
    validate(
        Path("data/raw") / slot,
        reports / f"{slot}.json",
        reports / f"{slot}.html",
        Path("data/duplicates") / f"{slot}.parquet",
        chosen.limits.to(Limits),
        chosen.mirrored,
    )


if __name__ == "__main__":
    stage.run("validate", main, "slot")
