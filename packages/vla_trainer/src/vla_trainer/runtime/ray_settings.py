"""The processes of the `ray` backend, and what passes between them.

    EnvWorker     its environments, and the collector over them          one an env process
    PolicyWorker  acts (rollout), learns (actor), or does both           one a rollout or actor process; where the two
                                                                         have the same GPUs they share one
    EpisodeQueueActor  which episode comes next                               one

    env worker --observations, seeds--> policy worker --actions, log-probabilities--> env worker
                                            | images stay there, in Ray's object store
    driver <--what happened, row numbers-- env worker
    driver --advantages, row numbers--> policy workers that learn <--images-- object store

Nothing that is large goes through the driver.
"""

import os

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # under `uv run`, workers would each install an environment of their own instead of using the one that is there
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # of several processes that fail together, the first is reported, by us
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Environment variables of Ray, here and in workers, where the user has not set them."""

# Ray reads them when it is imported
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
