"""The proof that one network gives the same answers in float, int8, TFLM and on the board."""
