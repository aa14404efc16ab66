"""The report: comparison.md and one self-contained comparison.html, from the comparison and run files alone."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from stemma.comparison import FAMILY_COLOURS, FAMILY_COLOURS_DARK, FAMILY_NAMES
from stemma.files import write_text
from stemma.report import numbers
from stemma.report.page import page


def render(comparison: dict[str, Any], root: Path, out_folder: Path) -> None:
    """Write `comparison.md` and `comparison.html` to `out_folder`.

    Args:
        comparison: what `stemma.comparison.compare` returned.
        root: folder of the run files that it was made from; curves, mistakes and pictures come from there.
    """
    environment = _environment()
    content = page(comparison, Path(root))
    for name in ("md", "html"):
        text = environment.get_template(f"report.{name}").render(content)
        write_text(Path(out_folder) / f"comparison.{name}", text)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("stemma", "report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(numbers.FILTERS)
    environment.globals["family_names"] = FAMILY_NAMES
    environment.globals["colours"] = {"light": FAMILY_COLOURS, "dark": FAMILY_COLOURS_DARK}
    return environment
