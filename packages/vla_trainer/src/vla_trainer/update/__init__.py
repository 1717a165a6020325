"""Move the weights: one iteration's epochs over a batch (policy_gradient.py), which is cut into optimizer steps, ranks
and micro-batches (batches.py); the optimizer and what it refuses (optimizer.py); several processes that take one update
together (ranks.py), and weights that are spread over them (sharding.py)."""
