"""What every studies/NAME/study.py shares: from the run files of its set to its page."""

from collections.abc import Callable
from pathlib import Path

from stemma import studies
from stemma.cli import stage
from stemma.config import Config
from stemma.runs import ROOT

REPORTS = Path("reports")


def run(study: Callable[[dict[str, studies.Trained]], studies.Study]) -> None:
    """Run `study` on the experiments of params.yaml, write its page, print the verdicts and where the page is."""

    def work(config: Config, _: str) -> None:
        found = study(studies.load(config.experiments, ROOT, Path("data/prepared")))
        path = studies.write(found, REPORTS)
        for verdict in found.verdicts:
            print(f"{verdict.outcome}: {verdict.claim} ({verdict.source})\n  {verdict.sentence}")
        print(path.absolute())

    stage.run("study", work, argument=None)
