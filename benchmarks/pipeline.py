"""What two stages gain: real LIBERO environments, and a policy that takes as long as they do.

    python benchmarks/pipeline.py --json benchmarks/results/pipeline.json

Environments are libero/Spatial-v0 on the built-in assets, one worker thread a stage. The policy waits, as one on a GPU
lets the processor wait: so long for each observation that all its observations together take as long as the
environments alone. Then

    environments alone   policy that answers at once
    one stage            environments and policy take turns
    two stages           one half of the environments steps while the policy looks at the other

Bars: two stages take at most 1.15 times the longer of the two, and at least 1.6 times less than one stage.
"""

import argparse
import platform
import statistics
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from compact_json import write_json

from vla_trainer.algorithms.queues import PerEnvQueue
from vla_trainer.config.schema import Env
from vla_trainer.initial_states import init_state_counts
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.sampling import PolicySampler

ENV = Env(
    id="libero_gym:libero/Spatial-v0",
    split="train",
    image_size=64,
    action_chunk=8,
    render_quality="fast",
    assets="builtin",
    workers=1,
)


class WaitingPolicy:
    """Random actions, after `seconds` for each observation."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def act(
        self,
        obs: Any,
        *,
        deterministic: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> SimpleNamespace:
        rows = len(obs["state"])
        time.sleep(self.seconds * rows)
        tokens = torch.rand(rows, 56, generator=generator)
        return SimpleNamespace(
            actions=(0.2 * tokens.numpy() - 0.1).reshape(rows, 8, 7),
            tokens=tokens,
            log_probs=-tokens,
            values=torch.zeros(rows),
            inputs={"state": torch.from_numpy(obs["state"])},
        )


def seconds_of(stages: int, num_envs: int, policy_steps: int, wait: float) -> float:
    """Seconds of one collection of `policy steps` of `num_envs` environments, after one to warm up."""
    envs = [make_envs(ENV, num_envs // stages) for _ in range(stages)]
    collector = Collector(envs, PolicySampler(WaitingPolicy(wait)))
    stream = PerEnvQueue(0, init_state_counts(envs[0]), num_envs)
    collector.horizon(2, stream)
    begin = time.perf_counter()
    collector.horizon(policy_steps, stream)
    taken = time.perf_counter() - begin
    collector.close()
    for each in envs:
        each.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--policy-steps", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    rounds = []
    for _ in range(args.rounds):
        alone = seconds_of(1, args.num_envs, args.policy_steps, 0.0)
        # the collector also asks for the last observations' values
        wait = alone / (args.num_envs * (args.policy_steps + 1))
        one = seconds_of(1, args.num_envs, args.policy_steps, wait)
        two = seconds_of(2, args.num_envs, args.policy_steps, wait)
        rounds.append({"environments_alone": alone, "policy_alone": alone, "one_stage": one, "two_stages": two})
        print(f"environments {alone:.2f} s, policy {alone:.2f} s, one stage {one:.2f} s, two stages {two:.2f} s")
    over = [each["two_stages"] / each["environments_alone"] for each in rounds]
    gain = [each["one_stage"] / each["two_stages"] for each in rounds]
    result = {
        "machine": {"processor": platform.machine(), "cores": torch.get_num_threads()},
        "env_steps_of_a_round": args.num_envs * args.policy_steps * 8,
        "two_stages_over_the_longer": {"median": statistics.median(over), "all": over, "bar": 1.15},
        "one_stage_over_two": {"median": statistics.median(gain), "all": gain, "bar": 1.6},
        "rounds": rounds,
    }
    print(f"two stages / longer: {statistics.median(over):.3f} (at most 1.15)")
    print(f"one stage / two stages: {statistics.median(gain):.3f} (at least 1.6)")
    if args.json is not None:
        write_json(args.json, result)


if __name__ == "__main__":
    main()
