"""Stage decide: run files and validation reports -> reports/decision.json, each slot's candidate and whether it is fit.

Without the champion, which lies in the registry: `stemma promote` judges again, against it.
"""

from dataclasses import replace
from pathlib import Path

from stemma import gate
from stemma.cli import stage
from stemma.config import Config
from stemma.files import read_json, write_json
from stemma.runs import ROOT

REPORTS = Path("reports")


def decide(config: Config, _: str) -> None:
    rules = config.gate.to(gate.Rules)
    decisions = {}
    for candidate in gate.candidates(list(config.trained), ROOT):
        report = read_json(REPORTS / "validation" / f"{candidate.slot}.json")
        known = gate.evidence(report, config.slot(candidate.slot).duplicates)
        decisions[candidate.slot] = gate.decide(replace(candidate, evidence=known), None, rules).to_dict()
    write_json(REPORTS / "decision.json", {"rules": config.gate.model_dump(), "slots": decisions})


if __name__ == "__main__":
    stage.run("decide", decide, argument=None)
