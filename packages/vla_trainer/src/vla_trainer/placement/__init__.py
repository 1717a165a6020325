"""Which component has which GPUs: a grammar read into plain data; no GPU and no cluster is needed."""

from vla_trainer.placement.grammar import parse
from vla_trainer.placement.plan import ComponentPlacement, Placement, Process

__all__ = ["ComponentPlacement", "Placement", "Process", "parse"]
