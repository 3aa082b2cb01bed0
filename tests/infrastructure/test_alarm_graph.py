"""Who speaks: of every cause one alarm, to the right topic, with words, and quiet while another does."""

import re
from collections.abc import Sequence

from recovery.alarms import ALARMS, Cause, alarms_in, groups_in
from recovery.alarms.describing import DESCRIPTION_CHARACTERS
from recovery.alarms.reading import COMPOSITE, QUIET
from recovery.alarms.table import is_composite, quiet_because_of
from tests.infrastructure.alarm_graph import COMPOSED, METRIC, Region
from tests.infrastructure.assemblies import ENVIRONMENTS


def test_of_every_cause_exactly_one_alarm_speaks(region: Region) -> None:
    groups = groups_in(region.role, serving=region.serving)
    metric, composed = region.alarms(METRIC), region.alarms(COMPOSED)
    for cause, rows in groups.items():
        speaking = [row.subject for row in rows if metric[row.subject].get("AlarmActions")]
        name = f"{COMPOSITE}{cause.name}"
        if is_composite(cause, groups):
            assert speaking == []
            assert region.members(composed[name]) == {row.subject for row in rows}
        else:
            assert speaking == [rows[0].subject]
    speakers = {f"{COMPOSITE}{cause.name}" for cause in groups if is_composite(cause, groups)}
    assert {name for name in composed if not name.startswith(QUIET)} == speakers


def test_who_speaks_tells_the_beginning_and_the_end_with_actions_enabled(region: Region) -> None:
    for subject, found in (region.alarms(METRIC) | region.alarms(COMPOSED)).items():
        assert found["ActionsEnabled"] is True, subject
        assert found.get("AlarmActions") == found.get("OKActions"), subject
        assert "InsufficientDataActions" not in found, subject


def speaker_names(region: Region, causes: Sequence[Cause]) -> set[str]:
    groups = groups_in(region.role, serving=region.serving)
    return {f"{COMPOSITE}{cause.name}" if is_composite(cause, groups) else groups[cause][0].subject for cause in causes}


def test_what_follows_from_other_causes_waits_for_their_alarms(region: Region) -> None:
    groups = groups_in(region.role, serving=region.serving)
    composed = region.alarms(COMPOSED)
    for cause in groups:
        because = quiet_because_of(cause, groups)
        if because:
            suppressor = region.suppressor(composed[f"{COMPOSITE}{cause.name}"]) or ""
            named = {suppressor} if len(because) == 1 else region.members(composed[suppressor])
            assert named == speaker_names(region, because), cause.name


def test_what_only_keeps_another_quiet_tells_nobody(region: Region) -> None:
    composed = region.alarms(COMPOSED)
    quiet = {name for name in composed if name.startswith(QUIET)}
    assert quiet == {region.suppressor(each) for each in composed.values()} & quiet
    assert all("AlarmActions" not in composed[name] and "OKActions" not in composed[name] for name in quiet)


def test_alarms_about_the_notifier_go_around_it_and_all_others_to_it(region: Region) -> None:
    topics = region.topics()
    groups = groups_in(region.role, serving=region.serving)
    for cause, rows in groups.items():
        found = region.speaker(cause.name, rows[0].subject)
        assert found["AlarmActions"] == [{"Ref": topics["messages" if cause.bypasses else "alarms"]}], cause.name


def test_every_alarm_says_by_itself_what_to_do(region: Region) -> None:
    for subject, found in (region.alarms(METRIC) | region.alarms(COMPOSED)).items():
        if subject.startswith(QUIET):
            continue
        text = found["AlarmDescription"]
        assert len(text) <= DESCRIPTION_CHARACTERS, subject
        assert "At stake: Tier " in text, subject
        assert re.search(r"(Next|: )\W*(dr|aws) ", text), subject
        assert "https://" in text, subject


def test_every_alarm_says_what_silence_means(region: Region) -> None:
    rows = {row.subject: row for row in ALARMS}
    for subject, found in region.alarms(METRIC).items():
        assert found["TreatMissingData"] == rows[subject].missing.mode
        assert found["AlarmDescription"].endswith(f"Without data: {rows[subject].missing.reason}.")


def test_both_regions_have_a_whole_chain_of_their_own() -> None:
    assert set(ENVIRONMENTS) >= {"dev", "staging", "prod"}
    both = {row.subject for row in alarms_in("primary", serving=True)} & {
        row.subject for row in alarms_in("recovery", serving=False)
    }
    assert both >= {"canary", "canary-missing", "notifier-failing", "vault-unlocked", "recovery-point-late"}
