"""Run a policy on listed initial states, summarize, compare and report."""
