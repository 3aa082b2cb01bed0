"""The application in both regions."""

import pytest

from environments import ENVIRONMENTS
from recovery import objectives
from recovery.names import SCHEMA_VERSION_LABEL
from tests.infrastructure.assemblies import Assembly, text_of

PLACES = ["Application", "RecoveryStandby"]


@pytest.mark.parametrize("stack", PLACES)
def test_task_is_the_product_contexts(assembly: Assembly, stack: str) -> None:
    task = assembly.only(stack, "AWS::ECS::TaskDefinition")
    (container,) = task["ContainerDefinitions"]
    assert (task["Family"], task["Cpu"], task["Memory"]) == ("DuskSpendr-api", "512", "1024")
    assert [port["ContainerPort"] for port in container["PortMappings"]] == [3000]


@pytest.mark.parametrize("stack", PLACES)
def test_task_definition_declares_the_schema_that_its_image_can_work_with(assembly: Assembly, stack: str) -> None:
    (container,) = assembly.only(stack, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    declared = ENVIRONMENTS[assembly.environment].service.schema_version
    assert container["DockerLabels"] == {SCHEMA_VERSION_LABEL: str(declared)}


@pytest.mark.parametrize("stack", PLACES)
def test_old_task_definitions_are_kept_for_a_rollback(assembly: Assembly, stack: str) -> None:
    (task,) = assembly.resources(stack, "AWS::ECS::TaskDefinition").values()
    assert task["UpdateReplacePolicy"] == task["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize("stack", PLACES)
def test_deployments_keep_every_task_healthy_and_roll_back(assembly: Assembly, stack: str) -> None:
    configuration = assembly.only(stack, "AWS::ECS::Service")["DeploymentConfiguration"]
    assert configuration["MinimumHealthyPercent"] == 100
    assert configuration["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


@pytest.mark.parametrize("stack", PLACES)
def test_alarms_roll_a_deployment_back(assembly: Assembly, stack: str) -> None:
    (service,) = assembly.resources(stack, "AWS::ECS::Service").values()
    alarms = service["Properties"]["DeploymentConfiguration"]["Alarms"]
    assert (alarms["Enable"], alarms["Rollback"]) == (True, True)
    found = assembly.resources(stack, "AWS::CloudWatch::Alarm")
    named = {name["Ref"] for name in alarms["AlarmNames"]}
    assert {found[name]["Properties"]["AlarmName"] for name in named} == {
        f"duskspendr-{assembly.environment}-api-{subject}" for subject in ("unhealthy-tasks", "server-errors", "slow")
    }
    assert named <= set(service["DependsOn"])


@pytest.mark.parametrize("stack", PLACES)
def test_rollback_alarms_speak_long_before_the_rto_is_used_up(assembly: Assembly, stack: str) -> None:
    for alarm in assembly.properties(stack, "AWS::CloudWatch::Alarm"):
        if alarm["AlarmName"].startswith(f"duskspendr-{assembly.environment}-api-"):
            seconds = alarm["Period"] * alarm["EvaluationPeriods"]
            assert seconds <= objectives.APPLICATION.rto.total_seconds() / 6


@pytest.mark.parametrize("stack", PLACES)
def test_no_deploy_sets_the_number_of_tasks(assembly: Assembly, stack: str) -> None:
    assert "DesiredCount" not in assembly.only(stack, "AWS::ECS::Service")


def test_autoscaling_keeps_three_to_twenty_tasks(prod: Assembly) -> None:
    target = prod.only("Application", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 20)


def test_pilot_light_burns_with_one_task(prod: Assembly) -> None:
    target = prod.only("RecoveryStandby", "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 20)


@pytest.mark.parametrize("stack", PLACES)
def test_autoscaling_follows_cpu_and_memory(prod: Assembly, stack: str) -> None:
    policies = prod.properties(stack, "AWS::ApplicationAutoScaling::ScalingPolicy")
    targets = {
        p["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]: p[
            "TargetTrackingScalingPolicyConfiguration"
        ]["TargetValue"]
        for p in policies
    }
    assert targets == {"ECSServiceAverageCPUUtilization": 70, "ECSServiceAverageMemoryUtilization": 80}


@pytest.mark.parametrize("stack", PLACES)
def test_cluster_has_container_insights(assembly: Assembly, stack: str) -> None:
    cluster = assembly.only(stack, "AWS::ECS::Cluster")
    assert cluster["ClusterName"] == "DuskSpendr-cluster"
    assert {"Name": "containerInsights", "Value": "enabled"} in cluster["ClusterSettings"]


@pytest.mark.parametrize("stack", PLACES)
def test_image_comes_from_the_regions_own_registry_by_the_given_version(prod: Assembly, stack: str) -> None:
    (container,) = prod.only(stack, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    region = prod.stacks[stack]["environment"].rpartition("/")[2]
    image = text_of(container["Image"])
    assert f".dkr.ecr.{region}." in image
    assert "/duskspendr-api@sha256:" in image


@pytest.mark.parametrize("stack", PLACES)
def test_credentials_come_from_secrets_manager(prod: Assembly, stack: str) -> None:
    (container,) = prod.only(stack, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert {secret["Name"] for secret in container["Secrets"]} == {"DATABASE_USER", "DATABASE_PASSWORD"}
    assert not {variable["Name"] for variable in container["Environment"]} & {"DATABASE_USER", "DATABASE_PASSWORD"}


def test_standby_reads_the_replicated_secret_of_its_own_region(prod: Assembly) -> None:
    (container,) = prod.only("RecoveryStandby", "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    for secret in container["Secrets"]:
        assert ":secretsmanager:ap-southeast-1:" in text_of(secret["ValueFrom"])


@pytest.mark.parametrize("stack", PLACES)
def test_public_entrance_speaks_https_and_redirects_the_rest(prod: Assembly, stack: str) -> None:
    listeners = {
        listener["Port"]: listener for listener in prod.properties(stack, "AWS::ElasticLoadBalancingV2::Listener")
    }
    assert listeners[443]["Protocol"] == "HTTPS"
    assert "Certificate" in text_of(listeners[443]["Certificates"])
    assert listeners[80]["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"


def test_one_region_answers_to_the_public_name(prod: Assembly) -> None:
    weights = {stack: prod.only(stack, "AWS::Route53::RecordSet")["Weight"] for stack in PLACES}
    assert weights == {"Application": 100, "RecoveryStandby": 0}


def test_the_laboratory_has_no_public_name(local: Assembly) -> None:
    (listener,) = local.properties("Application", "AWS::ElasticLoadBalancingV2::Listener")
    assert listener["Protocol"] == "HTTP"
    assert not local.properties("Application", "AWS::Route53::RecordSet")


@pytest.mark.parametrize("stack", PLACES)
def test_load_balancer_is_the_only_public_resource(prod: Assembly, stack: str) -> None:
    open_groups = [
        group["GroupDescription"]
        for group in prod.properties(stack, "AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", [])
        if rule.get("CidrIp") == "0.0.0.0/0"
    ]
    assert len(set(open_groups)) == 1
    assert "LoadBalancer" in open_groups[0]
    network = prod.only(stack, "AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"


@pytest.mark.parametrize("stack", PLACES)
def test_health_is_asked_at_the_products_path(prod: Assembly, stack: str) -> None:
    assert prod.only(stack, "AWS::ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"] == "/health"
