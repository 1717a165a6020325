"""Measured sizes of what the built-in set covers: the one place where numbers of the real objects stand.

Units and frames are those of `shapes`. The numbers are facts measured on LIBERO's compiled scenes (hf-libero 0.1.4:
collision geometry, joints, sites and masses); the shapes between them are ours.
"""
