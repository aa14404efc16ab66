"""The model registry: one registered model a dataset and source, whose alias `champion` the gate hands on.

Aliases: `champion`; `challenger`, the last fit candidate that did not beat it; `previous`, the champion before.
"""

from stemma.registry.account import Account, account, events_of
from stemma.registry.ledger import Event
from stemma.registry.promotion import Outcome, promote
from stemma.registry.rollback import rollback
from stemma.registry.versions import ALIASES, CHALLENGER, CHAMPION, PREVIOUS, champion, version

__all__ = [
    "ALIASES", "CHALLENGER", "CHAMPION", "PREVIOUS", "Account", "Event", "Outcome", "account", "champion", "events_of",
    "promote", "rollback", "version",
]  # fmt: skip
