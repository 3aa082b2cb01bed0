"""``python -m documentation site`` builds the site; ``architecture ASSEMBLY`` draws the picture."""

import argparse
import sys
from pathlib import Path

from documentation.architecture.drawing import draw
from documentation.architecture.templates import Templates
from documentation.errors import PageError
from documentation.pages import DOCS, ROOT
from documentation.site import build
from recovery.names import Names

ENVIRONMENT = "prod"


def main() -> int:
    """Exit status: 0 done, 2 a page or the assembly is wrong."""
    parser = argparse.ArgumentParser(prog="python -m documentation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("site", help="build the site into build/site")
    architecture = commands.add_parser("architecture", help="draw docs/architecture.svg")
    architecture.add_argument("assembly", type=Path, help="the output folder of cdk synth")
    arguments = parser.parse_args()
    try:
        made = _site() if arguments.command == "site" else _architecture(arguments.assembly)
    except (PageError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{made}\n")
    return 0


def _site() -> str:
    site = ROOT / "build" / "site"
    build(ROOT / "build" / "site-pages", site)
    return f"{site}; to read it: python -m http.server --bind 127.0.0.1 --directory {site}"


def _architecture(assembly: Path) -> str:
    folder = assembly / f"assembly-{ENVIRONMENT}"
    names = Names(environment=ENVIRONMENT, account=Templates.account_of(folder))
    picture = DOCS / "architecture.svg"
    picture.write_text(draw(Templates.of_assembly(folder), names))
    return str(picture)


if __name__ == "__main__":
    sys.exit(main())
