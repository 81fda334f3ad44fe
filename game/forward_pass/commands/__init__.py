"""The commands other than those in ``cli``: for authors, about the model, about stored runs."""
