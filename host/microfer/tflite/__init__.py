"""A .tflite read and checked, with Python's standard library alone."""
