"""``python -m documentation``: build the site into build/site."""

import sys

from documentation.errors import PageError
from documentation.pages import ROOT
from documentation.site import build


def main() -> int:
    """Exit status: 0 built, 2 a page is wrong."""
    site = ROOT / "build" / "site"
    try:
        build(ROOT / "build" / "site-pages", site)
    except PageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{site}: open it with `python -m http.server --bind 127.0.0.1 --directory {site}`\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
