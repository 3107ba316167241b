"""From a .tflite to what the firmware compiles, with Python's standard library alone."""
