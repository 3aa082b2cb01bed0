"""The questions about the product's rows that come with the package; a package, so that they travel with the checks."""

from pathlib import Path

PACKAGED_INVARIANTS = Path(__file__).parent
