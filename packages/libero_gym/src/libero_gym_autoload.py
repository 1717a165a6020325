"""Registers libero_gym's environments whenever Gymnasium is imported, so that `gymnasium.make` finds them by itself.

Gymnasium 0.x loaded the entry-point group `gymnasium.envs`; 1.0 dropped that, and left no other way for a package to
be found that nobody imports. So `libero_gym_autoload.pth` runs this module when Python starts. It imports nothing but
`sys` and waits: once `gymnasium` itself has been imported, its ids are registered, which imports nothing heavy either.
"""

import sys


class _AfterGymnasium:
    """A finder that lets the other finders find `gymnasium`, and registers our ids once its module has run."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        """Called for every import; only `gymnasium` is looked at, once."""
        if name != "gymnasium":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_register(module):  # type: ignore[no-untyped-def]
                run(module)
                import libero_gym  # noqa: F401  # registers; or is being imported, and will

            spec.loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec


if "gymnasium" not in sys.modules:
    sys.meta_path.insert(0, _AfterGymnasium())
