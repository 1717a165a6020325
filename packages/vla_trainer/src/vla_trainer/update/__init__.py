"""Move the weights: the optimizer (optimizer.py) and the epochs over a batch (policy_gradient.py), on one rank or on
several (ranks.py, micro_batches.py, sharding.py)."""
