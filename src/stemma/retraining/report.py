"""`reports/retrain.md`: what changed, what came of it and what the gate says; for a pull request or a job's summary."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "retrain.md"
LONGEST, ROWS = 60_000, 200
"""Characters of the page, since a comment on a pull request takes 65,536, and rows of a table."""


@dataclass
class Story:
    """What the page tells, gathered on the way.

    Attributes:
        about: label -> text of the first table.
        params, metrics: file -> key -> `old`, `new` (and `diff`), against the results that were compared with.
        verdicts: a line a slot, from the gate.
        failure: why nothing came of it.
    """

    title: str
    about: dict[str, str] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verdicts: Sequence[str] = ()
    failure: str = ""


def page(story: Story, ranking: str = "") -> str:
    """Markdown; `ranking` is the comparison's own page, which comes last and is cut first."""
    parts = [f"# {plain(story.title)}", *_head(story)]
    if story.params:
        parts += ["## Parameters", _table(("key", "before", "now"), _changes(story.params))]
    if story.metrics:
        head = ("experiment and metric", "before", "now", "change")
        parts += ["## Metrics", _table(head, _changes(story.metrics, with_difference=True))]
    text = "\n\n".join(parts) + "\n"
    return text + _ranking(ranking, LONGEST - len(text)) if ranking else text


def _ranking(page: str, room: int) -> str:
    """The comparison's page as a section, cut to `room` characters."""
    text = "\n## Ranking\n" + re.sub(r"^(#+ )", r"#\1", page.removeprefix("# Comparison"), flags=re.MULTILINE)
    return text if len(text) <= room else text[: max(room, 0)] + "\n\n(cut)\n"


def _head(story: Story) -> Iterator[str]:
    if story.failure:
        yield f"**Failed:** {plain(story.failure)}. The champion is the one before."
    yield _table(("", ""), [(label, code(text)) for label, text in story.about.items()])
    if story.verdicts:
        yield "## The gate"
        yield "\n".join(f"- {plain(line)}" for line in story.verdicts)


def _changes(files: Mapping[str, Mapping[str, Any]], with_difference: bool = False) -> list[tuple[str, ...]]:
    rows = []
    for file, keys in sorted(files.items()):
        where = file.removeprefix("runs/").removesuffix("/metrics.json")
        for key, change in sorted(keys.items()):
            name = key if file == "params.yaml" else f"{where}: {key}"
            cells = [code(name), code(shown(change.get("old"))), code(shown(change.get("new")))]
            rows.append((*cells, signed(change.get("diff"))) if with_difference else tuple(cells))
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kept = rows[:ROWS]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in kept)]
    return "\n".join(lines) + (f"\n\nand {len(rows) - ROWS} more" if len(rows) > ROWS else "")


def shown(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def signed(value: Any) -> str:
    return "–" if value is None else f"{value:+.4g}"


def code(text: str) -> str:
    """`text` as code, whatever it holds: neither a table, a link nor a mention can come of it."""
    words = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{words or ' '}`"


def plain(text: str) -> str:
    """`text` in a line of its own in which no mark has a meaning."""
    marks = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#|!"})
    return re.sub(r"(?<!\w)@", "@\u200b", " ".join(text.split()).translate(marks))


def write(story: Story, folder: Path, hide: Any) -> Path:
    """Write the page beside the comparison in `folder`; `hide` takes the secrets out."""
    ranking = folder / "comparison.md"
    text = ranking.read_text(encoding="utf-8") if ranking.is_file() and not story.failure else ""
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(hide(page(story, text)), encoding="utf-8")
    return path
