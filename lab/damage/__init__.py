"""What may have happened to a restored database, done to real ones, and whether the checks find it."""
