"""The board's computations on the host: LiteRT and TFLM runners, and the proof that they agree."""
