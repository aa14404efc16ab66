"""The Git side: which commit, with whose results it is compared, and the branch on which its own are left."""

from dataclasses import dataclass

from stemma.errors import StemmaError
from stemma.retraining.process import Commands
from stemma.retraining.request import RetrainingFailed

LOCK = "dvc.lock"
IDENTITY = ("-c", "user.name=stemma retrain", "-c", "user.email=retrain@stemma.invalid", "-c", "commit.gpgsign=false")
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True)
class Results:
    """The results of a commit: the `branch` that holds them, the `source` that they belong to, and their own commit."""

    branch: str
    source: str
    commit: str


class Repository:
    """The project's Git repository, asked in the checkout that `commands` run in; `remote` is a Git remote's name."""

    def __init__(self, commands: Commands, remote: str) -> None:
        self.commands, self.remote = commands, remote

    def check(self, ref: str) -> None:
        """Whether this is a checkout whose files are those of the commit that is asked for.

        Raises:
            StemmaError: no Git checkout, no such remote, or changes that are not committed.
        """
        git = self.commands.git
        if git("rev-parse", "--show-prefix").lines not in ([""], []) or git("rev-parse", "HEAD").code:
            raise StemmaError("not the top of a Git checkout with a commit; `stemma retrain` works from there")
        known = git("remote").lines
        if self.remote not in known:
            told = f"known: {', '.join(known)}" if known else "there is none; `git remote add origin ADDRESS`"
            raise StemmaError(f"Git remote '{self.remote}': not configured; {told}")
        changed = [line for line in git("status", "--porcelain").lines if line != f"?? {LOCK}"]
        if ref == "HEAD" and changed:
            more = f" and {len(changed) - 1} more" if changed[1:] else ""
            raise StemmaError(
                f"not committed: {changed[0][3:]}{more}; commit or stash it, or name a commit by --ref: "
                "results must belong to a commit"
            )

    def commit(self, ref: str) -> str:
        """The full name of the commit `ref`."""
        found = self.commands.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if found.code:
            raise StemmaError(f"--ref {ref}: no such commit here; fetch it first (`git fetch {self.remote}`)")
        return found.lines[0]

    def branch(self, name: str | None) -> str:
        """The branch on whose behalf results are made: `name`, else the one that is checked out."""
        chosen = name or self.commands.git("branch", "--show-current").text
        if not chosen:
            raise StemmaError("no branch is checked out; name the one that the results are for by --branch")
        if self.commands.git("check-ref-format", f"refs/heads/{chosen}").code or chosen.startswith("-"):
            raise StemmaError("--branch: not a name that Git takes for a branch")
        return chosen

    def find(self, base: str) -> None:
        """Whether the remote has the branch `base`.

        Raises:
            StemmaError: it has not.
        """
        done = self.commands.git("ls-remote", "--exit-code", self.remote, f"refs/heads/{base}", remote=True)
        if done.code:
            raise StemmaError(f"--base {base}: no such branch in the Git remote '{self.remote}'")

    def fetch(self) -> None:
        """Bring the branches with results; whether they may be written is asked too, before any work.

        Raises:
            StemmaError: the remote cannot be reached, or refuses.
        """
        reference = f"+refs/heads/retrain/*:refs/stemma/{self.remote}/retrain/*"
        for step in (
            ("fetch", "--quiet", "--prune", "--no-tags", "--refmap=", self.remote, reference),
            ("push", "--quiet", "--dry-run", "--no-verify", self.remote, "HEAD:refs/heads/retrain/probe"),
        ):
            done = self.commands.git(*step, remote=True)
            if done.code:
                raise StemmaError(f"Git remote '{self.remote}': {step[0]} refused ({done.reason()})")

    def has(self, branch: str) -> bool:
        return not self.commands.git("rev-parse", "--verify", "--quiet", self.there(branch)).code

    def there(self, branch: str) -> str:
        """Where a branch of the remote stands in this repository: beside the branches that people work with."""
        return f"refs/stemma/{self.remote}/{branch}"

    def nearest(self, base: str, source: str) -> Results | None:
        """The results of branch `base` for `source` or the nearest commit before it that has any."""
        prefix = self.there(f"retrain/{base}/")
        listed = self.commands.git("for-each-ref", "--format=%(refname)", prefix).lines
        names = {name.removeprefix(prefix) for name in listed}
        for commit in self.commands.git("rev-list", source).lines if names else []:
            if short(commit) in names:
                branch = f"retrain/{base}/{short(commit)}"
                return Results(branch, commit, self.commit(self.there(branch)))
        return None

    def push(self, branch: str, commit: str) -> bool:
        """Leave `commit` as `branch`, which must be new; False if another retraining of the same commit was faster.

        Raises:
            RetrainingFailed: the remote refuses.
        """
        target = f"refs/heads/{branch}"
        lease = f"--force-with-lease={target}:"
        done = self.commands.git(
            "push", "--quiet", "--no-verify", lease, self.remote, f"{commit}:{target}", remote=True
        )
        if done.code:
            self.fetch()
            if not self.has(branch):
                raise RetrainingFailed(f"branch {branch}: not pushed ({done.reason()})")
        return not done.code


def short(commit: str) -> str:
    return commit[:12]


def record(commands: Commands, source: str, settings: list[str], subject: str) -> str:
    """Commit in the workspace, on top of `source`, the changed parameters and then dvc.lock; the last commit's name.

    The date is that of `source`, so that the same results are the same commit whoever makes them and when.
    """
    date = commands.git("show", "--no-patch", "--format=%cI", source).lines[0]
    commands.environment |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    if settings:
        _commit(commands, "params.yaml", "Parameters: " + ", ".join(settings))
    _commit(commands, LOCK, subject)
    return commands.git("rev-parse", "HEAD").lines[0]


def _commit(commands: Commands, path: str, message: str) -> None:
    commands.git("add", "--force", "--", path)
    words = ("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message)
    done = commands.git(*IDENTITY, *NO_HOOKS, *words)
    if done.code:
        raise RetrainingFailed(f"{path}: not committed ({done.reason()})")
