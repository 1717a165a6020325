"""Evaluate a policy over values of the environment's arguments.

point --run--> blocks of episodes --parts--> Evaluation of the point, kept over a kill
Evaluations --result--> SweepResult (sweep.json) --report, plot--> table, sweep.png
two SweepResults --comparison--> SweepComparison (sweep_comparison.json)
"""
