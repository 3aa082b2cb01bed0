"""The table of properties that cannot be changed in place, against the schemas that AWS publishes."""

from typing import Any, cast

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from recovery.guards.create_only import MAY_REPLACE, REPLACES
from recovery.guards.rules.stateful import STATEFUL
from tests.infrastructure.assemblies import PRIMARY, RECOVERY


def names(schema: dict[str, Any], key: str) -> set[str]:
    return {pointer.removeprefix("/properties/").partition("/")[0] for pointer in schema.get(key) or ()}


@pytest.mark.parametrize("region", [PRIMARY, RECOVERY])
@pytest.mark.parametrize("kind", STATEFUL)
def test_the_table_says_what_the_published_schema_says(kind: str, region: str) -> None:
    schema = cast(dict[str, Any], PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema)  # pyright: ignore[reportUnknownMemberType]
    always, sometimes = names(schema, "createOnlyProperties"), names(schema, "conditionalCreateOnlyProperties")
    assert set(REPLACES.get(kind, ())) == always
    assert set(MAY_REPLACE.get(kind, ())) == sometimes - always


def test_the_table_has_no_type_that_holds_no_data() -> None:
    assert {*REPLACES, *MAY_REPLACE} <= set(STATEFUL)
