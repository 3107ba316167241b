"""Networks and recipes side by side: trained alike, scored on the same images, in one table."""
