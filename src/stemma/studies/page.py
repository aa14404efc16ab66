"""A study's page: study.html, study.md, its figures as SVG files, and study.json with what the verdicts rest on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from stemma.files import write_json, write_text
from stemma.report.numbers import cell, listed
from stemma.report.svg import palette, standalone
from stemma.studies.verdicts import Verdict

TOLD = {  # of one claim, of several
    "holds": ("holds", "hold"),
    "holds in part": ("holds in part", "hold in part"),
    "does not hold here": ("does not hold here", "do not hold here"),
    "not decided here": ("is not decided here", "are not decided here"),
}


@dataclass(frozen=True)
class Figure:
    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Table:
    """Rows of text, the first cell of each its name."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Study:
    """What a page shows.

    Attributes:
        name: of the study's folder.
        question: in a sentence.
        method: how it was tested, a paragraph each.
        verdicts: of the texts' claims.
        figures: the first is the one that `docs/studies.md` shows.
    """

    name: str
    question: str
    method: Sequence[str]
    verdicts: Sequence[Verdict]
    figures: Sequence[Figure]
    tables: Sequence[Table]

    @property
    def headline(self) -> str:
        """How many of the claims fared how."""
        outcomes = [verdict.outcome for verdict in self.verdicts]
        told = [
            f"{outcomes.count(outcome)} {words[outcomes.count(outcome) > 1]}"
            for outcome, words in TOLD.items()
            if outcome in outcomes
        ]
        whose = " of the texts" if all(verdict.source.startswith("text") for verdict in self.verdicts) else ""
        return f"Of {len(outcomes)} claim{'s' * (len(outcomes) > 1)}{whose} {listed(told)}."


def write(study: Study, folder: Path) -> Path:
    """Write `study.html`, `study.md`, `study.json` and `study-1.svg`, ... to `folder`; the path of the page."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("stemma", "studies"), PackageLoader("stemma", "report")]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    for name in ("html", "md"):
        text = environment.get_template(f"study.{name}").render(study=study, palette=palette())
        write_text(folder / f"study.{name}", text)
    for number, figure in enumerate(study.figures, 1):
        write_text(folder / f"study-{number}.svg", standalone(figure.svg))
    verdicts = [asdict(verdict) for verdict in study.verdicts]
    write_json(folder / "study.json", {"name": study.name, "question": study.question, "verdicts": verdicts})
    return folder / "study.html"
