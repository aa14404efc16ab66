"""Answering: what a trained network tells of examples, and its weights in files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stemma.errors import StemmaError
from stemma.nn.judging import ASKED
from stemma.spec import DataSpec


class Answering(pl.LightningModule):
    """A network for data of `spec`, whose last layers are its `head`, if it has one."""

    differentiable = True
    """Whether what it answers has a gradient by its input."""

    spec: DataSpec
    head: nn.Module
    codes: Any

    def output_layer(self) -> nn.Module:
        """The layer that makes the outputs; where it is not the last `nn.Linear` of the head, a subclass says so."""
        return [module for module in self.head.modules() if isinstance(module, nn.Linear)][-1]

    def last_hidden(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What enters the output layer, `[B, H]`; of several nets side by side, that of the first; of a model without
        a head its codes.

        Raises:
            StemmaError: it has neither.
        """
        if not hasattr(self, "head"):
            if not hasattr(self, "codes"):
                raise StemmaError(f"start.experiment: its task is {self.spec.task}, it has no hidden layer to learn on")
            return self.codes(x, lengths)
        with self.watched() as seen:
            self(x, lengths)
        return seen[-1]

    @contextmanager
    def watched(self) -> Iterator[list[Tensor]]:
        """Inside, every forward adds what enters the output layer, `[B, H]`, to the list."""
        seen: list[Tensor] = []
        hook = self.output_layer().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(1)))
        try:
            yield seen
        finally:
            hook.remove()

    @torch.inference_mode()
    def predict(
        self,
        x: np.ndarray,
        lengths: np.ndarray | None = None,
        texts: list[str] | None = None,
        batch: int = 256,
    ) -> np.ndarray:
        """Answers to prepared examples: class probabilities float32 `[N, classes]`, or for the task `regress`
        values float32 `[N]` in the target's own unit; for others what `nn.judging` says. `texts` is for other families.
        """
        if self.spec.task in ASKED:
            return self._batched(partial(ASKED[self.spec.task].answer, self), x, lengths, batch)
        return self._batched(lambda part, sizes: self.answer(self(part, sizes).float()), x, lengths, batch)

    @torch.inference_mode()
    def hidden(self, x: np.ndarray, lengths: np.ndarray | None = None, batch: int = 256) -> np.ndarray:
        """The last hidden layer of prepared examples, float32 `[N, H]`."""
        return self._batched(self.last_hidden, x, lengths, batch)

    def _batched(
        self, function: Callable[..., Tensor], x: np.ndarray, lengths: np.ndarray | None, batch: int
    ) -> np.ndarray:
        """`function(x, lengths)` of all examples, `batch` at a time, texts cut to the longest of each."""
        self.eval()
        parts = [function(*piece).float().cpu().numpy() for piece in self.pieces(x, lengths, batch)]
        return np.concatenate(parts)

    def pieces(self, x: np.ndarray, lengths: np.ndarray | None, batch: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Prepared examples by batches, on the model's device, each cut to its longest."""
        for start in range(0, len(x), batch):
            piece, sizes = torch.as_tensor(np.array(x[start : start + batch])).to(self.device), None
            if lengths is not None:
                sizes = torch.as_tensor(np.array(lengths[start : start + batch])).to(self.device)
                piece = piece[:, : int(sizes.max())]
            yield piece, sizes

    def answer(self, outputs: Tensor) -> Tensor:
        """What the network's outputs `[B, spec.outputs]` say in the task's own terms."""
        if self.spec.task == "regress":
            return outputs.squeeze(1) * self.spec.target_std + self.spec.target_mean
        return outputs.softmax(1)

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def pictures(self) -> dict[str, np.ndarray]:
        """Pictures that explain the model, uint8 `[n, H, W, C]` by name; none by default."""
        return {}

    def save_weights(self, folder: Path) -> None:
        state = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        save_file(state, folder / "weights.safetensors")

    def load_weights(self, folder: Path) -> None:
        self.load_state_dict(load_file(folder / "weights.safetensors"))
        self.eval()
