"""The mean of the weights after the last iterations of a run, which becomes the policy that it ends with.

    weights after iteration T-n+1 --> mean --> ... --> after iteration T --> mean in their place

Gradients of a policy are mostly noise, which its weights carry along from step to step; a mean over iterations has less
of it (averaging of iterates, Polyak and Juditsky 1992; of the latest checkpoints, Kaddour 2022, arXiv:2209.14981).
Training itself is as without it.

The mean is kept in the optimizer's state beside the moments of each weight. So it is saved, spread over ranks and moved
between devices as they are.
"""

import torch

MEAN, COUNT = "mean_weight", "mean_count"
"""Keys of a weight's state."""


@torch.no_grad()
def take_into_mean(optimizer: torch.optim.Optimizer, *, first: bool, last: bool) -> None:
    """Take the present weights into their mean.

    Args:
        optimizer: of the weights; those that no step has moved have no mean, and need none.
        first: begin a new mean.
        last: put it in the place of the weights, and forget it.
    """
    for group in optimizer.param_groups:
        for weight in group["params"]:
            state = optimizer.state.get(weight)
            if not state:
                continue
            if first or MEAN not in state:
                state[MEAN], state[COUNT] = weight.detach().clone(), torch.tensor(1.0)
            else:
                state[COUNT] = state[COUNT] + 1
                state[MEAN] += (weight - state[MEAN]) / state[COUNT].item()
            if last:
                weight.copy_(state.pop(MEAN))
                del state[COUNT]
