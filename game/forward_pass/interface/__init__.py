"""What needs a screen, or makes a picture: the prompt, full screens, colour, charts, documents."""
