"""Runs as files: written turn by turn, read back, replayed, labelled, listed, and merged into one tree."""
