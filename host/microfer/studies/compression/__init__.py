"""Size against accuracy: one network, compressed in many ways."""
