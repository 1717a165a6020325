"""What LIBERO asks for: suites of tasks, their initial states and their goals."""

from libero_gym.tasks.suites import SUITES, Suite, Task, load_suite, resolve_suite

__all__ = ["SUITES", "Suite", "Task", "load_suite", "resolve_suite"]
