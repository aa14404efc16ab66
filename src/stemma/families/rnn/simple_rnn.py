"""simple_rnn: h(t) = f(W1 x(t) + W2 h(t-1) + b) (Elman 1990)."""

from typing import Any

import torch
from torch import Tensor, nn

from stemma.families.rnn.recurrent import RecurrentClassifier


class ElmanLayers(nn.RNN):
    """torch's fused recurrent layers with one bias each: the second is a buffer of zeros."""

    def __init__(self, inputs: int, hidden: int, layers: int, activation: str) -> None:
        super().__init__(inputs, hidden, layers, nonlinearity=activation, batch_first=True)
        for layer in range(layers):
            name = f"bias_hh_l{layer}"
            zeros = torch.zeros_like(getattr(self, name))
            delattr(self, name)
            self.register_buffer(name, zeros)
        self._init_flat_weights()


class SigmoidLayers(nn.Module):
    """The same recurrence with f = sigmoid, which torch has no fused kernel for; one step at a time."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.hidden = hidden
        sizes = [inputs] + [hidden] * (layers - 1)
        self.inputs = nn.ModuleList(nn.Linear(size, hidden) for size in sizes)
        self.recurrent = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in sizes)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        for inputs, recurrent in zip(self.inputs, self.recurrent, strict=True):
            drive, state, states = inputs(x), x.new_zeros(len(x), self.hidden), []
            for step in drive.unbind(1):
                state = torch.sigmoid(step + recurrent(state))
                states.append(state)
            x = torch.stack(states, 1)
        return x, None


class SimpleRNN(RecurrentClassifier):
    """Layers of tanh, ReLU or sigmoid units with one bias a unit, then a dense layer on the pooled state."""

    def __init__(
        self,
        spec: dict[str, Any],
        embedding: int = 64,
        hidden: int = 64,
        layers: int = 4,
        activation: str = "tanh",
        pooling: str = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__(spec, embedding, hidden, pooling, dropout)
        size = self.steps.size
        if activation == "sigmoid":
            self.recurrent = SigmoidLayers(size, hidden, layers)
        else:
            self.recurrent = ElmanLayers(size, hidden, layers, activation)
        self.save_hyperparameters()
