"""Is this installation able to run, and does it compute and draw what it should? One module a subject.

    packages -> storage -> opengl -> asset_set -> simulation
                                                    |  a child process: compile, settle, draw
                                                    v
                                                 reference.json

A check whose ground another one has found to be missing is skipped, so that the first failure is the one to mend.
"""

from libero_gym.doctor.examination import examine
from libero_gym.doctor.finding import Finding

__all__ = ["Finding", "examine"]
