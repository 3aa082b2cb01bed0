"""What the settings refuse, and what they say about it."""

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from environments import DEV, LOCAL, PROD, STAGING, Environment, complete, select
from recovery import objectives
from recovery.windows import occurrences, overlap, starts
from settings import Database, DeviceBackups, Domain, Service, SettingsError, SignIn, Snapshots

ACCOUNTS = {"dev": "111111111111", "staging": "222222222222", "prod": "333333333333"}
ZONES = {"dev": "Z1", "staging": "Z2", "prod": "Z3"}


def chosen(name: str | None, **changes: object) -> list[str]:
    arguments = {
        "accounts": ACCOUNTS,
        "hosted_zones": ZONES,
        "images": {},
        "sign_ins": {},
        "default_account": None,
    } | changes
    return [environment.name for environment in select(name, **arguments)]  # type: ignore[arg-type]


def test_default_is_every_environment_meant_for_aws() -> None:
    assert chosen(None) == ["dev", "staging", "prod"]


def test_one_environment_is_chosen_by_name() -> None:
    assert chosen("staging") == ["staging"]


def test_unknown_environment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"expected one of dev, staging, prod, local, found 'qa'"):
        chosen("qa")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        PROD.name = "other"  # type: ignore[misc]


def test_retention_zero_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"backup_retention_days: expected 1 to 35 days, found 0"):
        replace(PROD.database, backup_retention_days=0)


def test_retention_beyond_what_rds_keeps_is_refused() -> None:
    with pytest.raises(SettingsError, match="found 36"):
        replace(PROD.database, backup_retention_days=36)


@pytest.mark.parametrize("days", [objectives.VAULT_LOCK_MIN_DAYS - 1, objectives.VAULT_LOCK_MAX_DAYS + 1])
def test_snapshot_retention_outside_the_vault_lock_is_refused(days: int) -> None:
    with pytest.raises(SettingsError, match=rf"7 to 365 days, found {days}"):
        Snapshots(retention_days=days)


def test_schema_version_that_is_no_migration_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"service\.schema_version: expected the number of a migration.* found 0"):
        replace(PROD.service, schema_version=0)


def test_recovery_region_equal_to_the_primary_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Environment, "recovery_region", "ap-south-1")
    with pytest.raises(SettingsError, match=r"another region than the primary \(ap-south-1\), found 'ap-south-1'"):
        replace(PROD)


def test_active_region_outside_the_two_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"active_region: expected ap-south-1 or ap-southeast-1, found 'eu-west-1'"):
        replace(PROD, active_region="eu-west-1")


def test_after_a_failover_the_recovery_region_serves() -> None:
    assert replace(PROD, active_region="ap-southeast-1").serves_from_recovery
    assert not PROD.serves_from_recovery


@pytest.mark.parametrize("window", ["sun:03:30-sun:04:30", "mon:02:00-mon:03:01", "sat:23:00-sun:03:10"])
def test_maintenance_window_over_the_backup_window_is_refused(window: str) -> None:
    with pytest.raises(SettingsError, match=r"clear of the backup window 03:00-04:00, found"):
        Database(instance_class="db.t4g.medium", maintenance_window=window)


def test_windows_that_touch_are_accepted() -> None:
    Database(instance_class="db.t4g.medium", maintenance_window="sun:04:00-sun:05:00")


@pytest.mark.parametrize(
    "schedule",
    ["cron(30 3 ? * TUE *)", "cron(30 1 ? * TUE *)", "cron(30 2 ? * SUN *)", "cron(0 1 ? * SAT *)"],
    ids=["in the backup window", "start window reaches the hour before", "hour before", "touches the hour before"],
)
def test_snapshot_in_or_within_an_hour_of_the_backup_window(schedule: str) -> None:
    snapshots = Snapshots(weekly_schedule=schedule)
    if schedule.startswith("cron(0 1 "):
        assert replace(PROD, snapshots=snapshots).snapshots is snapshots
        return
    with pytest.raises(
        SettingsError, match=r"clear of the database's backup_window 03:00-04:00 and of the hour before"
    ):
        replace(PROD, snapshots=snapshots)


