"""A page as a browser or a screen reader meets it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "input", "br", "wbr", "link", "hr"}
Attributes = dict[str, str | None]


class Page(HTMLParser):
    """`tags` in their order, `text` without markup, and `paths`: the open elements around each tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Attributes]] = []
        self.paths: list[list[tuple[str, Attributes]]] = []
        self.open: list[tuple[str, Attributes]] = []
        self.text = ""
        self.scripts = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.paths.append(list(self.open))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.paths.append(list(self.open))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] == "script":
            self.scripts += data
        else:
            self.text += data

    def all(self, tag: str) -> list[Attributes]:
        return [attributes for name, attributes in self.tags if name == tag]
