"""Accuracy on pictures made worse, and through the camera's chain."""
