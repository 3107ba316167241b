"""Networks side by side: trained under one recipe, scored on the same images, in one table."""
