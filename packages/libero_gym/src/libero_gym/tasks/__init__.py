"""LIBERO's suites of tasks, their initial states and their goals."""

from libero_gym.tasks.suites import RUNNABLE, SUITES, UNION, Suite, Task, load_suite, resolve_suite

__all__ = ["RUNNABLE", "SUITES", "UNION", "Suite", "Task", "load_suite", "resolve_suite"]
