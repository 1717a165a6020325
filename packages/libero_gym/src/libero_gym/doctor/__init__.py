"""Check that this installation can run, and that it computes and renders what it should. One module a subject.

    packages -> storage -> opengl -> asset_set -> simulation
                                                    |  a child process: compile, settle, render
                                                    v
                                                 reference.json

A check that depends on a failed check is skipped, so that the first failure is the one to fix.
"""

from libero_gym.doctor.check_result import CheckResult
from libero_gym.doctor.examination import examine

__all__ = ["CheckResult", "examine"]
