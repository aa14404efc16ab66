"""Studies: one question each, answered by ordinary experiments and by probes of their networks.

`studies/NAME/params.yaml` is a set of experiments for the common pipeline; `studies/NAME/study.py` makes a `Study` of
their run files. What the verdicts say is computed from the numbers.
"""

from stemma.studies.estimate import Estimate, estimate
from stemma.studies.page import Figure, Study, Table, write
from stemma.studies.trained import Trained, by_validation, load, tries
from stemma.studies.verdicts import Case, Verdict, verdict

__all__ = [
    "Case",
    "Estimate",
    "Figure",
    "Study",
    "Table",
    "Trained",
    "Verdict",
    "by_validation",
    "estimate",
    "load",
    "tries",
    "verdict",
    "write",
]
