"""Demonstrations of the tasks as Minari datasets.

plan          which task, initial state and seed each attempt has: of the command line alone
  |
perform       an attempt: the expert acts without pictures; if it succeeds, its actions are executed again with them
  |           in worker processes (job_pool), which write one whole file an episode (episode_file)
record        takes the files over in the plan's order, so that workers do not show in the result
  |
dataset       NAME/data/main_data.hdf5 -> episodes/*.hdf5, metadata.json        statistics -> dataset_statistics.json
  |
replay        executes a dataset again                  libero_files            LIBERO's own HDF5 layout
"""
