"""LiteRT and TFLM as interpreters of a .tflite on this computer."""
