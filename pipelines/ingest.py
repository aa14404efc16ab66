"""Stage: bytes of a slot's source -> data/raw/<slot>."""

from pathlib import Path

from stemma import config
from stemma.cli import stage
from stemma.data.ingest import ingest
from stemma.data.parts import Options, Resize


def main(settings: config.Config, slot: str) -> None:
    chosen = settings.slot(slot)
    ingest(
        chosen.use,
        Path("data/raw") / slot,
        test=chosen.test,
        digest=chosen.digest,
        test_digest=chosen.test_digest,
        allow_unverified=chosen.allow_unverified,
        offline=chosen.offline,
        options=Options(chosen.encoding, chosen.columns, chosen.resize.to(Resize) if chosen.resize else None),
    )


if __name__ == "__main__":
    stage.run("ingest", main, "slot")
