"""Which settings matter on one task: every factor against the recipe, over seeds, in one table, by one command.

    LIBERO_GYM_ASSETS=builtin python benchmarks/ablation.py spatial --task 3 --out runs/ablation

    per seed: one demonstration --> SFT (and once more with the other stem) --.
                        vla-ablate RECIPE --over ... --seeds N <--------------'

All runs of a seed begin with the same SFT. Policies are compared on states of the split "train" that no run trains on,
in LIBERO's physics: settings are chosen by them, and the published states stay unseen. Say the same command again after
an interruption: what is done is not repeated. Each run has one thread, and there are as many at once as cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from learning import DATASET, SUITES, training_limits

#: Factor -> what `--over` says, after the base that each algorithm's recipe is.
FACTORS = {
    "ppo_critic": {
        "critic": "algorithm.critic=null; algorithm.critic_warmup_iterations=2; actor.critic_lr=1.0e-3; "
        "env.privileged=false",
        "step size": "actor.lr_schedule=cosine,adaptive; actor.lr=7.0e-4,4.0e-4; actor.lr_final_fraction=0.1,null; "
        "actor.lr_warmup_iterations=4,0; actor.update_kl=null,0.02; actor.undo_above=null,5",
        "starts": "rollout.starts=curriculum,branching,prioritized",
        "stem": "policy.kwargs.stem=conv; policy.checkpoint={conv}",
        "noise": "rollout.chunk_correlation=0,0.5",
        "clip higher": "algorithm.clip_high=0.2",
        "self-imitation": "algorithm.self_imitation={coef: 0.3, memory: 4}",
        "momentum": "actor.betas=[0.97, 0.999]",
        "gae lambda": "algorithm.lam=0.95,0.5",
        "epochs": "algorithm.epochs=2",
        "temperature": "rollout.temperature=1; rollout.temperature_final=null",
        "batch": "actor.global_batch_size=128",
    },
    "grpo": {
        "starts": "rollout.starts=curriculum,branching,prioritized",
        "group size": "algorithm.group_size=4,16",
        "group advantage": "algorithm.group_advantage=dr_grpo,rloo",
        "ratio": "algorithm.ratio=geometric_mean; algorithm.logprob_type=chunk_level",
        "clip higher": "algorithm.clip_high=0.2",
        "self-imitation": "algorithm.self_imitation={coef: 0.3, memory: 4}",
        "step size": "actor.lr_schedule=adaptive; actor.update_kl=0.02; actor.undo_above=5; "
        "actor.lr_warmup_iterations=0; actor.lr_final_fraction=null",
        "stem": "policy.kwargs.stem=conv; policy.checkpoint={conv}",
    },
}
ONE_THREAD = ("trainer.threads=1", "policy.threads=1")
STEMS = {"patch": (), "conv": ("policy.kwargs.stem=conv",)}
CHECKPOINT = "{out}/{stem}/${{trainer.seed}}/sft/checkpoints/step_000002"


def imitate(args: argparse.Namespace, stem: str, seed: int) -> None:
    """Record the demonstration of a seed, imitate it and count successes on a few published states."""
    overrides = ("trainer.iterations=2", *ONE_THREAD, *STEMS[stem])
    command = [sys.executable, str(Path(__file__).with_name("learning.py")), args.suite, "--task", str(args.task)]
    command += ["--alone", "--algorithm", "none", "--seed", str(seed), "--states", "10", "--sft", *overrides]
    subprocess.run([*command, "--out", str(args.out / stem / str(seed))], check=True)


def limit(args: argparse.Namespace) -> int:
    """Return the training episodes' limit: the largest of the seeds, so that all runs have one."""
    name = f"{args.suite}-{args.task}"
    files = [
        args.out / "patch" / "datasets" / DATASET.format(tasks=name, seed=seed) / "data" / "main_data.hdf5"
        for seed in range(args.seeds)
    ]
    return max(training_limits(file, SUITES[args.suite])[args.task] for file in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--task", type=int, required=True)
    parser.add_argument("--algorithm", choices=FACTORS, default="ppo_critic")
    parser.add_argument(
        "--factors", nargs="*", metavar="FACTOR", help=f"of ppo_critic: {', '.join(FACTORS['ppo_critic'])}"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--iterations", type=int, help="of reinforcement learning; the recipe's")
    parser.add_argument("--states", type=int, default=50, help="held-out states of each evaluation")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--dry-run", action="store_true", help="list the runs, after the imitation that they begin with"
    )
    args = parser.parse_args()
    args.out = args.out.resolve()
    chosen = args.factors or list(FACTORS[args.algorithm])
    if unknown := set(chosen) - set(FACTORS[args.algorithm]):
        parser.error(f"--factors {', '.join(sorted(unknown))}; allowed: {', '.join(FACTORS[args.algorithm])}")
    for stem in STEMS if "stem" in chosen else ("patch",):
        for seed in range(args.seeds):
            imitate(args, stem, seed)
    checkpoints = {stem: CHECKPOINT.format(out=args.out, stem=stem) for stem in STEMS}
    command = [
        str(Path(sys.executable).with_name("vla-ablate")),
        f"tiny_spatial_{args.algorithm}_from_sft",
        f"env.id=libero_gym:libero/{args.suite.capitalize()}-v0",
        f"env.task={args.task}",
        f"env.max_episode_steps={limit(args)}",
        f"eval.max_episode_steps={SUITES[args.suite]}",
        "eval.split=train",
        f"eval.episodes={args.states}",
        f"policy.checkpoint={checkpoints['patch']}",
        *ONE_THREAD,
        "env.workers=1",
        *([] if args.iterations is None else [f"trainer.iterations={args.iterations}"]),
        *(f"--over={FACTORS[args.algorithm][name].replace('{conv}', checkpoints['conv'])}" for name in chosen),
        *("--seeds", str(args.seeds), "--jobs", str(os.cpu_count() or 1), "--out", str(args.out / args.algorithm)),
        *(["--dry-run"] if args.dry_run else []),
    ]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
