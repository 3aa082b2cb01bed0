"""The one type of what templates hold."""

from typing import Any

# Whatever JSON and YAML can say, and Unresolved: its shape is the template's.
Value = Any
