"""Unattended retraining: from a commit to results on a branch, a report, and on the main branch to the gate.

Each step is a command that a user could give (git, dvc, stemma); it runs in a worktree of its own,
`build/retrain`, so that neither the checkout nor its `dvc.lock` is touched.
"""

from stemma.retraining.flow import retrain
from stemma.retraining.request import REASONS, Outcome, Request, RetrainingFailed

__all__ = ["REASONS", "Outcome", "Request", "RetrainingFailed", "retrain"]
