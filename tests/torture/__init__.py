"""Everything that can go wrong under a play, tried out exhaustively. No test: ``make torture`` runs it."""
