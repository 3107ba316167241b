"""The board's arithmetic in NumPy: what tests and certificates compare the firmware with."""
