"""Where an optimizer's moments are while others use its GPU: in host memory, as long as the GPU is short of memory.

    update --park--> moments in host memory, cache given back --others act and render--> unpark --> update

AdamW's moments are twice the weights. Whether they fit beside what others use is seen when they come back: whatever
the rollout took is taken then. Once they fit with room to spare, they stay.
"""

from collections.abc import Callable

import torch

from vla_trainer.update.optimizer import move_moments

SPARE = 4 * 2**30
"""Bytes that must be free beside twice the moments: evaluations have environments of their own."""


class Parking:
    """Moves the moments of one optimizer."""

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        *,
        shared: bool,
        free: Callable[[torch.device], int] | None = None,
    ) -> None:
        """
        Args:
            optimizer: whose moments are where its weights are.
            device: of the weights.
            shared: whether others use the device between updates.
            free: returns the device's free bytes; None: CUDA's.
        """
        self._optimizer, self._device = optimizer, device
        self._free = free or _free
        self._shared = shared
        self.parks = shared
        """Whether moments go to host memory between updates."""
        self._away = False

    def park(self) -> None:
        """Make room after an update."""
        if self.parks and not self._away:
            move_moments(self._optimizer, "cpu")
            self._away = True
        if self._shared and self._device.type == "cuda":
            # what the allocator keeps is of no use to other processes
            torch.cuda.empty_cache()

    def unpark(self) -> None:
        """Bring the moments back before an update."""
        if not self._away:
            return
        self.parks = self._free(self._device) < 2 * moment_bytes(self._optimizer) + SPARE
        move_moments(self._optimizer, self._device)
        self._away = False


def moment_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Return the bytes of all that an optimizer remembers of weights, of this process's share."""
    total = 0
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, torch.Tensor) and value.ndim:
                local = value.to_local() if hasattr(value, "to_local") else value
                total += local.nbytes
    return total


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0]
