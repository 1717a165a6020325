"""Tasks of one's own: `TaskSpec`, from a BDDL file or written in Python, and the scenes that it gives.

mine.bddl --tasks.bddl--> TaskSpec --checks--> OwnTask --scene.compile--> scene, states
TaskSpec(...) in Python ----^                     ^
mug.xml, mug.obj --scene.own_object---------------+
"""

from libero_gym.own_task.spec import TaskSpec

__all__ = ["TaskSpec"]
