"""Runs as files: written turn by turn, read, walked again, labelled, and all of them as one tree."""
