"""How much of a policy gradient is signal: the cosine between gradients of independent batches of one policy.

    LIBERO_GYM_ASSETS=builtin python benchmarks/gradient_signal.py RUN/checkpoints/step_000002 --json FILE

    fixed weights --rollouts--> batches --an estimator's advantages--> a gradient each --> cosines of all pairs

Where gradients are a true direction g and noise of size s |g|, the mean cosine of pairs is 1 / (1 + s^2). With it:
"signal" = cosine / (1 - cosine), which grows in proportion to a batch, per 1,000 environment steps. Estimators are
compared on the same policy steps: Monte-Carlo returns less the critic's value (lambda = 1), GAE with smaller lambda,
returns less their mean, and successes alone (1 for each of their policy steps). Other starts are compared by Monte
Carlo. "towards true" is the cosine with the Monte-Carlo gradient of all other batches from true starts. Means and
standard errors are over the batches. The critic is fitted to all rollouts of its kind beforehand, better than any run
has it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compact_json import write_json
from learning import processor

from vla_trainer.advantage.gae import gae
from vla_trainer.config.load import load_config
from vla_trainer.critic.network import ValueNetwork
from vla_trainer.trainer import RLTrainer, make_trainer
from vla_trainer.types import Rollout

RECIPE = (
    *("env.task=3", "env.max_episode_steps=136", "eval.episodes=null", "video_cfg.save_video=false"),
    *("trainer.threads=1", "policy.threads=1", "env.workers=1", "rollout.temperature_final=null"),
)
LAMBDAS = {"lambda 1": 1.0, "lambda 0.95": 0.95, "lambda 0.8": 0.8, "lambda 0.5": 0.5, "lambda 0": 0.0}
CRITIC_STEPS = 300
PART = 64


def collect(trainer: RLTrainer, rollouts: int) -> list[Rollout]:
    """Collect with weights that stay as they are."""
    collected = []
    for number in range(rollouts):
        collected.append(trainer.collect(None, number + 1))
        episodes = list(collected[-1].episodes.values())
        won = np.mean([bool(episode.success) for episode in episodes])
        print(f"rollout {number + 1} of {rollouts}: {len(episodes)} episodes, success {won:.0%}", flush=True)
    return collected


def ended(rollout: Rollout) -> tuple[Any, Any]:
    """Return (T, N): the sum of the rewards to each episode's end, and whether that end is in the rollout."""
    over = rollout.terminated | rollout.truncated
    returns, known = np.zeros_like(rollout.rewards), np.zeros_like(rollout.mask)
    total, seen = np.zeros(over.shape[1]), np.zeros(over.shape[1], dtype=bool)
    for step in reversed(range(len(over))):
        total = np.where(over[step], 0.0, total) + rollout.rewards[step]
        seen = seen | over[step]
        returns[step], known[step] = total, seen
    return returns, known & rollout.mask


