"""Short ways to say where the files of a source lie."""

from stemma.data.entry import File

Digests = dict[str, tuple[str | None, int | None]]
"""File name -> SHA-256 and bytes, as published; None where nobody published them."""


def mirrored(digests: Digests, *bases: str) -> tuple[File, ...]:
    """Files that lie under each of the addresses `bases`."""
    return tuple(File(n, sha, size, tuple(base + n for base in bases)) for n, (sha, size) in digests.items())


def in_archive(digests: Digests, *urls: str) -> tuple[File, ...]:
    """Members of the archive at `urls`."""
    return tuple(File(name, sha, size, urls, member=name) for name, (sha, size) in digests.items())


def in_package(package: str, folder: str, digests: Digests) -> tuple[File, ...]:
    """Members below `folder` of the wheel or sdist `package` (`name==version`).

    Their digests are those of the members of the file that the package index serves for this version.
    """
    return tuple(File(n, sha, size, package=package, member=folder + n) for n, (sha, size) in digests.items())
