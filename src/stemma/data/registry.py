"""Wheels as files from the user's own package index: found, downloaded, never installed.

unearth finds them and honours nothing of pip's configuration by itself, so pip is asked for its settings
(`pip config list`, which holds the files and the PIP_* variables; the variables alone where pip is missing).
"""

import ast
import logging
import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

from stemma.data import download
from stemma.errors import StemmaError

TIMEOUT = 60.0
KEYS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "cert",
    "client-cert",
    "proxy",
)

log = logging.getLogger("stemma.data")


def fetch_wheel(requirement: str, target: Path) -> str:
    """Write the wheel of `requirement` (`name==version`) to `target` and return its file name.

    Any platform's wheel will do, since only data is read from it; the best match for this one is preferred.
    The configured places are asked in turn, find-links first; one that does not answer is passed over.

    Raises:
        StemmaError: no place has it, or the transfer failed; says which were asked and why they failed.
    """
    import httpx2

    settings = pip_settings()
    session = _session(settings)
    failures = []
    for source in _sources(settings):
        place = source["url"].rpartition("@")[2]
        try:
            link = _wheel_link(session, source, requirement)
            if link is None:
                raise StemmaError("has no such wheel")
            log.info("fetching %s from the configured package index", link.filename)
            _save(session, link, target)
            return str(link.filename)
        except (httpx2.HTTPError, StemmaError) as error:
            failures.append(f"{place}: {error}")
    asked = "; ".join(failures) or "none is configured"
    raise StemmaError(f"{requirement}: not to be had from the package indexes of `pip config list`: {asked}")


def _save(session: Any, link: Any, target: Path) -> None:
    with session.get_stream(link.url_without_fragment) as response:
        response.raise_for_status()
        length = response.headers.get("content-length")
        expected = (link.hashes or link.hash_option or {}).get("sha256")
        digest = expected[0] if isinstance(expected, list) else expected
        declared = int(length) if length else None
        download.save(response.iter_bytes(1 << 16), target, sha256=digest, size=None, declared=declared)


def _wheel_link(session: Any, source: Any, requirement: str) -> Any:
    """The best wheel that one place has, or None."""
    from unearth import PackageFinder

    finder = PackageFinder(session, ignore_compatibility=True)
    finder.sources = [source]
    links = (package.link for package in finder.find_matches(requirement))
    return next((link for link in links if link.is_wheel), None)


def _sources(settings: dict[str, list[str]]) -> list[Any]:
    """The places in pip's sense; where no index is configured, the one that unearth knows."""
    from unearth import PackageFinder

    places = [p for p in settings.get("find-links", []) if "://" in p or Path(p).exists()]
    found: list[Any] = [{"url": place, "type": "find_links"} for place in places]
    if settings.get("no-index", ["0"])[-1].lower() in ("1", "true", "yes", "on"):
        return found
    index = [{"url": url, "type": "index"} for url in settings.get("index-url", [])[-1:]]
    extra = [{"url": url, "type": "index"} for url in settings.get("extra-index-url", [])]
    default: list[Any] = [dict(source) for source in PackageFinder().sources]
    return found + (index or default) + extra


def _session(settings: dict[str, list[str]]) -> Any:
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers.sync import PyPIClient

    verify: Any = ssl.create_default_context(cafile=settings["cert"][-1]) if "cert" in settings else True
    session = PyPIClient(
        trusted_hosts=settings.get("trusted-host", []),
        verify=verify,
        cert=settings["client-cert"][-1] if "client-cert" in settings else None,
        proxy=settings["proxy"][-1] if "proxy" in settings else None,
        follow_redirects=True,
        timeout=TIMEOUT,
    )
    indexes = settings.get("index-url", []) + settings.get("extra-index-url", [])
    session.auth = MultiDomainBasicAuth(index_urls=indexes)
    return session


def pip_settings() -> dict[str, list[str]]:
    """pip's settings that say where packages come from, each as a list of words.

    Precedence as in pip: [global], then the command's section, then the environment.
    """
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, tuple[int, str]] = {}
    for line in asked.stdout.splitlines():
        name, equals, value = line.partition("=")
        section, _, key = name.rpartition(".")
        rank = {"global": 0, "download": 1, ":env:": 2}.get(section)
        if equals and key in KEYS and rank is not None and rank >= found.get(key, (0, ""))[0]:
            found[key] = (rank, str(ast.literal_eval(value)))
    for key in KEYS:
        variable = os.environ.get("PIP_" + key.upper().replace("-", "_"))
        if variable:
            found[key] = (2, variable)
    return {key: value.split() for key, (_, value) in found.items()}
