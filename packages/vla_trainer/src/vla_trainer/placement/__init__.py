"""Which component has which GPUs: a grammar read into plain data; no GPU and no cluster is needed.

cluster.component_placement --parse--> Placement --check--> fits the run's amounts --draw--> what --plan shows
"""

from vla_trainer.placement.check import check, check_environments, place
from vla_trainer.placement.draw import draw
from vla_trainer.placement.parse import parse
from vla_trainer.placement.placement import ComponentPlacement, Device, Placement, Process

__all__ = [
    "ComponentPlacement",
    "Device",
    "Placement",
    "Process",
    "check",
    "check_environments",
    "draw",
    "parse",
    "place",
]
