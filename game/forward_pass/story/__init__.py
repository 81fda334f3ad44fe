"""What a story is and how it is played: state, rules, text. Pure: no file, clock, chance or screen."""
