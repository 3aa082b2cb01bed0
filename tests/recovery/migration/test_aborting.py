"""An abort leaves the source as it was, and one end that serves."""

from collections.abc import Callable

import pytest

from recovery.migration.aborting import abort, abort_without_target
from recovery.migration.ends import Ends, open_source
from recovery.migration.starting import start
from recovery.migration.verifying import verify
from recovery.refusal import RefusedError
from tests.recovery.migration.conftest import Databases
from tests.recovery.migration.moves import LEFT, cut, moved, schema_of, started, swapped


@pytest.mark.parametrize("step", [start, verify])
def test_abort_leaves_the_source_as_it_was(app: Databases, step: Callable[[Ends], object]) -> None:
    before = schema_of(app.source), app.on_source(LEFT)
    started(app)
    moved(app, step)
    assert app.on_source(LEFT) != before[1]
    moved(app, abort)
    assert (schema_of(app.source), app.on_source(LEFT)) == before
    on_target = [each for each in app.on_target(LEFT) if each != ("schema continuity",)]
    assert on_target == [("default_transaction_read_only=on",)]
    with pytest.raises(RefusedError, match="nothing to abort"):
        moved(app, abort)


def test_abort_needs_no_target(app: Databases) -> None:
    before = schema_of(app.source), app.on_source(LEFT)
    started(app)
    with open_source(app.source) as source:
        found = abort_without_target(source)
    assert found.left is not None
    assert (schema_of(app.source), app.on_source(LEFT)) == before


def test_abort_after_a_cutover_ends_the_way_back_and_keeps_the_old_one_closed(app: Databases) -> None:
    started(app)
    assert moved(app, verify).same
    cut(app)
    with pytest.raises(RefusedError, match="swap --source and --target"):
        moved(app, abort)
    moved(swapped(app), abort)
    assert app.on_source(LEFT) == [("default_transaction_read_only=on",)]
    assert app.on_target(LEFT) == []
    app.on_target("INSERT INTO notes (body) VALUES ('served')")
