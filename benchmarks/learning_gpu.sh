#!/bin/sh
# The ten tasks of libero_spatial, libero_object and libero_goal, each suite by one policy, on one GPU and 16 cores:
# one demonstration a task, then GRPO on success alone; the bar is 95% of the published states within 25 minutes a suite.
# Only libero_spatial's first minutes have been run: benchmarks/HISTORY.md.
#
#     libero-gym bundle --suite spatial --suite object --suite goal --assets builtin --out scenes   # where LIBERO is
#     LIBERO_GYM_ASSETS=scenes sh benchmarks/learning_gpu.sh [SUITE ...]                            # where the GPU is
#
# What is broken off goes on with the same command. ITERATIONS, ENVS and CORES may be set.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- spatial object goal
envs=${ENVS:-128} cores=${CORES:-$(nproc)}
for suite in "$@"; do
    # processes: sixteen threads would wait for each other in Python
    python benchmarks/learning.py "$suite" --iterations "${ITERATIONS:-100}" \
        --sft eval.num_envs="$envs" env.workers="$cores" env.worker_kind=process \
        --rl env.num_envs="$envs" eval.num_envs="$envs" env.workers="$cores" env.worker_kind=process \
        rollout.episodes=256 rollout.task_sampling=prioritized actor.lr=5e-4 \
        actor.global_batch_size=512 actor.micro_batch_size=512 \
        --json "runs/learning_gpu_$suite.json" --plot "runs/learning_gpu_$suite.png"
done
