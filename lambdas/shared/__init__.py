"""What the functions share: typed environments, AWS clients, sign-in to the database, metrics."""
