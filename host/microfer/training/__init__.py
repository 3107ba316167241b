"""From labelled crops to trained weights: augmentation, recipes, the loop, checkpoints."""
