"""Model cards and the pages that show what was measured."""
