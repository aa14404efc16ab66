"""The layer table of a network, and made-up examples to run through one."""

from typing import Any

import torch
from torch import Tensor, nn

from stemma.families.base import Model
from stemma.spec import DataSpec


def shapes(model: Model) -> list[dict[str, Any]]:
    """Layer table of `model`: name, kind, output shape without batch, parameters of its own.

    Runs one example of the described data through the model. Layers that its answer passes by (such as those that only
    generate) follow, without an output.
    """
    rows: list[dict[str, Any]] = []

    def add(name: str, module: nn.Module, output: list[int]) -> None:
        own = sum(p.numel() for p in module.parameters())
        rows.append({"name": name, "kind": type(module).__name__, "output": output, "parameters": own})

    def hook(name: str, module: nn.Module) -> Any:
        def record(_: nn.Module, __: Any, output: Any) -> None:
            add(name, module, list((output[0] if isinstance(output, tuple) else output).shape[1:]))

        return record

    layers = [(n, m) for n, m in model.named_modules() if n and not list(m.children())]
    handles = [module.register_forward_hook(hook(name, module)) for name, module in layers]
    x, lengths = example(model.spec)
    with torch.inference_mode():
        model.eval()(x, lengths)
    for handle in handles:
        handle.remove()
    seen = {row["name"] for row in rows}
    for name, module in layers:
        if name not in seen and any(True for _ in module.parameters()):
            add(name, module, [])
    return rows


def example(spec: DataSpec, batch: int = 2) -> tuple[Tensor, Tensor | None]:
    """A batch of made-up prepared examples that fit `spec`, with lengths for text."""
    if spec.kind == "text":
        ids = torch.randint(2, spec.vocabulary_size, (batch, *spec.shape))
        return ids, torch.full((batch,), spec.shape[0])
    if spec.kind == "image":
        return torch.randint(0, 256, (batch, *spec.shape), dtype=torch.uint8), None
    return torch.randn(batch, *spec.shape), None
