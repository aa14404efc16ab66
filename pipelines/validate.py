"""Stage: Great Expectations over data/raw/<slot> -> reports/validation/<slot>.json and .html, pairs of duplicates."""

from pathlib import Path

from stemma import config
from stemma.cli import stage
from stemma.data.expectations import validate
from stemma.data.limits import Limits


def main(settings: config.Config, slot: str) -> None:
    limits = settings.slot(slot).limits.to(Limits)
    reports = Path("reports/validation")
    duplicates = Path("data/duplicates") / f"{slot}.parquet"
    validate(Path("data/raw") / slot, reports / f"{slot}.json", reports / f"{slot}.html", duplicates, limits)


if __name__ == "__main__":
    stage.run("validate", main, "slot")
