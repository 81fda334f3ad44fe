"""The transformer behind the story: its weights, the pass, interventions on it, and the measurement of their effects."""
