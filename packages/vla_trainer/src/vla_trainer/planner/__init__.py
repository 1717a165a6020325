"""Predict how long an iteration takes on other machines: stage times in, seconds and a layout out; no GPU needed.

StageTimes (JSON) + Amounts (recipe) --> predict one placement | suggest among many | describe as text

It is outside the trainer: nothing imports it but `vla-train --plan`.
"""

from vla_trainer.planner.amounts import Amounts, amounts_of
from vla_trainer.planner.costs import Line, Transfer, fit
from vla_trainer.planner.iteration import Prediction, predict
from vla_trainer.planner.rollout import RolloutPrediction, simulate
from vla_trainer.planner.suggest import Candidate, Layout, suggest
from vla_trainer.planner.table import describe_predictions, render
from vla_trainer.planner.times import StageTimes

__all__ = [
    "Amounts",
    "Candidate",
    "Layout",
    "Line",
    "Prediction",
    "RolloutPrediction",
    "StageTimes",
    "Transfer",
    "amounts_of",
    "describe_predictions",
    "fit",
    "predict",
    "render",
    "simulate",
    "suggest",
]
