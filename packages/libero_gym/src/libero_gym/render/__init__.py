"""Images of a world: cameras, OpenGL backends, qualities."""
