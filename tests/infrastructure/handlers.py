"""The functions, by the folders of their handlers."""

from tests.infrastructure.assemblies import ROOT

HANDLERS = tuple(sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")))
