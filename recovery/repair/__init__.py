"""Bring rows of a restored copy back into the live database, and be able to undo it."""
