"""The transformer under the story: its weights, what can be done to a pass, and what is measured of it."""
