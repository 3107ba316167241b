"""How far a confidence can be trusted: temperature, coverage, the threshold below which the board is uncertain."""
