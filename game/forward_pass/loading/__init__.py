"""Worlds as files: found, read with every problem placed, checked by reading, described to editors, begun anew."""
