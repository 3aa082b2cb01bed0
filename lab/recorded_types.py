"""The CloudFormation types that the emulator does not know and the lab only records.

Each stands with the reason why leaving it out does not change what a drill observes. The list is printed at every
deploy and in every report: these the lab does not prove.
"""

RECORDED_TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "no container runs in the lab",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "no container runs in the lab",
    "AWS::EC2::EIP": "functions reach 127.0.0.1 without a network of their own",
    "AWS::EC2::FlowLog": "there is no traffic to log",
    "AWS::EC2::NatGateway": "functions reach 127.0.0.1 without a network of their own",
    "AWS::EC2::NetworkAcl": "no packet is filtered",
    "AWS::EC2::SecurityGroupEgress": "no packet is filtered",
    "AWS::EC2::SecurityGroupIngress": "no packet is filtered",
    "AWS::ECR::ReplicationConfiguration": "no image is pulled",
    "AWS::FIS::ExperimentTemplate": "nothing starts an experiment; the drills break things themselves",
    "AWS::KMS::ReplicaKey": "nothing is encrypted at rest",
    "AWS::Lambda::EventInvokeConfig": "no function is handed an event twice",
    "AWS::RDS::EventSubscription": "RDS events are not emitted",
    "AWS::Route53::HealthCheck": "no name is resolved",
    "AWS::SecretsManager::RotationSchedule": "no secret rotates within a drill",
    "AWS::SSM::Document": "no automation runs",
}
