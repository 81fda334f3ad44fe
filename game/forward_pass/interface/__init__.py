"""Front ends and documents: plain lines, JSON lines, the terminal, full screens, exports and the map."""
