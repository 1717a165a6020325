"""Post-train vision-language-action policies with reinforcement learning, on any Gymnasium environment.

    rollout  ->  advantage  ->  loss  ->  update          (`train_loop.py` shows the whole loop on one page)

Environments come from `gymnasium.make_vec(id)`, policies from a `"module:attribute"` string; this package imports
neither. `from vla_trainer import advantage, loss, placement` gives the mathematics alone; importing `vla_trainer`
imports no torch.
"""
