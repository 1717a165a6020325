"""From a task to a MuJoCo model with the tables that stepping, goals and cameras need, compiled once and cached.

`scene.source` says where scenes come from: compiled here, or a bundle of them.
"""

from libero_gym.scene.cache import compiled_scene
from libero_gym.scene.compiled import CompiledScene

__all__ = ["CompiledScene", "compiled_scene"]
