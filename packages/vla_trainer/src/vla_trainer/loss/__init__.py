"""Losses: functions of named tensors that return a scalar tensor, with metrics where there are any."""

from vla_trainer.loss.kl import kl_loss
from vla_trainer.loss.policy import aggregation_weights, policy_loss
from vla_trainer.loss.value import value_loss

__all__ = ["aggregation_weights", "kl_loss", "policy_loss", "value_loss"]
