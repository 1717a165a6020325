"""The processes of the `ray` backend, and what passes between them.

    EnvWorker     its environments, and the collector over them          one an env process
    PolicyWorker  acts (rollout), learns (actor), or does both           one a rollout or actor process; where the two
                                                                         have the same GPUs they share one
    EpisodeQueue  which episode comes next                               one

    env worker --observations, seeds--> policy worker --actions, log-probabilities--> env worker
                                            | pictures stay there, in Ray's object store
    driver <--what happened, row numbers-- env worker
    driver --advantages, row numbers--> policy workers that learn <--pictures-- object store

Nothing that is large goes through the driver.
"""
