"""Fixed names, and the ARNs built from them, of everything another region or a person has to find.

No stack exports anything across regions: what the other region needs has a name that both can compute, so that a dead
region never blocks a deploy of the living one; the ``dr`` command goes by the same names. Everything else is named by
CloudFormation.
"""

from dataclasses import dataclass

# Every environment's, for templates and commands alike: docs/decisions/0033-the-same-two-regions-everywhere.md. Spec 20
# names Singapore, the product context Mumbai.
PRIMARY_REGION = "ap-south-1"
RECOVERY_REGION = "ap-southeast-1"
CLUSTER = "DuskSpendr-cluster"
SERVICE = "DuskSpendr-api"
# The label of the application's container that declares the newest schema of the database its image can work with.
SCHEMA_VERSION_LABEL = "app.duskspendr.schema-version"
METRIC_NAMESPACE = "DuskSpendr/Continuity"
DATABASE_NAME = "duskspendr"
DATABASE_PORT = 5432
# The description of the rule that lets clients into the database: a failover removes it and writes it anew.
CLIENTS_RULE = "PostgreSQL from clients"
# The rule that copies device backups to the recovery region; S3 reports its metrics by this name.
DEVICE_REPLICATION_RULE = "ToRecoveryRegion"
MASTER_USER = "duskspendr_admin"
CA_CERTIFICATE = "rds-ca-rsa2048-g1"
LOG_EXPORTS = ("postgresql", "upgrade")
# What the failover machine says of a failback that has let its old primary go on: it cannot be resumed.
RELEASED = "CaughtUpTooLate"
# In the order of their deployment.
_PRIMARY_STACKS = ("Network", "Database", "Backup", "Application", "DeviceBackups", "Observability")
_RECOVERY_STACKS = ("RecoveryFoundation", "RecoveryStandby")


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names of one environment in one account."""

    environment: str
    account: str
    primary_region: str = PRIMARY_REGION
    recovery_region: str = RECOVERY_REGION

    @property
    def prefix(self) -> str:
        """What every name starts with."""
        return f"duskspendr-{self.environment}"

    @property
    def instance_identifier(self) -> str:
        """The primary database instance."""
        return self.prefix

    @property
    def instance_arn(self) -> str:
        """The primary database instance, as the recovery region's replica names its source."""
        return self.instance_arn_in(self.primary_region)

    @property
    def replica_identifier(self) -> str:
        """The cross-region replica; it keeps this name when it is promoted."""
        return f"{self.prefix}-replica"

    @property
    def master_secret_name(self) -> str:
        """The database's master credentials; the replica of the secret has the same name."""
        return f"{self.prefix}/database/master"

    @property
    def schema_version_parameter(self) -> str:
        """The SSM parameter of each region in which whoever migrates the database records its schema version."""
        return f"/{self.prefix}/database/schema-version"

    @property
    def primary_vault_name(self) -> str:
        """The vault that snapshots are taken into."""
        return f"{self.prefix}-primary"

    @property
    def recovery_vault_name(self) -> str:
        """The vault that snapshots are copied to."""
        return f"{self.prefix}-recovery"

    @property
    def recovery_vault_arn(self) -> str:
        """The recovery vault, as the primary's backup plan names it."""
        return f"arn:aws:backup:{self.recovery_region}:{self.account}:backup-vault:{self.recovery_vault_name}"

    @property
    def evidence_bucket_name(self) -> str:
        """The locked bucket of manifests and evidence, in the recovery region."""
        return f"{self.prefix}-evidence-{self.account}"

    @property
    def device_bucket_name(self) -> str:
        """Device backups in the primary region."""
        return f"{self.prefix}-device-backups-{self.account}"

    @property
    def device_replica_bucket_name(self) -> str:
        """Device backups in the recovery region."""
        return f"{self.prefix}-device-backups-replica-{self.account}"

    @property
    def sign_in_domain(self) -> str:
        """The user pool's name and the prefix of its domain, which nobody else in the region may have."""
        return f"{self.prefix}-{self.account}"

    @property
    def alarm_topic_name(self) -> str:
        """The topic of a region that alarms and events are published to; the notifier reads them there."""
        return f"{self.prefix}-alarms"

    @property
    def message_topic_name(self) -> str:
        """The topic of a region that on-call subscribes to by e-mail: messages for people."""
        return f"{self.prefix}-messages"

    @property
    def chat_topic_name(self) -> str:
        """The topic of a region that Amazon Q Developer subscribes to: the same messages in its schema."""
        return f"{self.prefix}-chat"

    @property
    def routing_key_name(self) -> str:
        """The secret of a region that holds PagerDuty's routing key; whoever deploys fills it."""
        return f"{self.prefix}/pagerduty/routing-key"

    @property
    def state_machine_name(self) -> str:
        """The verification state machine of a region; operators start it by name."""
        return f"{self.prefix}-restore-verification"

    @property
    def restored_name(self) -> str:
        """The subnet, security and parameter group of a region that AWS Backup and operators restore into."""
        return f"{self.prefix}-restored"

    def stacks_in(self, region: str) -> tuple[str, ...]:
        """The names of the environment's stacks in one of its two regions."""
        found = _RECOVERY_STACKS if region == self.recovery_region else _PRIMARY_STACKS
        return tuple(f"{self.environment}-{stack}" for stack in found)

    @property
    def all_stacks(self) -> tuple[str, ...]:
        """The names of the environment's stacks."""
        return self.stacks_in(self.primary_region) + self.stacks_in(self.recovery_region)

    @property
    def failover_machine_name(self) -> str:
        """The state machine of failover and failback, in the recovery region."""
        return f"{self.prefix}-failover"

    @property
    def failover_machine_arn(self) -> str:
        """The same, as a person's command starts it."""
        return f"arn:aws:states:{self.recovery_region}:{self.account}:stateMachine:{self.failover_machine_name}"

    @property
    def failover_function_name(self) -> str:
        """The function that does the machine's steps; asked directly, it looks and changes nothing."""
        return f"{self.prefix}-failover-step"

    @property
    def guard_name(self) -> str:
        """The function of a region that looks after its database, service and pulse."""
        return f"{self.prefix}-guard"

    @property
    def promoted_check_name(self) -> str:
        """The function of a region that checks the instance of the region itself."""
        return f"{self.prefix}-check-instance"

    @property
    def heartbeat_rule_name(self) -> str:
        """The schedule of a region's heartbeat."""
        return f"{self.prefix}-heartbeat"

    @property
    def manifest_rule_name(self) -> str:
        """The schedule of a region's manifest."""
        return f"{self.prefix}-manifest"

    def identifier_in(self, region: str) -> str:
        """The instance of a region, whichever of the two is the primary now."""
        return self.instance_identifier if region == self.primary_region else self.replica_identifier

    def instance_arn_in(self, region: str) -> str:
        """The same as an ARN."""
        return f"arn:aws:rds:{region}:{self.account}:db:{self.identifier_in(region)}"

    def other_region(self, region: str) -> str:
        """The region that is not ``region``."""
        return self.recovery_region if region == self.primary_region else self.primary_region

    def recovery_key_alias(self, purpose: str) -> str:
        """The alias of the recovery region's key for ``purpose``: database, evidence or device-backups."""
        return f"alias/{self.prefix}-recovery-{purpose}"

    def state_machine_arn(self, region: str) -> str:
        """The verification of ``region``."""
        return f"arn:aws:states:{region}:{self.account}:stateMachine:{self.state_machine_name}"

    def alarm_arn(self, region: str, subject: str) -> str:
        """An alarm, for stacks that do not make it."""
        return f"arn:aws:cloudwatch:{region}:{self.account}:alarm:{self.alarm_name(subject)}"

    def dashboard_name(self, region: str) -> str:
        """The dashboard of a region. Dashboards of an account are global, so their names differ."""
        return f"{self.prefix}-{region}"

    def alarm_name(self, subject: str) -> str:
        """The name under which a person or a service finds an alarm."""
        return f"{self.prefix}-{subject}"

    def framework_name(self, vault: str) -> str:
        """Of AWS Backup Audit Manager, which takes letters, digits and underscores and a letter first, at most 256."""
        return f"duskspendr_{self.environment}_{vault}_vault"

    def report_plan_name(self, vault: str, template: str) -> str:
        """The daily report of one template; the same characters."""
        return f"{self.framework_name(vault)}_{template.lower()}"

    def restore_testing_plan_name(self, vault: str) -> str:
        """AWS Backup takes only letters, digits and underscores here, at most 50."""
        return f"duskspendr_{self.environment}_{vault}_restore_test"
