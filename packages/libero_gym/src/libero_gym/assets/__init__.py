"""Where LIBERO's meshes, textures and object files come from."""

from libero_gym.assets.source import AssetSet, resolve_assets

__all__ = ["AssetSet", "resolve_assets"]