def test_monthly_snapshot_may_not_meet_the_weekly_maintenance_window_on_any_day() -> None:
    snapshots = Snapshots(monthly_schedule="cron(30 4 1 * ? *)")
    with pytest.raises(SettingsError, match="maintenance_window"):
        replace(PROD, snapshots=snapshots)


def test_monthly_snapshot_at_the_weekly_hour_is_refused() -> None:
    with pytest.raises(SettingsError, match="When the 1st falls on the weekly day"):
        Snapshots(monthly_schedule="cron(30 18 1 * ? *)")


def test_start_window_below_aws_backups_least_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"expected at least 60 minutes, found '0:30:00'"):
        Snapshots(start_window=timedelta(minutes=30))


def test_completion_before_the_start_window_ends_is_refused() -> None:
    with pytest.raises(SettingsError, match="completion_window"):
        Snapshots(completion_window=timedelta(hours=1))


@pytest.mark.parametrize("text", ["3:00-4:00", "03:00", "noon-13:00", "xyz:03:00-sun:04:00", "25:00-26:00"])
def test_unreadable_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        occurrences(text)


@pytest.mark.parametrize("text", ["rate(1 day)", "cron(0 18 * * ? *)", "cron(0 18 1 * SAT *)"])
def test_unreadable_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="schedule: expected"):
        starts(text, timedelta(hours=1))


def test_windows_collide_over_the_end_of_the_week() -> None:
    assert overlap(occurrences("sat:23:30-sun:00:30"), starts("cron(0 0 ? * SUN *)", timedelta(hours=1)))


@pytest.mark.parametrize("account", ["12345", "12345678901a", ""])
def test_account_of_other_than_twelve_digits_is_refused(account: str) -> None:
    with pytest.raises(SettingsError, match="account of prod: expected 12 digits"):
        replace(PROD, account=account)


def test_prod_without_an_explicit_account_is_refused() -> None:
    with pytest.raises(SettingsError, match="account of prod: expected an account number that is named explicitly"):
        chosen("prod", accounts={}, default_account="444444444444")


def test_other_environments_take_the_credentials_account() -> None:
    (dev,) = select("dev", accounts={}, hosted_zones=ZONES, images={}, sign_ins={}, default_account="444444444444")
    assert dev.account == "444444444444"


def test_environment_without_any_account_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"account of local: .* deploy with credentials \(CDK_DEFAULT_ACCOUNT\)"):
        chosen("local")


def test_missing_hosted_zone_is_refused() -> None:
    with pytest.raises(SettingsError, match="zone_id: expected the id of a Route 53 hosted zone"):
        chosen("dev", hosted_zones={})


def test_domain_outside_its_zone_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"expected a name in the zone duskspendr\.app"):
        Domain(name="api.example.com", zone_id="Z1")


@pytest.mark.parametrize("image", ["latest", "sha256:abc", "", "a b"])
def test_image_that_is_no_digest_or_lasting_tag_is_refused(image: str) -> None:
    with pytest.raises(SettingsError, match="expected a sha256: digest or a release's tag"):
        Service(image=image)


def test_image_comes_from_the_context() -> None:
    digest = "sha256:" + "a" * 64
    completed = complete(
        STAGING, account="222222222222", zone_id="Z2", image=digest, sign_in=None, default_account=None
    )
    assert completed.service.image == digest


def test_tasks_out_of_bounds_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"min_tasks: expected 1 to 2 tasks, found 3"):
        Service(image="1.0.0", min_tasks=3, max_tasks=2)


def test_evidence_without_retention_is_refused() -> None:
    with pytest.raises(SettingsError, match="evidence_retention_days"):
        replace(PROD, evidence_retention_days=0)


