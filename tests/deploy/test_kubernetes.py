"""The Kubernetes base is valid, closed by default and speaks of settings that exist."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.nats import topology
from services.chassis.settings import Settings

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kubernetes" / "base"
KUBECTL = Path(sys.executable).with_name("kubectl")
SERVICES = ("intake", "scheduling", "progress", "notify")
VERSION = "1.35"

Resource = dict[str, Any]


@pytest.fixture(scope="module")
def resources() -> list[Resource]:
    rendered = subprocess.run(
        [str(KUBECTL), "kustomize", str(BASE)], capture_output=True, text=True, timeout=60
    )
    assert rendered.returncode == 0, rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


def of_kind(resources: list[Resource], kind: str) -> dict[str, Resource]:
    return {r["metadata"]["name"]: r for r in resources if r["kind"] == kind}


def pod_of(deployment: Resource) -> Resource:
    pod: Resource = deployment["spec"]["template"]["spec"]
    return pod


def containers_of(deployment: Resource) -> list[Resource]:
    pod = pod_of(deployment)
    return [*pod["initContainers"], *pod["containers"]]


def selects(labels: dict[str, str], selector: Resource) -> bool:
    wanted: dict[str, str] = selector["matchLabels"]
    return wanted.items() <= labels.items()


def known_settings() -> set[str]:
    names = {f"HANDRAIL_{name.upper()}" for name in Settings.model_fields}
    return names | {f"{name}_FILE" for name in names if name.endswith("PASSWORD")}


@pytest.fixture(params=SERVICES)
def deployment(request: pytest.FixtureRequest, resources: list[Resource]) -> Resource:
    return of_kind(resources, "Deployment")[f"handrail-{request.param}"]


def test_every_resource_is_valid(resources: list[Resource]) -> None:
    for resource in resources:
        assert kubernetes_validate.validate(resource, VERSION, strict=True) == VERSION


def test_a_misspelt_field_would_be_noticed(resources: list[Resource]) -> None:
    resource = next(r for r in resources if r["kind"] == "Deployment")
    misspelt = resource | {"spec": resource["spec"] | {"replicaz": 2}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, VERSION, strict=True)


def test_there_is_one_of_everything_for_each_service_and_no_namespace(resources: list[Resource]) -> None:
    names = {f"handrail-{service}" for service in SERVICES}

    for kind in ("Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"):
        assert of_kind(resources, kind).keys() == names, kind
    others = {"handrail-default-deny", "handrail-auditor"}
    assert of_kind(resources, "NetworkPolicy").keys() == names | others
    assert [r for r in resources if "namespace" in r["metadata"]] == []
    assert of_kind(resources, "Secret") == {}


def test_every_process_is_probed_for_what_the_probe_is_meant_for(deployment: Resource) -> None:
    (service,) = pod_of(deployment)["containers"]

    assert service["startupProbe"]["httpGet"]["path"] == "/livez"
    assert service["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert service["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_rollout_never_has_fewer_pods_than_before(deployment: Resource) -> None:
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert deployment["spec"]["replicas"] >= 2
    assert pod_of(deployment)["terminationGracePeriodSeconds"] == 60


def test_a_pod_can_do_nothing_but_its_work(deployment: Resource) -> None:
    pod = pod_of(deployment)

    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == deployment["metadata"]["name"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers_of(deployment):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert container["resources"]["limits"].keys() == {"memory"}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_a_service_of_the_cluster_cannot_overwrite_a_setting(deployment: Resource) -> None:
    assert pod_of(deployment)["enableServiceLinks"] is False


def test_every_module_that_is_started_exists(deployment: Resource) -> None:
    service = deployment["metadata"]["labels"]["app.kubernetes.io/name"]
    migrate, run = containers_of(deployment)

    assert run["command"] == ["python", "-m", f"services.{service}.app"]
    assert migrate["command"] == [*run["command"], "migrate"]
    assert importlib.util.find_spec(run["command"][2]) is not None


def test_every_setting_is_one_that_the_chassis_knows(deployment: Resource, resources: list[Resource]) -> None:
    network = of_kind(resources, "ConfigMap")
    named = {variable["name"] for container in containers_of(deployment) for variable in container["env"]}
    for container in containers_of(deployment):
        for source in container["envFrom"]:
            named |= network[source["configMapRef"]["name"]]["data"].keys()

    assert named <= known_settings()


def test_the_settings_of_the_network_are_accepted(
    deployment: Resource, resources: list[Resource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (network,) = of_kind(resources, "ConfigMap").values()
    (service,) = pod_of(deployment)["containers"]
    secret = tmp_path / "secret"
    secret.write_text("made up\n")
    for name, value in network["data"].items():
        monkeypatch.setenv(name, value)
    for variable in service["env"]:
        is_file = variable["name"].endswith("_FILE")
        monkeypatch.setenv(variable["name"], str(secret) if is_file else variable["value"])

    settings = Settings()

    name = deployment["metadata"]["labels"]["app.kubernetes.io/name"]
    assert (settings.pg_user, settings.nats_user) == (name, name)
    assert settings.pg_password.get_secret_value() == "made up"
    assert settings.nats_password.get_secret_value() == "made up"
    assert settings.clock == "wall"


def test_secrets_are_files_and_each_process_sees_only_its_own(deployment: Resource) -> None:
    service = deployment["metadata"]["labels"]["app.kubernetes.io/name"]
    secrets = {v["name"]: v["secret"]["secretName"] for v in pod_of(deployment)["volumes"] if "secret" in v}
    migrate, run = containers_of(deployment)

    def mounted(container: Resource) -> set[str]:
        return {secrets[m["name"]] for m in container["volumeMounts"] if m["name"] in secrets}

    assert mounted(migrate) == {f"handrail-{service}-owner"}
    assert mounted(run) == {f"handrail-{service}-runtime", "handrail-token"}
    for container in (migrate, run):
        folders = tuple(m["mountPath"] for m in container["volumeMounts"] if m["name"] in secrets)
        for variable in container["env"]:
            assert "valueFrom" not in variable
            assert "PASSWORD" not in variable["name"] or variable["name"].endswith("_FILE")
            assert not variable["name"].endswith("_FILE") or variable["value"].startswith(folders)


def test_every_selector_finds_the_pods_of_one_service(resources: list[Resource]) -> None:
    labels = {
        name: deployment["spec"]["template"]["metadata"]["labels"]
        for name, deployment in of_kind(resources, "Deployment").items()
    }

    def found(selector: Resource) -> list[str]:
        return [name for name, on_pod in labels.items() if selects(on_pod, selector)]

    for name, deployment in of_kind(resources, "Deployment").items():
        assert found(deployment["spec"]["selector"]) == [name]
        for spread in pod_of(deployment)["topologySpreadConstraints"]:
            assert found(spread["labelSelector"]) == [name]
    for name, service in of_kind(resources, "Service").items():
        assert found({"matchLabels": service["spec"]["selector"]}) == [name]
    for name, budget in of_kind(resources, "PodDisruptionBudget").items():
        assert found(budget["spec"]["selector"]) == [name]


def test_everything_is_denied_that_no_policy_of_a_service_allows(resources: list[Resource]) -> None:
    policies = of_kind(resources, "NetworkPolicy")
    deny = policies.pop("handrail-default-deny")["spec"]
    del policies["handrail-auditor"]
    pods = [d["spec"]["template"]["metadata"]["labels"] for d in of_kind(resources, "Deployment").values()]

    assert all(selects(labels, deny["podSelector"]) for labels in pods)
    assert sorted(deny["policyTypes"]) == ["Egress", "Ingress"]
    assert deny.keys().isdisjoint({"ingress", "egress"})
    for name, policy in policies.items():
        spec = policy["spec"]
        assert sum(selects(labels, spec["podSelector"]) for labels in pods) == 1, name
        assert all(rule.get("from") for rule in spec["ingress"]), name
        assert all(rule.get("to") for rule in spec["egress"]), name
        assert {p["port"] for rule in spec["egress"] for p in rule["ports"]} == {53, 4222, 4318, 5432, 8222}
        assert {p["port"] for rule in spec["ingress"] for p in rule["ports"]} == {"http"}


def test_the_image_is_named_in_one_place(resources: list[Resource]) -> None:
    images = {c["image"] for d in of_kind(resources, "Deployment").values() for c in containers_of(d)}
    images |= {c["image"] for c in auditor_of(resources)["spec"]["containers"]}
    (named,) = yaml.safe_load((BASE / "kustomization.yaml").read_text())["images"]

    assert images == {f"{named['newName']}:{named['newTag']}"}


def auditor_of(resources: list[Resource]) -> Resource:
    job = of_kind(resources, "CronJob")["handrail-auditor"]
    template: Resource = job["spec"]["jobTemplate"]["spec"]["template"]
    return template


def test_the_auditor_runs_one_at_a_time_as_nobody_and_reaches_only_the_bus(
    resources: list[Resource],
) -> None:
    template = auditor_of(resources)
    pod, labels = template["spec"], template["metadata"]["labels"]
    (container,) = pod["containers"]
    policies = of_kind(resources, "NetworkPolicy")
    own = policies["handrail-auditor"]["spec"]

    assert of_kind(resources, "CronJob")["handrail-auditor"]["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert importlib.util.find_spec(container["command"][2]) is not None
    assert selects(labels, policies["handrail-default-deny"]["spec"]["podSelector"])
    assert selects(labels, own["podSelector"])
    assert "ingress" not in own
    assert {p["port"] for rule in own["egress"] for p in rule["ports"]} == {53, 4222}


def test_the_auditor_logs_in_with_what_the_pod_is_given(resources: list[Resource], tmp_path: Path) -> None:
    (container,) = auditor_of(resources)["spec"]["containers"]
    (network,) = of_kind(resources, "ConfigMap").values()
    secret = tmp_path / "secret"
    secret.write_text("made up\n")
    given = {v["name"]: v["value"] for v in container["env"]}
    given["HANDRAIL_NATS_PASSWORD_FILE"] = str(secret)

    assert topology.login(network["data"] | given) == {
        "servers": ["nats://nats:4222"],
        "user": "operator",
        "password": "made up",
    }
