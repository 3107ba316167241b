"""From a .tflite to what the firmware compiles. Needs no TensorFlow."""
