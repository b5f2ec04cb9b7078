"""The settings: one table, parsers of their texts, and checks."""
