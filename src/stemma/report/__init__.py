"""The report: NAME.md and one self-contained NAME.html, from the comparison and run files alone."""

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from stemma.comparison import FAMILY_COLOURS, FAMILY_COLOURS_DARK, FAMILY_NAMES
from stemma.files import write_text
from stemma.report import numbers
from stemma.report.architectures import Catalog
from stemma.report.page import page
from stemma.runs import Root


def render(
    comparison: dict[str, Any], root: Root, out_folder: Path, catalog: Catalog, name: str = "comparison"
) -> None:
    """Write `<name>.md` and `<name>.html` to `out_folder`.

    Args:
        comparison: what `stemma.comparison.compare` returned.
        root: where the run files lie that it was made from; curves, mistakes and pictures come from there.
        catalog: the architectures that there are, by key.
    """
    environment = _environment()
    content = {**page(comparison, root, catalog), "file": name}
    for kind in ("md", "html"):
        text = environment.get_template(f"report.{kind}").render(content)
        write_text(Path(out_folder) / f"{name}.{kind}", text)


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
    environment.globals["script"] = _script(environment)
    environment.globals["colours"] = {"light": FAMILY_COLOURS, "dark": FAMILY_COLOURS_DARK}
    return environment


def _script(environment: Environment) -> dict[str, Markup]:
    """The page's script and the SHA-256 by which its content security policy lets it alone run."""
    text = environment.get_template("report.js").render()
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"text": Markup(text), "digest": Markup(digest)}  # noqa: S704 - a file of this package
