"""What the pages take from the table of alarms reads right."""

import pytest

from documentation.alarms import SIGNALS, Row, commands, facts, headline, index, proof, signal_of, table
from recovery.alarms.values import values_of
from recovery.names import PRIMARY_REGION, RECOVERY_REGION, Names


def row(subject: str) -> Row:
    found = signal_of(subject)
    assert found is not None
    return found


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.subject)
def test_nothing_is_left_to_fill(signal: Row) -> None:
    assert "{" not in "".join((facts(signal), commands(signal), proof(signal), headline(signal))).replace("`{", "")


def test_facts_name_limit_tier_and_what_silence_means() -> None:
    text = facts(row("replica-late"))
    assert "| at stake | Tier 3 (full): RTO 4 h, RPO 1 h |" in text
    assert "`ReplicaHeartbeatAgeSeconds` (Maximum of 1 min) is above 30 min, 2 times in a row" in text
    assert "| without data | it stays as it is: primary-silent speaks when nobody measures |" in text


def test_an_event_names_its_source_instead() -> None:
    assert "| event | `aws.rds`, RDS DB Instance Event: RDS-EVENT-0013 |" in facts(row("rds-failover-began"))


def test_a_page_a_ticket_and_an_end_look_different() -> None:
    kinds = [facts(row(subject)).splitlines()[0] for subject in ("vault-unlocked", "canary", "rds-failover-complete")]
    assert kinds == ['!!! danger "PAGE"', '!!! info "TICKET"', '!!! success "OVER"']


def test_alarms_that_are_one_incident_link_to_each_other() -> None:
    assert "(heartbeat-stopped.md)" in facts(row("primary-silent"))
    assert "(primary-silent.md)" in facts(row("heartbeat-stopped"))
    assert "(replica-late.md)" not in facts(row("heartbeat-stopped"))


def test_an_alarm_says_what_keeps_it_quiet() -> None:
    assert "| quiet while one speaks of | [primary-silent](primary-silent.md) |" in facts(row("replica-late"))


def test_commands_of_both_regions_stand_in_tabs() -> None:
    text = commands(row("vault-unlocked"))
    names = Names(environment="prod", account="ACCOUNT")
    for region, city in ((PRIMARY_REGION, "Mumbai"), (RECOVERY_REGION, "Singapore")):
        tab = text.partition(f'=== "{city}"')[2].partition("===")[0]
        assert f"--region {region} --backup-vault-name {values_of(names, region)['vault']}" in tab


def test_commands_that_are_the_same_in_both_regions_stand_once() -> None:
    assert "===" not in commands(row("canary"))


def test_table_and_index_have_every_row_once() -> None:
    for text in (table(), index()):
        assert [text.count(f"[{signal.subject}](") for signal in SIGNALS] == [1] * len(SIGNALS)
