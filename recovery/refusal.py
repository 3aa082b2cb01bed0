"""What this project will not do, although it was asked to."""


class RefusedError(Exception):
    """Nothing was changed; the message says what was expected, what was found and what to do."""
