"""What is wrong with a page, told in one line."""


class PageError(ValueError):
    """A page that cannot be built: where, what was expected, and what was found."""
