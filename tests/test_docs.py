"""The pages say what is there."""

import re
from pathlib import Path

from stemma import config
from stemma.families.catalog import CATALOG

ROOT = Path(__file__).parents[1]


def test_every_parameter_stands_in_the_page() -> None:
    page = (ROOT / "docs/parameters.md").read_text()
    for section in (config.Dataset, config.Training, config.Augment, config.Experiment, config.Comparison, config.Gate):
        assert {name for name in section.model_fields if f"| `{name}` |" not in page} == set()
    for key, entry in CATALOG.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{key}` |"))
        assert set(entry.parameters) <= set(re.findall(r"`(\w+)`", row))


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith(("http", "mailto")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_no_page_has_a_gap_left_to_fill() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]:
        gaps = set(re.findall(r"\b[A-Z]{3,}_[A-Z]{3,}\b|\bTODO\b|\bNOOP\b", page.read_text()))
        assert {gap for gap in gaps if not gap.startswith(("PIP_", "MLFLOW_"))} == set(), page.name
