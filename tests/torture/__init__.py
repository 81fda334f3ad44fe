"""Exhaustive fault injection. Not part of the tests: ``make torture`` runs it."""
