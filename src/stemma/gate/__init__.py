"""The gate: which model may become its slot's champion? `decide` is pure; `candidates` reads run files."""

from stemma.gate.candidates import Candidate, Predictions, Robustness, candidates, of_run
from stemma.gate.decision import Decision, decide
from stemma.gate.evidence import Evidence, evidence
from stemma.gate.rules import Rules

__all__ = [
    "Candidate", "Decision", "Evidence", "Predictions", "Robustness", "Rules", "candidates", "decide", "evidence",
    "of_run",
]  # fmt: skip
