"""What networks and frames take on the chip."""
