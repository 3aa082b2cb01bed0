"""The HTTP API that devices call: docs/api/device-backups.openapi.yaml, of which a test holds the routes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from aws_cdk import ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_logs as logs
from constructs import Construct

from continuity.acknowledgement import acknowledge, acknowledge_expendable, acknowledge_guards
from continuity.deployment import Deployment
from continuity.device_bucket import DeviceBucketAccess
from continuity.function import PythonFunction
from continuity.interfaces import allow, route_to
from continuity.sign_in import SignIn
from recovery.device_backups.quota import COUNTER_KEY, EXPIRY_ATTRIBUTE

# API Gateway waits 30 s for an answer: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
TIMEOUT = Duration.seconds(29)
# A CPU's share comes with the memory; these start in half the time that the default gives.
MEMORY_MIB = 512
# What is logged of a call. Neither the token nor the query, the path or the body: whose call it was tells the subject.
_ACCESS_LOG = {
    "requestId": "$context.requestId",
    "requestTime": "$context.requestTime",
    "routeKey": "$context.routeKey",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latencyMilliseconds": "$context.integrationLatency",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerError": "$context.authorizer.error",
    "subject": "$context.authorizer.claims.sub",
    "sourceIp": "$context.identity.sourceIp",
}


@dataclass(frozen=True, kw_only=True)
class DeviceLimits:
    """What a device may ask for. The rate is in requests a second, over all devices."""

    max_backup_bytes: int
    uploads_per_day: int
    requests_per_second: int
    burst: int


class DeviceReads(Construct):
    """Listing and downloading, in the region of ``access``."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment, access: DeviceBucketAccess) -> None:  # noqa: A002
        super().__init__(scope, id)
        environment = {"DEVICE_BUCKET": access.bucket_name}
        lists = _function(self, "List", deployment, "list_device_backups", "Lists a user's backups", environment)
        access.grant(
            lists.execution_role,
            objects=["s3:GetObjectVersionTagging"],
            bucket=["s3:ListBucket", "s3:ListBucketVersions"],
        )
        links = _function(self, "Link", deployment, "link_device_backup", "Gives links to backups", environment)
        access.grant(
            links.execution_role,
            objects=["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectVersionTagging", "s3:RestoreObject"],
            bucket=["s3:ListBucket"],
            key=["kms:Decrypt"],
        )
        self.routes: dict[str, PythonFunction] = {
            "GET /v1/backups": lists,
            "POST /v1/devices/{device}/backups/{version}/download": links,
        }


class DeviceWrites(Construct):
    """Uploading into the bucket of ``access``, and deleting there and in ``replica``'s."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        access: DeviceBucketAccess,
        replica: DeviceBucketAccess,
        replica_region: str,
        limits: DeviceLimits,
    ) -> None:
        super().__init__(scope, id)
        quota = _quota_table(self, deployment)
        environment = {"DEVICE_BUCKET": access.bucket_name}
        begins = _function(
            self,
            "Begin",
            deployment,
            "begin_device_upload",
            "Gives links for uploads",
            environment
            | {
                "ENCRYPTION_KEY_ARN": access.key_arn or "",
                "QUOTA_TABLE": quota.table_name,
                "UPLOADS_PER_DAY": str(limits.uploads_per_day),
                "MAX_BACKUP_BYTES": str(limits.max_backup_bytes),
            },
        )
        access.grant(
            begins.execution_role,
            # A link is used with the rights of whoever signed it, and S3 asks for the right to read before If-Match.
            objects=["s3:GetObject", "s3:PutObject"],
            bucket=["s3:ListBucket"],
            key=["kms:Decrypt", "kms:GenerateDataKey"],
        )
        allow(begins.execution_role, ["dynamodb:UpdateItem"], [quota.table_arn])
        deletes = _function(
            self,
            "Delete",
            deployment,
            "delete_device_backups",
            "Deletes all of a user's backups in both regions",
            environment | {"REPLICA_BUCKET": replica.bucket_name, "REPLICA_REGION": replica_region},
        )
        access.grant(
            deletes.execution_role,
            # It reads whether a version is replicated; without the key it can read no content.
            objects=["s3:DeleteObjectVersion", "s3:GetObjectVersion"],
            bucket=["s3:ListBucket", "s3:ListBucketVersions"],
        )
        replica.grant(deletes.execution_role, objects=["s3:DeleteObjectVersion"], bucket=["s3:ListBucketVersions"])
        self.routes: dict[str, PythonFunction] = {
            "POST /v1/devices/{device}/backups": begins,
            "DELETE /v1/backups": deletes,
        }


class DeviceApi(Construct):
    """``routes``, each to its function, for whoever ``sign_in`` lets in. Every route asks for a token."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        sign_in: SignIn,
        limits: DeviceLimits,
        routes: Mapping[str, PythonFunction],
    ) -> None:
        super().__init__(scope, id)
        authorizer = authorizers.HttpJwtAuthorizer(
            "Token",
            sign_in.issuer,
            jwt_audience=list(sign_in.audience),
            identity_source=["$request.header.Authorization"],
        )
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=f"{deployment.names.prefix}-device-backups",
            description="Backups of devices",
            create_default_stage=False,
        )
        for route, function in routes.items():
            method, _, path = route.partition(" ")
            self.api.add_routes(
                path=path,
                methods=[apigateway.HttpMethod(method)],
                authorizer=cast(apigateway.IHttpRouteAuthorizer, authorizer),
                integration=route_to(function),
            )
        log_group = logs.LogGroup(
            self, "AccessLogs", retention=deployment.log_retention, removal_policy=deployment.keep
        )
        stack = Stack.of(self)
        apigateway.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=limits.requests_per_second, throttling_burst_limit=limits.burst
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                # The group's own ARN ends in ":*", which API Gateway does not take.
                destination_arn=stack.format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=log_group.log_group_name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                ),
                format=json.dumps(_ACCESS_LOG),
            ),
        )
        self._sign_in = sign_in

    def name_outputs(self, stack: Construct) -> None:
        """Give ``stack`` the outputs that a device is configured with: where the API is and where to sign in."""
        CfnOutput(stack, "DeviceApiUrl", value=self.api.api_endpoint)
        CfnOutput(stack, "SignInIssuer", value=self._sign_in.issuer)
        CfnOutput(stack, "SignInAudience", value=",".join(self._sign_in.audience))


def _function(
    scope: Construct,
    id: str,  # noqa: A002
    deployment: Deployment,
    package: str,
    description: str,
    environment: Mapping[str, str],
) -> PythonFunction:
    return PythonFunction(
        scope,
        id,
        deployment=deployment,
        package=package,
        description=description,
        timeout=TIMEOUT,
        environment=environment,
        memory_mib=MEMORY_MIB,
    )


def _quota_table(scope: Construct, deployment: Deployment) -> dynamodb.Table:
    table = dynamodb.Table(
        scope,
        "Quota",
        partition_key=dynamodb.Attribute(name=COUNTER_KEY, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute=EXPIRY_ATTRIBUTE,
        removal_policy=deployment.keep,
    )
    reason = "It counts a day's uploads; what is a day old is deleted, and nobody would restore it."
    acknowledge(table, {"DDB3": reason})
    acknowledge_guards(
        table, dict.fromkeys(("table-without-point-in-time", "data-without-deletion-protection"), reason)
    )
    acknowledge_expendable(table, deployment)
    return table
