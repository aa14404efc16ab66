"""Wheels and sdists as files from the user's own package index: found, downloaded, never installed or built.

unearth finds them and honours nothing of pip's configuration by itself, so pip is asked for its settings
(`pip config list`, which holds the files and the PIP_* variables; the variables alone where pip is missing).
"""

import ast
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemma.data.fetching.transfer import TIMEOUT, Link, shown

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

SDIST = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz")


def links(requirement: str, failures: list[str]) -> Iterator[Link]:
    """Files that hold `requirement` (`name==version`): for each configured place its best wheel, then its sdist.

    Any platform's wheel will do, since only data is read from it; the best match for this one is preferred.
    The places are asked in turn, find-links first; one that does not answer or has nothing is passed over and
    adds a line to `failures`.
    """
    import httpx2

    settings = pip_settings()
    sources = _sources(settings)
    if not sources:
        failures.append("no package index is configured (`pip config list`)")
    with _session(settings) as session:
        for source in sources:
            try:
                found = _files(session, source, requirement)
            except httpx2.HTTPError as error:
                failures.append(f"{shown(source['url'])}: {error}")
                continue
            if not found:
                failures.append(f"{shown(source['url'])}: has no such wheel or sdist")
            yield from found


def _files(session: Any, source: Any, requirement: str) -> list[Link]:
    """The best wheel and the sdist that one place has."""
    from unearth import PackageFinder

    finder = PackageFinder(session, ignore_compatibility=True)
    finder.sources = [source]
    found = [package.link for package in finder.find_matches(requirement)]
    wheels = [link for link in found if link.is_wheel]
    sdists = [link for link in found if link.filename.endswith(SDIST)]
    return [Link(session, link.url_without_fragment, _digest(link)) for link in wheels[:1] + sdists[:1]]


def _digest(link: Any) -> str | None:
    """The SHA-256 that the index states."""
    stated = (link.hashes or link.hash_option or {}).get("sha256")
    return stated[0] if isinstance(stated, list) else stated


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
