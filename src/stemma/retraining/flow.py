"""The steps of a retraining, in their order: what may fail for want of something comes before any work."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stemma import config
from stemma.errors import StemmaError, unknown
from stemma.retraining import new_data, parameters, workspace
from stemma.retraining.pipeline import Pipeline, chosen_remote
from stemma.retraining.process import Commands, Done
from stemma.retraining.report import Story, write
from stemma.retraining.repository import Repository, Results, record, short
from stemma.retraining.request import REASONS, Outcome, Request, RetrainingFailed
from stemma.retraining.secrets import Secrets, collect
from stemma.tracking.store import connect

VERDICT = re.compile(r"^[\w-]+: (promote|keep|refuse|same) ")


def retrain(request: Request) -> Outcome:
    """Do what `request` asks of the project in the working directory.

    Raises:
        StemmaError: something is missing or wrong; nothing was begun.
        RetrainingFailed: a step failed; the champion is the one before.
    """
    project = Path.cwd()
    secrets = known_secrets(project)
    try:
        settings, drift = _checked(request)
        checkout = Commands(project, secrets, os.environ)
        repository = Repository(checkout, request.git_remote)
        repository.check(request.ref)
        commit, branch = repository.commit(request.ref), repository.branch(request.branch)
        remotes = workspace.remotes(checkout)
        remote = chosen_remote(checkout, remotes, request.remote)
        with workspace.alone(project, request.wait) as lock:
            inside = Commands(
                project / workspace.FOLDER, secrets, workspace.environment(project, os.environ), keep=[lock]
            )
            repository.fetch()
            if branch != request.base:
                repository.find(request.base)
            retraining = Retraining(request, repository, Pipeline(inside, remote), commit, branch)
            present = None if drift else retraining.present(settings)
            if present is None:
                workspace.prepare(project, checkout, inside, commit, remotes)
            return present or retraining.run(settings, drift)
    except StemmaError as error:
        error.args = (secrets.hide(str(error)),)
        raise


def known_secrets(project: Path) -> Secrets:
    """What must not be told of the environment and of the configuration of Git and DVC."""
    git = Commands(project, Secrets([]), os.environ).git("rev-parse", "--git-common-dir")
    common = project / (git.text if not git.code else ".git")
    home = Path.home()
    files = [common / "config", home / ".gitconfig", project / ".dvc/config", project / ".dvc/config.local"]
    return collect(os.environ, [*files, home / ".aws/credentials", home / ".config/dvc/config"])


def _checked(request: Request) -> tuple[dict[str, Any], dict[str, Path]]:
    if request.reason not in REASONS:
        raise unknown("--reason", request.reason, REASONS)
    if (request.reason == "schedule") != bool(request.drift):
        raise StemmaError(f"--reason {request.reason}: --drift SLOT=PATH goes with a schedule, and a schedule with it")
    return parameters.parsed(request.settings), new_data.pairs(request.drift)


class Retraining:
    """One retraining, in a workspace that stands at `commit`, on behalf of `branch`."""

    def __init__(self, request: Request, repository: Repository, pipeline: Pipeline, commit: str, branch: str) -> None:
        self.request, self.repository, self.pipeline = request, repository, pipeline
        self.commit, self.branch = commit, branch
        self.inside, self.folder = pipeline.commands, pipeline.commands.folder
        self.reports, self.params = self.folder / "reports", self.folder / "params.yaml"
        self.is_base = branch == request.base and request.reason != "pull_request"
        self.story = Story(f"Retraining of {branch} at {short(commit)} ({request.reason.replace('_', ' ')})")

    def run(self, settings: dict[str, Any], drift: Mapping[str, Path]) -> Outcome:
        logs = self.folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "retrain.log").open("w", encoding="utf-8") as self.inside.log:
            before = self.repository.nearest(self.request.base, self.commit)
            if before is not None:
                self.pipeline.take_lock(before.commit)
            wanted = {**settings, **(self._drifted(drift) if drift else {})}
            if drift and not wanted.keys() - settings.keys():
                return Outcome("no drift", f"{self.story.about['data']}; nothing is retrained")
            self._parameters(wanted)
            return self.present(wanted) or self._unchanged(before) or self._results(wanted, before)

    def present(self, wanted: dict[str, Any]) -> Outcome | None:
        """The end of it if these results are there already."""
        name = self._name(wanted)
        if not self.repository.has(name):
            return None
        return Outcome("present", f"branch {name} holds these results already; nothing is retrained", name)

    def _name(self, wanted: dict[str, Any]) -> str:
        other = f"-{parameters.digest(wanted)}" if wanted else ""
        return f"retrain/{self.branch}/{short(self.commit)}{other}"

    def _drifted(self, drift: Mapping[str, Path]) -> dict[str, Any]:
        """The settings that bring in the new data that differ from the old."""
        checked = config.load(self.params)
        found = [
            new_data.compare(self.pipeline, slot, path, checked, self.reports / "drift" / slot)
            for slot, path in drift.items()
        ]
        self.story.about["data"] = "; ".join(each.line for each in found)
        return {key: value for each in found for key, value in each.settings.items()}

    def _parameters(self, wanted: dict[str, Any]) -> None:
        """Write the settings and have the commit's own configuration judge the file."""
        parameters.write(self.params, wanted)
        parameters.refuse_secrets(self.params)
        done = self.inside.stemma("check")
        if done.code:
            raise StemmaError(done.text.strip().removeprefix("stemma: "))
        workspace.lend(Path.cwd(), config.load(self.params))

    def _unchanged(self, before: Results | None) -> Outcome | None:
        """The end of it if nothing changed that results depend on."""
        if self.pipeline.changed() or before is None:
            return None
        line = f"no change that results depend on since {before.branch}; nothing is retrained"
        return Outcome("unchanged", line, before.branch)

    def _results(self, wanted: dict[str, Any], before: Results | None) -> Outcome:
        connect()
        self.pipeline.pull()
        self.story.about["compared with"] = before.branch if before else "nothing: these results are the first"
        try:
            outcome = self._made(self._name(wanted), wanted, before)
        except StemmaError as error:
            self.story.failure = str(error)
            print(f"report: {self._report()}", flush=True)
            raise
        print(f"report: {outcome.report}", flush=True)
        return outcome

    def _made(self, name: str, wanted: dict[str, Any], before: Results | None) -> Outcome:
        """Run the pipeline and hand its results on. The branch comes last: where it stands, all else is done."""
        ran, restored = self.pipeline.repro()
        self.story.about["stages"] = f"{len(ran)} ran, {len(restored)} came from the cache"
        if before is not None:
            self.story.params = self.pipeline.params_diff(before.commit)
            self.story.metrics = self.pipeline.metrics_diff(before.commit)
        self.pipeline.push()
        subject = f"Results of {self.branch} at {short(self.commit)}"
        commit = record(self.inside, self.commit, [f"{key}={value}" for key, value in wanted.items()], subject)
        self.story.verdicts = self._judged()
        first = self.repository.push(name, commit)
        self.story.about["results"] = name if first else f"{name}, from another retraining that was faster"
        line = f"{len(ran)} stages ran; results: branch {self.story.about['results']}"
        return Outcome("retrained", line, name, self._report())

    def _report(self) -> Path:
        return write(self.story, self.reports, self.inside.secrets.hide)

    def _judged(self) -> list[str]:
        """Publish, and on the base branch promote; elsewhere the gate only says what it would do."""
        if self.is_base if self.request.publish is None else self.request.publish:
            self._stemma("publish")
        if self.is_base:
            return self._verdicts(self._stemma("promote"))
        return [f"would be: {line}" for line in self._verdicts(self._stemma("promote", "--dry-run"))]

    def _stemma(self, *words: str) -> Done:
        done = self.inside.stemma(*words, show=True)
        if done.code:
            raise RetrainingFailed(f"stemma {words[0]}: {done.reason().removeprefix('stemma: ')}")
        return done

    @staticmethod
    def _verdicts(done: Done) -> list[str]:
        return [line for line in done.lines if VERDICT.match(line)]
