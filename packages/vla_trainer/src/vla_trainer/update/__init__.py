"""Move the weights: the optimizer (optimizer.py) and the epochs over a batch (policy_gradient.py)."""
