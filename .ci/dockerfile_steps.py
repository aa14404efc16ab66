"""Carries out the steps of the Dockerfile in an unpacked Debian, where there is no container engine.

    debootstrap --variant=minbase --include=ca-certificates,python3-venv bookworm ROOT MIRROR
    python .ci/dockerfile_steps.py ROOT WORK --target serve --try 'stemma list'

A stage is an overlay on ROOT in the empty folder WORK, a RUN a `chroot` in it by its user; COPY takes what Git tracks.
`--try` then runs a command as the container would: by the target's user, the file system read-only but for /tmp and
/work. Needs root for mounts, which are private to the process and vanish with it. What it does not show: the base
image itself (ROOT stands for it), the engine's own isolation, networks.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

PRIVATE = ["unshare", "--mount", "--fork", "--kill-child"]


@dataclass
class Stage:
    """The state that instructions leave: files, environment, build arguments, folder and user."""

    layers: list[Path]
    root: Path = Path()
    env: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(name, rest) of each instruction; comments left out, continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, rest = line.partition(" ")
        yield name.upper(), rest.strip()


def expanded(text: str, values: Mapping[str, str]) -> str:
    return Template(text).safe_substitute(values)


class Build:
    """Stages by name, made below `work`, with the options of the command line."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.stages = asked, dict[str, Stage]()
        self.given = dict(value.split("=", 1) for value in asked.build_arg)
        self.secrets = dict(value.split("=", 1) for value in asked.secret)
        self.arguments: dict[str, str] = {}
        self.stage: Stage | None = None

    def run(self, text: str) -> None:
        for name, rest in instructions(text):
            if name == "FROM":
                self.stage = self._from(rest)
            elif self.stage is None:
                self.arguments |= self._argument(rest)
            elif self.stage.root != Path():
                started = time.monotonic()
                getattr(self, f"_{name.lower()}")(self.stage, rest)
                print(f"{time.monotonic() - started:6.1f} s  {name} {rest[:110]}", flush=True)

    def _from(self, rest: str) -> Stage:
        """A stage on top of another or of ROOT; one that no target is made of is passed over."""
        base, _, name = expanded(rest, self.arguments).partition(" AS ")
        parent = self.stages.get(base)
        stage = Stage([*parent.layers], env={**parent.env}) if parent else Stage([self.asked.root])
        if parent:
            stage.folder, stage.user = parent.folder, parent.user
        self.stages[name] = stage
        if name in ("build", "runtime") or name in self.asked.target:
            print(f"FROM {base} AS {name}", flush=True)
            stage.root = self._mounted(name, stage)
        return stage

    def _mounted(self, name: str, stage: Stage) -> Path:
        upper, scratch, merged = (self.asked.work / name / part for part in ("upper", "scratch", "merged"))
        for folder in (upper, scratch, merged):
            folder.mkdir(parents=True)
        lower = ":".join(str(layer) for layer in reversed(stage.layers))
        mount("overlay", merged, "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={scratch}")
        stage.layers.append(upper)
        for place in ("proc", "dev"):
            mount(f"/{place}", merged / place, "--rbind")
        for path in (Path("/etc/resolv.conf"), *self.asked.bind):
            bind(path, merged / str(path).lstrip("/"))
        return merged

    def _argument(self, rest: str) -> dict[str, str]:
        name, _, default = rest.partition("=")
        return {name: self.given.get(name, default.strip('"'))}

    def _arg(self, stage: Stage, rest: str) -> None:
        stage.arguments |= self._argument(rest)

    def _env(self, stage: Stage, rest: str) -> None:
        for part in shlex.split(expanded(rest, stage.env)):
            stage.env |= dict([part.split("=", 1)])

    def _workdir(self, stage: Stage, rest: str) -> None:
        stage.folder = rest
        (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _user(self, stage: Stage, rest: str) -> None:
        stage.user = rest

    def _copy(self, stage: Stage, rest: str) -> None:
        *options, target = shlex.split(rest)
        names = [part for part in options if not part.startswith("--")]
        source = next((part.removeprefix("--from=") for part in options if part.startswith("--from=")), None)
        place = stage.root / (Path(stage.folder) / target).as_posix().lstrip("/")
        if source:
            subprocess.run(["cp", "-a", self.stages[source].root / names[0].lstrip("/"), place], check=True)
            return
        for name in names:
            for path in tracked(name):
                inside = path.relative_to(name) if Path(name).is_dir() else Path(path.name * target.endswith("/"))
                (place / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place / inside)

    def _run(self, stage: Stage, rest: str) -> None:
        for option in re.findall(r"--mount=(\S+)", rest):
            fields = dict(part.split("=", 1) for part in option.split(","))
            if fields["type"] == "secret" and fields["id"] in self.secrets:
                bind(Path(self.secrets[fields["id"]]), stage.root / fields["target"].lstrip("/"))
        command = re.sub(r"--mount=\S+\s*", "", rest)
        enter(stage, ["/bin/sh", "-c", command], stage.arguments)

    def _nothing(self, stage: Stage, rest: str) -> None:
        """What a container starts, listens at and is asked changes no file."""

    _cmd = _entrypoint = _expose = _healthcheck = _nothing

    def attempt(self, name: str, command: str) -> None:
        """Run a command of a target's user in its read-only file system."""
        stage, volume = self.stages[name], self.asked.work / name / "volume"
        volume.mkdir(exist_ok=True)
        shutil.chown(volume, *map(int, stage.user.split(":")))
        mount("tmpfs", stage.root / "tmp", "-t", "tmpfs", "-o", "noexec,nosuid,nodev,mode=1777")
        bind(volume, stage.root / "work")
        mount("overlay", stage.root, "-o", "remount,ro")
        print(f"{name}$ {command}", flush=True)
        enter(stage, ["/bin/sh", "-c", command], {"HOME": "/tmp", **self.given})


def tracked(name: str) -> list[Path]:
    """What Git tracks of a file or folder of the build's context."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", name], check=True, capture_output=True, text=True)
    return [Path(name) for name in listed.stdout.split("\0") if name]


def mount(source: str, target: Path, *options: str) -> None:
    subprocess.run(["mount", *options, source, target], check=True)


def bind(path: Path, target: Path) -> None:
    """The file or folder `path` at `target`, which is made where it is not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.mkdir(exist_ok=True) if path.is_dir() else target.touch()
    mount(str(path), target, "--bind")


def enter(stage: Stage, command: list[str], more: Mapping[str, str]) -> None:
    settings = [f"{name}={value}" for name, value in {**stage.env, **more}.items()]
    inside = ["env", "-i", "--chdir", stage.folder, *settings, *command]
    done = subprocess.run(["chroot", f"--userspec={stage.user}", "--groups=", stage.root, *inside])
    if done.returncode:
        sys.exit(f"exit code {done.returncode}: {command[-1][:300]}")


def main() -> None:
    if "--private" not in sys.argv:
        sys.exit(subprocess.run([*PRIVATE, sys.executable, *sys.argv, "--private"]).returncode)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=lambda value: Path(value).resolve(strict=True))
    parser.add_argument("work", type=lambda value: Path(value).resolve())
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="default: none but their base")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--secret", action="append", default=[], metavar="ID=FILE")
    parser.add_argument("--bind", action="append", default=[], type=Path, metavar="PATH", help="seen inside as outside")
    parser.add_argument("--try", action="append", default=[], dest="attempts", metavar="COMMAND", help="in each target")
    parser.add_argument("--private", action="store_true", help=argparse.SUPPRESS)
    build = Build(parser.parse_args())
    build.run(Path("Dockerfile").read_text())
    for name in build.asked.target:
        for command in build.asked.attempts:
            build.attempt(name, command)


if __name__ == "__main__":
    main()
