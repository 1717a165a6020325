"""Drive a task by hand; replay a recorded episode in a window or as a video."""
