"""Is everything well, and if not, what is the next step: this computer, the port, the board, the light."""
