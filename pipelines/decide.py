"""Stage decide: run files -> reports/decision.json, each slot's candidate and whether it is fit.

Without the champion, which lies in the registry: `stemma promote` judges again, against it.
"""

from pathlib import Path

from stemma import gate
from stemma.cli import stage
from stemma.config import Config
from stemma.files import write_json
from stemma.runs import ROOT

REPORTS = Path("reports")


def decide(config: Config, _: str) -> None:
    rules = gate.Rules(**config.gate.model_dump())
    candidates = gate.candidates(list(config.trained), ROOT)
    decisions = {candidate.slot: gate.decide(candidate, None, rules).to_dict() for candidate in candidates}
    write_json(REPORTS / "decision.json", {"rules": config.gate.model_dump(), "slots": decisions})


if __name__ == "__main__":
    stage.run("decide", decide, argument=None)