def test_storage_without_room_to_grow_is_refused() -> None:
    with pytest.raises(SettingsError, match="less than max_allocated_gib"):
        Database(instance_class="db.t4g.medium", allocated_gib=500, max_allocated_gib=500)


def test_instance_class_without_prefix_is_refused() -> None:
    with pytest.raises(SettingsError, match="instance_class"):
        Database(instance_class="t4g.medium")


def test_only_the_laboratory_may_be_destroyed() -> None:
    assert [environment.destroyable for environment in (DEV, STAGING, PROD, LOCAL)] == [False, False, False, True]


def test_only_the_laboratory_goes_without_tls() -> None:
    assert [e.database.tls for e in (DEV, STAGING, PROD, LOCAL)] == ["verify-full"] * 3 + ["disable"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"pagerduty_url": "http://events.pagerduty.com/v2/enqueue"},
        {"runbooks_url": "https://runbooks.duskspendr.app/"},
        {"runbooks_url": "runbooks"},
    ],
)
def test_address_that_leads_nowhere_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="expected an address that begins with https:// and ends without a slash"):
        replace(PROD, **wrong)  # type: ignore[arg-type]


def test_environment_whose_alarms_nobody_gets_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"alarm_emails of prod: expected somebody who gets the alarms, found \(\)"):
        replace(PROD, alarm_emails=())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_backup_mib": 0}, "max_backup_mib: expected 1 to 5120 MiB, found 0"),
        ({"max_backup_mib": 5121}, "max_backup_mib: expected 1 to 5120 MiB, found 5121"),
        ({"uploads_per_day": 0}, "uploads_per_day: expected 1 to 1000 uploads, found 0"),
        ({"requests_per_second": 0}, "requests_per_second: expected 1 to 10000 requests"),
        ({"requests_per_second": 300}, "burst: expected 300 to 10000 requests, found 200"),
    ],
)
def test_limits_of_device_backups_out_of_bounds_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        DeviceBackups(**changes)


@pytest.mark.parametrize(
    "issuer",
    ["", "http://id.example.com", "https://", "id.example.com", "https://id.example.com?x=1", "https://u@example.com/"],
)
def test_issuer_that_is_no_https_address_is_refused(issuer: str) -> None:
    with pytest.raises(SettingsError, match=r"sign_in\.issuer: expected the https address"):
        SignIn(issuer=issuer, audience=("app",))


@pytest.mark.parametrize("audience", [(), ("",)])
def test_issuer_without_an_audience_is_refused(audience: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match=r"sign_in\.audience: expected at least one audience"):
        SignIn(issuer="https://id.example.com", audience=audience)


def test_issuer_in_the_primary_region_is_refused() -> None:
    issuer = "https://cognito-idp.ap-south-1.amazonaws.com/ap-south-1_x"
    with pytest.raises(SettingsError, match=r"an issuer outside the primary region \(ap-south-1\)"):
        replace(PROD, sign_in=SignIn(issuer=issuer, audience=("app",)))


def test_issuer_comes_from_the_context() -> None:
    value = {"issuer": "https://id.example.com/", "audience": ["app", "other"]}
    (dev,) = select(
        "dev", accounts=ACCOUNTS, hosted_zones=ZONES, images={}, sign_ins={"dev": value}, default_account=None
    )
    assert dev.sign_in == SignIn(issuer="https://id.example.com/", audience=("app", "other"))


@pytest.mark.parametrize(
    "value", ["https://id.example.com", {}, {"issuer": "https://id.example.com"}, {"issuer": 1, "audience": []}, []]
)
def test_issuer_of_another_form_is_refused_with_the_form(value: object) -> None:
    with pytest.raises(
        SettingsError, match=r'sign_in: expected \{"issuer": "https://...", "audience": \["..."\]\}, found'
    ):
        SignIn.parse(value)
