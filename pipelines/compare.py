"""Stage compare: run files of every experiment -> reports/comparison.{json,md,html}, reports/curves.csv."""

from pathlib import Path

from stemma import comparison, report
from stemma.cli import stage
from stemma.config import Config
from stemma.families.catalog import CATALOG
from stemma.files import write_json, write_text
from stemma.runs import ROOT

REPORTS = Path("reports")


def compare(config: Config, _: str) -> None:
    results = comparison.compare(config.trained, ROOT, **config.comparison.model_dump())
    curves = comparison.learning_curves(config.trained, ROOT)
    write_json(REPORTS / "comparison.json", results)
    write_text(REPORTS / "curves.csv", curves.to_csv(index=False))
    report.render(results, ROOT, REPORTS, CATALOG)


if __name__ == "__main__":
    stage.run("compare", compare, argument=None)
