#!/usr/bin/env bash
# One Slurm job for each value: trains a capture with several seeds and both strategies, then tabulates the results.
#
#   pip install hydra-submitit-launcher
#   scripts/slurm_sweep.sh CAPTURE [key=value ...]
#
# PARTITION, GPUS and MINUTES in the environment choose where the jobs run.
set -euo pipefail

capture=${1:?usage: scripts/slurm_sweep.sh CAPTURE [key=value ...]}
shift
out=${OUT:-runs/sweep-$(date +%Y%m%d-%H%M%S)}

splat train "$capture" "out='$out'" seed=1,2,3 strategy=default,mcmc "$@" --multirun \
    hydra/launcher=submitit_slurm \
    "hydra.launcher.partition=${PARTITION:-null}" \
    "hydra.launcher.gpus_per_node=${GPUS:-1}" \
    "hydra.launcher.timeout_min=${MINUTES:-120}"

python "$(dirname "$0")/metrics_table.py" "$out"
