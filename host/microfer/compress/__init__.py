"""From a trained network to a small one: magnitude pruning and full-integer quantization."""
