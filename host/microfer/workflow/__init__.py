"""From a trained network to the model that a board runs: the steps between, in their order."""
