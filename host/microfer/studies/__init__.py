"""What was measured once and stands in the documentation, and the code that measures it again."""
