"""Train a policy of your own: what `vla-train` needs is three methods.

    pip install libero-gym vla-trainer
    PYTHONPATH=examples python examples/custom_policy.py [iterations, 2 by default]

Each action number is one of 11 values. `vla_trainer.protocols.Policy` describes the methods.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

BINS = 11


@dataclass
class Output:
    log_probs: Tensor
    values: Tensor | None
    actions: Any = None
    tokens: Any = None
    inputs: Any = None
    entropy: Any = None


class BinnedPolicy(nn.Module):
    """A perceptron over `state` (N, 8) with 7 actions of 11 values, and a value."""

    def __init__(self, observation_space, action_space, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.chunk = action_space.shape[:-1] or (1,)
        self.tokens = int(np.prod(action_space.shape))
        self.trunk = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.logits, self.value = nn.Linear(64, self.tokens * BINS), nn.Linear(64, 1)

    def _score(self, state, temperature, choose):
        hidden = self.trunk(state)
        choice = Categorical(logits=self.logits(hidden).unflatten(-1, (self.tokens, BINS)) / temperature)
        tokens = choose(choice.probs)
        return tokens, Output(choice.log_prob(tokens), self.value(hidden)[:, 0], entropy=choice.entropy())

    @torch.no_grad()
    def act(self, obs, *, deterministic=False, temperature=1.0, generator=None):
        state = torch.as_tensor(np.asarray(obs["state"]))

        def choose(probs):
            if deterministic:
                return probs.argmax(-1)
            return torch.multinomial(probs.flatten(0, 1), 1, generator=generator).view(probs.shape[:2])

        tokens, output = self._score(state, temperature, choose)
        actions = tokens.view(len(state), *self.chunk, -1) * 2 / (BINS - 1) - 1
        output.actions, output.tokens, output.inputs = actions.numpy(), tokens, {"state": state}
        return output

    def evaluate(self, inputs, tokens, *, temperature=1.0):
        return self._score(inputs["state"], temperature, lambda _: tokens)[1]

    def save_pretrained(self, directory):
        torch.save(self.state_dict(), Path(directory) / "binned_policy.pt")


if __name__ == "__main__":
    iterations = sys.argv[1] if len(sys.argv) > 1 else "2"
    changed = ["policy.factory=custom_policy:BinnedPolicy", "env.cameras=[]", "env.instruction=false"]
    fixed = [f"trainer.iterations={iterations}", "trainer.save_every=1", "actor.critic_lr=null"]
    fixed += ["video_cfg.save_video=false", f"output_dir={Path(tempfile.mkdtemp()) / 'run'}"]
    subprocess.run([Path(sys.executable).with_name("vla-train"), "tiny_spatial_ppo", *changed, *fixed], check=True)
