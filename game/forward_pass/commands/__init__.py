"""The commands, but for playing: of authors, about the model, about runs that are kept."""
