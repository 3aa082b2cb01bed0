"""What tells a person that an objective is at stake in the primary region."""

from collections.abc import Sequence

from aws_cdk import CfnOutput
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from continuity.announcements import Announcements
from continuity.buckets import EvidenceStore
from continuity.dashboard import ContinuityDashboard
from continuity.deployment import Deployment
from continuity.fault_experiments import FaultExperiments
from continuity.measures import RegionMeasures
from continuity.notifier import Notifier, OnCall
from continuity.signals import Signals
from continuity.vault_proof import VaultProof
from recovery.alarms import values_of
from stacks.regional_stack import RegionalStack

GIB = 1024**3


class ObservabilityStack(RegionalStack):
    """Notifier, measurements, alarms, announcements and the dashboard.

    The pulse is watched here only while this region serves. So are the experiments: after a failover there is no
    primary here to break.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        region: str,
        on_call: OnCall,
        allocated_gib: int,
        manifest: sfn.StateMachine,
        proof: VaultProof,
        evidence: EvidenceStore,
        protected_keys: Sequence[kms.IKey],
        device_api: apigateway.HttpApi,
        lost_device_events: sqs.IQueue,
        serving: bool,
        fault_experiments: bool,
    ) -> None:
        super().__init__(scope, id, deployment=deployment, region=region)
        names = deployment.names
        notifier = Notifier(self, "Alarms", deployment=deployment, on_call=on_call)
        RegionMeasures(
            self,
            "Measures",
            deployment=deployment,
            vault_name=names.primary_vault_name,
            key_arns=[key.key_arn for key in protected_keys],
            evidence=evidence,
        )
        values = values_of(names, region) | {
            "allocated_bytes": str(allocated_gib * GIB),
            "api_id": device_api.api_id,
            "device_queue": lost_device_events.queue_name,
            "manifest_machine": manifest.state_machine_arn,
            "notifier_queue": notifier.undelivered.queue_name,
            "restore_queue": proof.lost_events.queue_name,
        }
        Signals(
            self,
            "Signals",
            deployment=deployment,
            channels=notifier.channels,
            role="primary",
            serving=serving,
            values=values,
        )
        Announcements(
            self,
            "Announcements",
            topic=notifier.channels.alarms,
            lost_events=notifier.undelivered,
            role="primary",
            serving=serving,
            values=values | {"proof_machines": proof.state_machine_arns, "review_machines": [proof.review_machine_arn]},
        )
        if fault_experiments and serving:
            FaultExperiments(self, "FaultExperiments", deployment=deployment)
        ContinuityDashboard(self, "Continuity", deployment=deployment, role="primary", serving=serving, values=values)
        CfnOutput(self, "NotifierFunctionName", value=notifier.function.function_name)
