"""Which properties of what holds data cannot be changed in place: a change of them builds a new, empty resource.

From the resource types' public schemas (``createOnlyProperties`` and ``conditionalCreateOnlyProperties``,
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html); a test holds this table
against the copy of them that cfn-lint ships.
"""

from collections.abc import Mapping

# Changed, they replace the resource.
REPLACES: Mapping[str, frozenset[str]] = {
    "AWS::Backup::BackupVault": frozenset({"BackupVaultName", "EncryptionKeyArn"}),
    "AWS::DynamoDB::GlobalTable": frozenset({"TableName"}),
    "AWS::DynamoDB::Table": frozenset({"ImportSourceSpecification", "TableName"}),
    "AWS::ECR::Repository": frozenset({"EncryptionConfiguration", "RepositoryName"}),
    "AWS::EFS::FileSystem": frozenset({"AvailabilityZoneName", "Encrypted", "KmsKeyId", "PerformanceMode"}),
    "AWS::RDS::DBCluster": frozenset(
        {
            "ClusterScalabilityType",
            "DBClusterIdentifier",
            "DBSubnetGroupName",
            "DBSystemId",
            "DatabaseName",
            "EngineMode",
            "KmsKeyId",
            "PubliclyAccessible",
            "RestoreToTime",
            "RestoreType",
            "SnapshotIdentifier",
            "SourceDBClusterIdentifier",
            "SourceDbClusterResourceId",
            "SourceRegion",
            "StorageEncrypted",
            "UseLatestRestorableTime",
        }
    ),
    "AWS::RDS::DBInstance": frozenset(
        {
            "BackupTarget",
            "CharacterSetName",
            "CustomIAMInstanceProfile",
            "DBClusterIdentifier",
            "DBInstanceIdentifier",
            "DBName",
            "DBSubnetGroupName",
            "DBSystemId",
            "KmsKeyId",
            "MasterUsername",
            "NcharCharacterSetName",
            "SourceRegion",
            "StorageEncrypted",
            "Timezone",
        }
    ),
    "AWS::S3::Bucket": frozenset({"BucketName", "BucketNamePrefix", "BucketNamespace"}),
    "AWS::SecretsManager::Secret": frozenset({"Name"}),
}
# Changed, they replace the resource or do not, depending on what they are changed from and to.
MAY_REPLACE: Mapping[str, frozenset[str]] = {
    "AWS::DynamoDB::GlobalTable": frozenset({"GlobalTableSourceArn", "KeySchema", "LocalSecondaryIndexes"}),
    "AWS::DynamoDB::Table": frozenset({"KeySchema"}),
    "AWS::RDS::DBCluster": frozenset({"AvailabilityZones", "Engine", "GlobalClusterIdentifier", "MasterUsername"}),
    "AWS::RDS::DBInstance": frozenset(
        {
            "AutoMinorVersionUpgrade",
            "AvailabilityZone",
            "BackupRetentionPeriod",
            "DBClusterSnapshotIdentifier",
            "DBParameterGroupName",
            "DBSnapshotIdentifier",
            "Engine",
            "MultiAZ",
            "PerformanceInsightsKMSKeyId",
            "PreferredMaintenanceWindow",
            "RestoreTime",
            "SourceDBClusterIdentifier",
            "SourceDBInstanceAutomatedBackupsArn",
            "SourceDBInstanceIdentifier",
            "SourceDbiResourceId",
            "UseLatestRestorableTime",
        }
    ),
}
