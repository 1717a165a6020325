"""Evaluate a policy: run it on listed initial states, count successes, compare two evaluations, print tables.

initial states --evaluate--> Evaluation (eval.json) --compare--> Comparison (comparison.json) --report--> tables
"""
