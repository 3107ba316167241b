"""Accuracy of predictions, and the plots of it."""
