"""Where a training goes on that was killed: a file a seed, outside of what DVC deletes before a stage."""

import json
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.utilities import rank_zero_only
from torch import nn

import stemma
from stemma.files import replacing
from stemma.files import sha256 as sha256_of
from stemma.training.callbacks import Row

if TYPE_CHECKING:
    from stemma.training.live import Live

CODE = ("training", "families", "nn", "data/store.py", "data/shards.py", "scores.py", "spec.py", "threads.py")
"""What of the package the weights depend on."""


class Atomic(TorchCheckpointIO):
    """Writes beside the target and renames: a kill or a full disk leaves the file of before.

    Raises:
        Unwritable: the disk refuses it.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with replacing(Path(path)) as temporary, temporary.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:  # torch says so of a writer that failed; why stands behind it
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


class History(list[Row]):
    """Rows of history, told to `live` at once; `seconds` from the start to when each was added.

    They stand beside the rows, not in them: equal trainings have equal histories.
    """

    def __init__(self, clock: Callable[[], float], live: "Live | None" = None) -> None:
        super().__init__()
        self.clock, self.started, self.seconds, self.live = clock, clock(), list[float](), live

    @property
    def elapsed(self) -> float:
        return self.clock() - self.started

    def append(self, row: Row) -> None:
        super().append(row)
        self.seconds.append(round(self.elapsed, 4))
        if self.live:
            self.live.tell(self)

    def state(self) -> dict[str, Any]:
        return {"rows": list(self), "seconds": list(self.seconds), "elapsed": self.elapsed}

    def go_on(self, state: dict[str, Any]) -> None:
        """As if the training that left `state` had gone on here."""
        self[:], self.seconds, self.started = state["rows"], state["seconds"], self.clock() - state["elapsed"]


class Bookmark:
    """The state of one fit of a seed at the end of an epoch or a phase; weights alone and plain values, no pickle.

    The file is a checkpoint of Lightning's with `place` besides: how many phases have ended, the chosen row, and the
    history; between phases it holds no state of a trainer. Its name ends in a digest of all that the result depends on
    (settings, prepared data, models to start from, code, devices), so that no other training takes it up.

    Args:
        folder, name: where, and what the file's name begins with.
        origin: what the digest is taken of.
        every: seconds, at least, between two writings.
    """

    def __init__(self, folder: Path, name: str, origin: Callable[[], str], every: float, history: History) -> None:
        self.folder, self.name, self.origin, self.every, self.history = folder, name, origin, every, history
        self.written = time.monotonic()

    @cached_property
    def path(self) -> Path:
        return self.folder / f"{self.name}-{self.origin()}.ckpt"

    @property
    def due(self) -> bool:
        return time.monotonic() - self.written >= self.every

    def found(self) -> dict[str, Any] | None:
        """What an earlier start of the same training left, its history taken up.

        What one that was killed while writing left half done is deleted.
        """
        for half in self.folder.glob(f".{self.name}-*"):
            half.unlink(missing_ok=True)
        if not any(self.folder.glob(f"{self.name}-*.ckpt")) or not self.path.is_file():
            return None
        content = torch.load(self.path, map_location="cpu", weights_only=True)
        self.history.go_on(content["place"]["history"])
        return content

    def place(self, ended: int, best: Row) -> dict[str, Any]:
        """That `ended` phases are over, the last of which chose the row `best`."""
        return {"ended": ended, "best": best, "history": self.history.state()}

    def between(self, model: nn.Module, ended: int, best: Row) -> None:
        """Write the state after a phase, if it is time to; of several devices the first one does."""
        if self.due and first_device():
            self.clear()
            Atomic().save_checkpoint({"state_dict": model.state_dict(), "place": self.place(ended, best)}, self.path)
            self.written = time.monotonic()

    def clear(self) -> None:
        """Delete what other trainings of this name left."""
        for path in self.folder.glob(f"{self.name}-*.ckpt"):
            if path != self.path:
                path.unlink()


class Marking(Checkpoint):
    """Writes the bookmark within a phase, at the end of an epoch that is not its last; runs after `Epochs`.

    Args:
        number: of the phase, from 0.
    """

    def __init__(self, bookmark: Bookmark, number: int) -> None:
        self.bookmark, self.number = bookmark, number

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        last = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if not last and trainer.strategy.broadcast(self.bookmark.due):
            trainer.save_checkpoint(self.bookmark.path)
            self.bookmark.written = time.monotonic()

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict) -> None:
        """Buffers that no saved model has, such as the centres of a companion loss, belong to the state too."""
        kept = checkpoint["state_dict"]
        checkpoint["place"] = self.bookmark.place(self.number, {})
        checkpoint["passing"] = {name: value for name, value in pl_module.named_buffers() if name not in kept}

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict) -> None:
        for name, value in checkpoint["passing"].items():
            pl_module.get_buffer(name).copy_(value)


def first_device() -> bool:
    """Whether this process, of those that share a training, is the one that writes."""
    return getattr(rank_zero_only, "rank", 0) == 0


def digest(described: Any, folders: Iterable[Path] = ()) -> str:
    """Of what a training depends on: what is `described` in JSON, the files in `folders`, the code, its libraries."""
    package = Path(stemma.__file__).parent
    code = [path for part in CODE for path in sorted((package / part).rglob("*.py")) or [package / part]]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    told = json.dumps([described, torch.__version__, pl.__version__], sort_keys=True)
    return sha256((told + sha256_of(*code, *files)).encode()).hexdigest()[:16]
