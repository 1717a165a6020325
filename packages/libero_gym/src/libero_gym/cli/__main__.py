"""`python -m libero_gym.cli`, for interpreters without the console script, such as mjpython."""

from libero_gym.cli import main

main()
