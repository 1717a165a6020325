"""Train a recipe with single keys changed, over seeds, and say what each change is worth.

    RECIPE, --over --plan--> points x seeds --runs--> which are done, begun, new
    new, begun --processes--> `vla-train`, some beside each other --records--> curve, evaluation, budget of each run
    records --result--> ablation.json --table, plot--> ablation.md, ablation.png

A run is an ordinary run of `vla-train` in a folder of its own, so that a kill loses what a kill of `vla-train` loses.
"""
