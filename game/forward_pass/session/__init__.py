"""A run in words, and the loop between it and whoever plays: no colour, no cursor."""
