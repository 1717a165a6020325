"""Demonstrations of the tasks as Minari datasets.

schedule      task, initial state and seed of each attempt, a function of the command line alone
  |
attempts      the expert acts without rendering; if it succeeds, its actions are executed again and rendered, in
  |           worker processes (worker_pool), which write one whole file an episode (episode_file)
record        adds the files in the order of the schedule, so that the result does not depend on the workers
  |
dataset       NAME/data/main_data.hdf5 -> episodes/*.hdf5, metadata.json        statistics -> dataset_statistics.json
  |
replay        executes a dataset again                  libero_export, libero_import   LIBERO's own HDF5 layout
"""
