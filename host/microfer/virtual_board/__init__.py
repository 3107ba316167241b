"""The firmware's core on this computer, behind a port that viewers open."""
