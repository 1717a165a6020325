#!/bin/sh
# Whether a machine with a GPU can run all of this, and how fast, in some 8 minutes: one table, exit code 1 on any bound.
# No network: weights are random, and the built-in assets are made here, unless LIBERO_GYM_ASSETS names a bundle.
#
#     sh benchmarks/gpu_smoke.sh [--json FILE] [--only SECTION ...] [--device cpu --size tiny]
#
# It takes the Python of PYTHON, of the repository's environment, or of the path, in this order.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-}
[ -n "$python" ] || { [ ! -x .venv/bin/python ] || python=.venv/bin/python; }
export LIBERO_GYM_ASSETS="${LIBERO_GYM_ASSETS:-builtin}" HF_HUB_OFFLINE=1
exec "${python:-python}" benchmarks/gpu_smoke.py "$@"
