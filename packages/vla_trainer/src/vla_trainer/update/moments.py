"""The optimizer's moments, twice the size of what is trained: out of the way of those who share the device."""

import torch


def move_moments(optimizer: torch.optim.Optimizer, device: torch.device | str) -> None:
    """Put what the optimizer remembers of each weight on `device`; counts of steps stay where they are.

    They have to be back where the weights are before the next step.
    """
    for of_weight in optimizer.state.values():
        for name, value in of_weight.items():
            if isinstance(value, torch.Tensor) and value.ndim:
                of_weight[name] = value.to(device)
