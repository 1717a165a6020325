"""Drive a task by hand, watch an episode again, or film it."""