def fit_critic(rollouts: list[Rollout], targets: list[tuple[Any, Any]]) -> tuple[ValueNetwork, float]:
    """Return a critic of the rollouts' states, and the share of variance that it explains in the last eighth of them.

    Rollouts are held out and not rows: a neighbour of the same episode would tell the critic how that one ends.
    """
    rows = [
        (torch.from_numpy(r.states[known]), torch.from_numpy(values[known]).float())
        for r, (values, known) in zip(rollouts, targets, strict=True)
    ]
    states, returns = (torch.cat(of) for of in zip(*rows, strict=True))
    generator = torch.Generator().manual_seed(0)
    network = ValueNetwork(states.shape[1], (256, 256), generator)
    network.see(states)
    network.rescale(returns)
    held_rows = sum(len(of) for of, _ in rows[-max(len(rows) // 8, 1) :])
    fitted, held = torch.arange(len(states)).split([len(states) - held_rows, held_rows])
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(CRITIC_STEPS):
        rows = fitted[torch.randint(len(fitted), (1024,), generator=generator)]
        loss = (network.normalized(states[rows]) - network.targets(returns)[rows]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        left = (network(states[held]) - returns[held]).square().mean() / returns[held].var()
    return network, 1 - float(left)


def advantages(rollout: Rollout, returns: Any, mean: float, critic: ValueNetwork, names: list[str]) -> dict[str, Any]:
    """Return (T, N) of each estimator."""

    def values(states: Any) -> Any:
        with torch.no_grad():
            rows = torch.from_numpy(np.ascontiguousarray(states.reshape(-1, states.shape[-1])))
            return critic(rows).double().numpy().reshape(states.shape[:-1])

    over, none = rollout.terminated | rollout.truncated, np.zeros_like(rollout.truncated)
    now, later = values(rollout.states), values(rollout.next_states)
    found = {
        name: gae(rollout.rewards, now, later, over, none, 1.0, lam)[0]
        for name, lam in LAMBDAS.items()
        if name in names
    }
    return found | {"no critic": returns - mean, "successes": (returns > 0).astype(float)}


def gradients(trainer: RLTrainer, rollouts: list[Rollout], batches: int, names: list[str]) -> tuple[Any, float]:
    """Return by estimator one gradient a batch, (batches, weights); and what the critic explains."""
    policy: Any = trainer.runtime.policy  # type: ignore[attr-defined]
    policy.eval()
    weights = [weight for weight in policy.parameters() if weight.requires_grad]
    targets = [ended(rollout) for rollout in rollouts]
    critic, explained = fit_critic(rollouts, targets)
    mean = float(np.concatenate([values[known] for values, known in targets]).mean())
    temperature, dim = trainer._config.rollout.temperature, trainer.env_spec.action_dim
    sums = {name: torch.zeros(batches, sum(weight.numel() for weight in weights)) for name in names}
    for number, (rollout, (returns, known)) in enumerate(zip(rollouts, targets, strict=True)):
        found = advantages(rollout, returns, mean, critic, names)
        rows = torch.from_numpy(np.flatnonzero(known[rollout.mask]))
        lengths = torch.from_numpy(rollout.lengths[rollout.mask])
        for part in rows.split(PART):
            inputs = {key: value[part] for key, value in rollout.inputs.items()}
            out = policy.evaluate(inputs, rollout.tokens[part], temperature=temperature)
            counts = torch.arange(out.log_probs.shape[1]) < (lengths[part] * dim)[:, None]
            log_probs = torch.where(counts, out.log_probs.float(), 0.0).sum(1)
            for name in names:
                chosen = torch.from_numpy(found[name][rollout.mask])[part].float()
                last = name == names[-1]
                of = torch.autograd.grad((log_probs * chosen).sum(), weights, retain_graph=not last, allow_unused=True)
                flat = [torch.zeros(w.numel()) if g is None else g.flatten() for g, w in zip(of, weights, strict=True)]
                sums[name][number % batches] += torch.cat(flat)
        print(f"gradient of rollout {number + 1} of {len(rollouts)}", flush=True)
    return sums, explained


def row(of: torch.Tensor, env_steps: float, reference: torch.Tensor) -> dict[str, float]:
    """Return cosines of the pairs of batches, their signal, and cosines with `reference` (batches, weights)."""
    unit = torch.nn.functional.normalize(of, dim=1)
    count = len(unit)
    cosines = unit @ unit.T
    each = (cosines.sum(1) - 1) / (count - 1)
    cosine = float(each.mean())
    towards = torch.nn.functional.cosine_similarity(unit, reference)
    return {
        "cosine of two batches": round(cosine, 4),
        "standard error": round(float(each.std()) / count**0.5, 4),
        "signal of 1,000 env steps": round(cosine / (1 - cosine) / env_steps * 1000, 5),
        "env steps of a batch": round(env_steps),
        "towards true": round(float(towards.mean()), 4),
        "its standard error": round(float(towards.std()) / count**0.5, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="of benchmarks/learning.py's SFT, or of a later policy")
    parser.add_argument("--rollouts", type=int, default=24, help="of 896 policy steps, for each kind of start")
    parser.add_argument("--batches", type=int, default=8, help="that they are divided into")
    parser.add_argument("--temperature", type=float, default=0.9)
    parser.add_argument("--chunk-correlation", type=float, default=0.0, help="see rollout.chunk_correlation")
    parser.add_argument("--seed", type=int, default=0, help="of what is sampled and of the initial states")
    parser.add_argument("--starts", nargs="*", default=["branching", "curriculum"], help="beside uniform ones")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.rollouts % args.batches or args.batches < 2:
        parser.error(f"--rollouts {args.rollouts} is not a multiple of --batches {args.batches}, at least 2")
    torch.set_num_threads(1)
    rows: dict[str, Any] = {}
    true = torch.zeros(0)
    for starts in ["uniform", *args.starts]:
        overrides = [*RECIPE, f"policy.checkpoint={args.checkpoint}", f"rollout.temperature={args.temperature}"]
        overrides += [f"rollout.chunk_correlation={args.chunk_correlation}", f"trainer.seed={args.seed}"]
        trainer = make_trainer(
            load_config("tiny_spatial_ppo_critic_from_sft", [*overrides, f"rollout.starts={starts}"])
        )
        assert isinstance(trainer, RLTrainer)
        try:
            rollouts = collect(trainer, args.rollouts)
            names = [*LAMBDAS, "no critic", "successes"] if starts == "uniform" else ["lambda 1"]
            found, explained = gradients(trainer, rollouts, args.batches, names)
        finally:
            trainer.close()
        true = found["lambda 1"] if starts == "uniform" else true
        env_steps = sum(rollout.env_steps for rollout in rollouts) / args.batches
        episodes = [episode for rollout in rollouts for episode in rollout.episodes.values()]
        shared = {"episodes": len(episodes), "critic explains": round(explained, 3)}
        for name in names:
            # without the batch itself, where it is among them
            towards = true.sum(0) - true if starts == "uniform" else true.sum(0).expand_as(true)
            rows[f"{starts}, {name}"] = {**row(found[name], env_steps, towards), **shared}
            print(f"{starts}, {name}: {rows[f'{starts}, {name}']}", flush=True)
    if args.json:
        settings = {"rollouts": args.rollouts, "batches": args.batches, "temperature": args.temperature}
        settings |= {"chunk_correlation": args.chunk_correlation, "seed": args.seed}
        write_json(args.json, {"machine": processor(), **settings, "rows": rows})


if __name__ == "__main__":
    main()
