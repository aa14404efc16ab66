"""ChainModel: persistent chains, of which each of several devices that share a training moves its own."""

import torch
from torch import Tensor

from stemma.errors import StemmaError
from stemma.families.base import Model


class ChainModel(Model):
    """Of N chains device r of n moves those of row r, r + n, ... with its own draws; so many chains stand for the
    machine, however many devices there are. At the end of an epoch all devices know all chains.
    """

    chained: tuple[str, ...] = ()
    """Names of the buffers that hold the states of chains, `[N, units]`."""

    def keep_chains(self, *names: str) -> None:
        """Take these buffers for chains: DDP would overwrite them with the first device's before every step."""
        self.chained = (*self.chained, *names)
        self._ddp_params_and_buffers_to_ignore = list(self.chained)

    def own(self, chains: Tensor) -> Tensor:
        """The rows that this device moves, a view."""
        return chains[self.global_rank :: self.devices]

    def on_train_start(self) -> None:
        """Refuse chains that the devices cannot share evenly: the mean over devices is that over the chains.

        Raises:
            StemmaError: their number is no multiple of that of the devices.
        """
        super().on_train_start()
        for name in self.chained:
            count = len(self.get_buffer(name))
            if count % self.devices:
                raise StemmaError(f"chains: {count}; on {self.devices} devices a multiple of {self.devices}")

    def on_train_epoch_end(self) -> None:
        if self.devices > 1:
            self._exchange()
        super().on_train_epoch_end()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name in self.chained:
            chains = self.get_buffer(name)
            ours = torch.zeros_like(chains)
            self.own(ours).copy_(self.own(chains))
            chains.copy_(self._over_devices(ours))
