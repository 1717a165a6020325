"""Losses: functions of named tensors that return `(loss, metrics)`."""

from vla_trainer.loss.policy import aggregation_weights, policy_loss
from vla_trainer.loss.value import value_loss

__all__ = ["aggregation_weights", "policy_loss", "value_loss"]
