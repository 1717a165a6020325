"""Cards of published results, for `vla-eval --explain RESULT NAME`: rates, and the facts of their evaluations.

A card states what its sources say, which it names. Initial states, tasks and asset set are LIBERO's own, which the
published loops read, as `libero_gym.facts` describes them.
"""

from pathlib import Path

NAMES = ("lerobot", "openvla-oft", "rlinf")

#: Name to path.
REFERENCES = {name: str(Path(__file__).parent / f"{name}.json") for name in NAMES}
