"""A session: one run being played. Commands in, events out, and their plain text. Knows no screen, colour or cursor."""
