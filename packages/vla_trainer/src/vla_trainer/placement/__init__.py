"""Which component has which GPUs: a grammar read into plain data; no GPU and no cluster is needed.

cluster.component_placement --parse--> Placement --check--> fits the run's amounts --draw--> what --plan shows
"""

from vla_trainer.placement.check import check, place
from vla_trainer.placement.drawing import draw
from vla_trainer.placement.grammar import parse
from vla_trainer.placement.plan import ComponentPlacement, Device, Placement, Process

__all__ = ["ComponentPlacement", "Device", "Placement", "Process", "check", "draw", "parse", "place"]
