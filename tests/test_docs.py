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


NAMES = {"CART", "MAE", "MIT", "MNIST", "RMSE", "SELU"}
"""Of methods, scores, data and licences: what may fill a cell in capitals."""


def lone_capitals(text: str) -> set[str]:
    """Words in capitals that have a line or a cell of a table to themselves, as what is to be filled in later."""
    cells = [cell.strip(" \t`*_#-") for line in text.splitlines() for cell in line.split("|")]
    return {cell for cell in cells if re.fullmatch(r"[A-Z]{3,}[.:]?", cell)}


def test_a_placeholder_is_told_from_a_sentence() -> None:
    text = "COST\n\n| a | RESULTS |\n|---|---|\n| **TODO** | CNN of old |\nA TABLE in a line\n# FIXME\n"
    assert lone_capitals(text) == {"COST", "RESULTS", "TODO", "FIXME"}


def test_no_page_has_a_gap_left_to_fill() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]:
        assert lone_capitals(page.read_text()) - NAMES == set(), page.name
        gaps = set(re.findall(r"\b[A-Z]{3,}_[A-Z]{3,}\b|\bTODO\b|\bNOOP\b", page.read_text()))
        assert {gap for gap in gaps if not gap.startswith(("PIP_", "MLFLOW_"))} == set(), page.name
