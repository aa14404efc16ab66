"""The pages say what is there."""

import re
from pathlib import Path

from stemma.cli import parameters

ROOT = Path(__file__).parents[1]


def test_the_page_of_parameters_is_what_the_command_prints() -> None:
    assert (ROOT / "docs/parameters.md").read_text() == parameters.page(), "stemma parameters > docs/parameters.md"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith(("http", "mailto")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_no_page_has_a_gap_left_to_fill() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]:
        gaps = set(re.findall(r"\b[A-Z]{3,}_[A-Z]{3,}\b|\bTODO\b|\bNOOP\b", page.read_text()))
        assert {
            gap for gap in gaps if not gap.startswith(("PIP_", "MLFLOW_", "STEMMA_", "DVC_", "MASTER_"))
        } == set(), page.name
