"""`python -m libero_gym.cli`, for interpreters that have no console script of it, such as mjpython."""

from libero_gym.cli import main

main()
