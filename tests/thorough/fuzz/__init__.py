"""Hostile input, made by the thousand: parsers, protocols in memory, and a real process."""
