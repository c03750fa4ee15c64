"""Services of ECS over real processes: releases, their rollback, scaling, zones, and what is told of them."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from tests.sandbox.workloads.ecs.services import (
    BROKEN,
    CLUSTER,
    GROUPS,
    RULES,
    SERVE,
    SERVICE,
    SLEEP,
    ZONES,
    World,
    balanced,
    run,
    until,
)

pytestmark = pytest.mark.e2e

FILE = "ecs.json"


class Test:
    """Each test is a coroutine that gets a world of its own."""

    @pytest.fixture(autouse=True)
    def _given(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.monkeypatch = tmp_path, monkeypatch

    def run(self, *tests: Any, speed: float = 60) -> None:
        run(self.path, self.monkeypatch, *tests, speed=speed)


class TestReleases(Test):
    def test_tasks_run_in_all_zones_before_a_release_is_over(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced())
            assert (await world.settled()).ok
            service = world.service
            assert (service["running"], service["healthy"], service["pending"]) == (2, 2, 0)
            assert service["zones"] == dict.fromkeys(ZONES, 1)
            [deployment] = service["deployments"]
            assert (deployment["status"], deployment["rolloutState"]) == ("PRIMARY", "COMPLETED")
            assert deployment["reason"] == f"ECS deployment {deployment['id']} completed."
            for task in service["tasks"]:
                assert task["address"].startswith(("10.0.0.", "10.0.1."))
                assert task["arn"] == f"{CLUSTER.replace(':cluster/', ':task/')}/{task['id']}"
                os.kill(task["pid"], 0)
            assert world.messages[-2:] == [
                f"(deployment {deployment['id']}) deployment completed.",
                "has reached a steady state.",
            ]

        self.run(test)

    def test_a_rolling_update_never_has_fewer_healthy_or_more_tasks_than_it_may(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced(), desiredCount=3)
            await world.settled()
            old = {task["id"] for task in world.tasks()}
            world.targets.delay = 0.2
            await world.release(SERVE, deploymentMaximumPercent=134)
            settled = asyncio.create_task(world.settled())
            while not settled.done():
                live = [one for one in world.service["tasks"] if one["desiredStatus"] == "RUNNING"]
                assert len(live) <= 4
                assert world.service["healthy"] >= 3
                await asyncio.sleep(0.02)
            assert settled.result().ok
            assert not old & {task["id"] for task in world.tasks()}
            gone = next(one for one in world.service["tasks"] if one["id"] in old)
            assert gone["stopCode"] == "ServiceSchedulerInitiated"
            assert gone["stoppedReason"] == f"Scaling activity initiated by (deployment {_primary(world)['id']})"
            # Requests end before the program is told to.
            assert len(world.targets.drained) == 3

        self.run(test)

    def test_a_broken_release_goes_back_by_itself_and_says_why(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced())
            await world.settled()
            good, before = _primary(world), {task["pid"] for task in world.tasks()}
            await world.release(BROKEN)
            outcome = await world.settled()
            assert not outcome.ok
            assert outcome.reason.startswith("ECS deployment circuit breaker: tasks failed to start.")
            assert "Essential container in task exited (exit code 3)" in outcome.reason
            assert outcome.reason.endswith("DATABASE_URL is missing")
            assert outcome.outputs["taskDefinition"].endswith("task-definition/dev-it:1")
            assert _primary(world)["id"] == good["id"]
            assert world.service["taskDefinition"].endswith(":1")
            # Those that served went on serving.
            assert {task["pid"] for task in world.tasks()} == before
            assert f"rolling back to deployment {good['id']}." in world.messages
            failed = [one for one in world.service["tasks"] if one["stopCode"] == "EssentialContainerExited"]
            assert len(failed) >= 3
            assert {one["exitCode"] for one in failed} == {3}
            # What is in the account now starts nothing again, whichever of the two it is.
            await world.ecs.apply(world.snapshot())
            world.revision -= 1
            world.program = SERVE
            await world.ecs.apply(world.snapshot())
            assert len(world.service["deployments"]) == 1

        self.run(test)

    def test_while_it_goes_back_a_deployment_is_told_as_aws_tells_it(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced())
            await world.settled()
            good = _primary(world)["id"]
            world.targets.delay = 1
            await world.release(BROKEN)
            bad = _primary(world)
            assert (bad["status"], bad["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
            assert bad["reason"] == f"ECS deployment {bad['id']} in progress."
            await until(lambda: _primary(world)["id"] == good)
            primary, active = world.service["deployments"]
            assert primary["reason"] == f"ECS deployment circuit breaker: rolling back to deploymentId {good}."
            assert (primary["rolloutState"], active["status"], active["rolloutState"]) == (
                "IN_PROGRESS",
                "ACTIVE",
                "FAILED",
            )
            assert active["failed"] == 3
            assert active["reason"] == "ECS deployment circuit breaker: tasks failed to start."

        self.run(test)

    def test_without_a_release_to_go_back_to_nothing_more_is_started(self) -> None:
        async def test(world: World) -> None:
            await world.release(BROKEN, **balanced())
            assert not (await world.settled()).ok
            assert _primary(world)["rolloutState"] == "FAILED"
            number = len(world.service["tasks"])
            await asyncio.sleep(0.6)
            assert len(world.service["tasks"]) == number
            # An update that changes nothing tries again, as one does that forces a new deployment.
            failed = _primary(world)["id"]
            assert not (await world.settled()).ok
            assert _primary(world)["id"] != failed
            await world.release(SERVE)
            assert (await world.settled()).ok

        self.run(test)

    def test_an_update_in_the_middle_of_another_replaces_it(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced())
            await world.settled()
            await world.release(SLEEP)
            await until(lambda: len(world.tasks()) > 2)
            await world.release(SERVE)
            assert [one["status"] for one in world.service["deployments"]] == ["PRIMARY", "ACTIVE", "ACTIVE"]
            assert (await world.settled()).ok
            assert {task["taskDefinition"][-2:] for task in world.tasks()} == {":3"}

        self.run(test)

    def test_bounds_that_leave_no_room_are_said(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced(), deploymentMaximumPercent=100)
            await world.settled()
            await world.release(SERVE)
            await until(
                lambda: any("Update the minimumHealthyPercent or maximumPercent" in one for one in world.messages)
            )
            assert {task["taskDefinition"][-2:] for task in world.tasks()} == {":1"}

        self.run(test)

    def test_a_command_that_does_not_exist_is_a_task_that_failed_to_start(self) -> None:
        async def test(world: World) -> None:
            world.definition = {"entryPoint": ["/no/such/program"]}
            await world.release("")
            outcome = await world.settled()
            assert 'exec: "/no/such/program": executable file not found' in outcome.reason
            task = world.service["tasks"][0]
            assert (task["stopCode"], task["started"]) == ("TaskFailedToStart", 0)
            assert task["stoppedReason"].startswith("Task failed to start: CannotStartContainerError")

        self.run(test)

    def test_what_fails_its_checks_is_a_failed_task_after_its_grace(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced(), healthCheckGracePeriodSeconds=0)
            await world.settled()
            good = _primary(world)["id"]
            known = {task["address"] for task in world.tasks()}
            health = world.targets.health

            def new_ones_fail(group: str) -> Any:
                world.targets.unhealthy |= set(world.targets.groups[group]) - known
                return health(group)

            world.targets.health = new_ones_fail  # type: ignore[method-assign]
            await world.release(SERVE)
            outcome = await world.settled()
            assert f"Task failed ELB health checks in (target-group {GROUPS[0]})" in outcome.reason
            assert _primary(world)["id"] == good
            assert any(
                one.endswith(" due to (reason Health checks failed with these codes: [500])") for one in world.messages
            )

        self.run(test)

    def test_a_check_of_the_container_counts_too(self) -> None:
        async def test(world: World) -> None:
            world.definition = {"healthCheck": {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "retries": 1}}
            await world.release(SLEEP, desiredCount=1)
            outcome = await world.settled()
            assert "Task failed container health checks" in outcome.reason

        self.run(test, speed=300)


class TestTasks(Test):
    def test_a_task_that_is_killed_is_replaced(self) -> None:
        async def test(world: World) -> None:
            await world.release(SLEEP)
            await world.settled()
            assert world.ecs.kill("dev-*")
            await until(lambda: world.tasks("STOPPED"))
            [task] = world.tasks("STOPPED")
            assert (task["stopCode"], task["exitCode"]) == ("EssentialContainerExited", 137)
            assert task["stoppedReason"] == "Essential container in task exited"
            await until(lambda: len(world.tasks()) == 2 and world.service["steady"])
            assert not world.ecs.kill("prod-*")

        self.run(test)

    def test_too_much_memory_is_said_as_aws_says_it(self) -> None:
        async def test(world: World) -> None:
            greedy = "import time\nk=[]\nwhile True: k.append(bytearray(8<<20)); time.sleep(.002)"
            await world.release(greedy, **balanced(), desiredCount=1)
            outcome = await world.settled()
            assert "OutOfMemoryError: Container killed due to memory usage" in outcome.reason
            assert world.tasks("STOPPED")[0]["exitCode"] == 137

        self.run(test)

    def test_a_port_that_is_taken_costs_a_task_and_not_the_service(self) -> None:
        async def test(world: World) -> None:
            taken = world.context.ports.free()
            server = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", taken)
            free, given = world.context.ports.free, [taken]
            world.monkeypatch.setattr(world.context.ports, "free", lambda: given.pop() if given else free())
            await world.release(SERVE, desiredCount=1, loadBalancers=balanced()["loadBalancers"])
            await until(lambda: any(task["port"] != taken and task["pid"] for task in world.tasks()))
            server.close()
            await server.wait_closed()

        self.run(test)

    def test_a_zone_that_fails_is_left_and_taken_again(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced(), availabilityZoneRebalancing="ENABLED")
            await world.settled()
            world.fail_zones(ZONES[0])
            await until(lambda: world.service["zones"] == {ZONES[1]: 2} and world.service["steady"])
            [lost] = [one for one in world.service["tasks"] if one["stopCode"] == "InfrastructureHealth"]
            assert lost["zone"] == ZONES[0]
            world.fail_zones()
            await until(lambda: world.service["zones"] == dict.fromkeys(ZONES, 1) and world.service["steady"])
            assert any("AZ Rebalancing in progress." in one for one in world.messages)

        self.run(test)

    def test_without_any_zone_no_task_can_be_placed(self) -> None:
        async def test(world: World) -> None:
            world.fail_zones(*ZONES)
            await world.release(SLEEP)
            await until(lambda: any("was unable to place a task" in one for one in world.messages))
            assert world.service["tasks"] == []

        self.run(test)

    def test_a_service_that_keeps_failing_is_tried_more_rarely(self) -> None:
        async def test(world: World) -> None:
            await world.release(BROKEN, deploymentCircuitBreaker={"enable": False}, desiredCount=1)
            await until(lambda: "is unable to consistently start tasks successfully." in world.messages)
            assert _primary(world)["rolloutState"] == "IN_PROGRESS"

        self.run(test)


class TestScaling(Test):
    def test_the_number_of_tasks_follows_what_is_wanted(self) -> None:
        async def test(world: World) -> None:
            await world.release(SLEEP)
            await world.settled()
            resource = "service/dev-cluster-1/dev-it-1"
            assert world.ecs.capacity(resource) == 2
            assert world.ecs.capacity("service/dev-cluster-1/other") is None
            world.ecs.set_capacity(resource, 4, "CPU is above 70 %")
            await until(lambda: len(world.tasks()) == 4 and world.service["steady"])
            assert world.service["zones"] == dict.fromkeys(ZONES, 2)
            world.ecs.set_desired(SERVICE, 1)
            await until(lambda: len(world.tasks()) == 1 and world.service["steady"])
            world.ecs.set_desired(SERVICE, 0)
            await until(lambda: world.service["zones"] == {} and world.service["steady"])
            # What the account says is taken over when it changes, and only then.
            await world.ecs.apply(world.snapshot())
            assert world.service["desired"] == 0
            world.outputs["desiredCount"] = 3
            await world.ecs.apply(world.snapshot())
            assert world.service["desired"] == 3
            assert len(world.service["deployments"]) == 1
            with pytest.raises(LookupError):
                world.ecs.set_desired("arn:other", 1)

        self.run(test)

    def test_a_service_without_tasks_is_released_at_once(self) -> None:
        async def test(world: World) -> None:
            await world.release(BROKEN, desiredCount=0)
            assert (await world.settled()).ok

        self.run(test)

    def test_what_was_measured_is_what_cloudwatch_would_have(self) -> None:
        async def test(world: World) -> None:
            await world.release("while True: pass", desiredCount=1)
            of = {"ClusterName": "dev-cluster-1", "ServiceName": "dev-it-1"}

            def average(space: str, name: str) -> float:
                found = world.context.metrics.statistics(space, name, of, 0, 1e12, period=86400, stat="Maximum")
                return found[0][1] if found else 0

            # A quarter of a CPU is reserved, and as much of one as there is gets used.
            await until(lambda: average("AWS/ECS", "CPUUtilization") > 20)
            assert 0 < average("AWS/ECS", "MemoryUtilization") < 50
            assert average("ECS/ContainerInsights", "RunningTaskCount") == 1
            assert average("ECS/ContainerInsights", "DesiredTaskCount") == 1

        self.run(test)


class TestTime(Test):
    def test_a_service_goes_on_after_a_restart_as_it_was(self) -> None:
        seen: dict[str, Any] = {}

        async def before(world: World) -> None:
            await world.release(SLEEP)
            await world.settled()
            world.ecs.set_desired(SERVICE, 3)
            await until(lambda: len(world.tasks()) == 3)
            seen["deployment"], seen["pids"] = _primary(world)["id"], {one["pid"] for one in world.tasks()}

        async def after(world: World) -> None:
            assert not any(psutil.pid_exists(pid) for pid in seen["pids"])
            assert stat.S_IMODE(os.stat(world.context.folder / FILE).st_mode) == 0o600  # noqa: PTH116
            await world.ecs.apply(world.snapshot())
            assert (await world.settled()).ok
            assert _primary(world)["id"] == seen["deployment"]
            assert len(world.tasks()) == 3

        self.run(before, after)

    def test_a_release_that_a_restart_cut_off_still_goes_back(self) -> None:
        seen: dict[str, str] = {}

        async def before(world: World) -> None:
            await world.release(SERVE, **balanced())
            await world.settled()
            seen["good"] = _primary(world)["id"]
            await world.release(BROKEN)

        async def after(world: World) -> None:
            await world.ecs.apply(world.snapshot())
            assert not (await world.settled()).ok
            assert _primary(world)["id"] == seen["good"]
            await until(lambda: len(world.tasks()) == 2)

        self.run(before, after)

    def test_what_was_kept_and_is_damaged_is_forgotten(self) -> None:
        async def before(world: World) -> None:
            (world.context.folder / FILE).write_text('{"half')

        async def after(world: World) -> None:
            await world.release(SLEEP)
            assert (await world.settled()).ok
            assert json.loads((world.context.folder / FILE).read_text())[SERVICE]["desired"] == 2

        self.run(before, after)

    def test_a_service_that_is_deleted_ends_its_tasks(self) -> None:
        async def test(world: World) -> None:
            await world.release(SERVE, **balanced())
            await world.settled()
            pids = [one["pid"] for one in world.tasks()]
            snapshot = world.snapshot()
            gone = [one for one in snapshot.resources if one.type != "aws:ecs/service:Service"]
            await world.ecs.apply(type(snapshot)(gone))
            assert world.ecs.describe() == {"services": []}
            await until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
            assert len(world.targets.drained) == 2
            assert not (await world.settled()).ok

        self.run(test)

    def test_a_service_whose_task_definition_is_not_there_is_said(self) -> None:
        async def test(world: World) -> None:
            await world.ecs.apply(world.snapshot())
            world.outputs["taskDefinition"] = "arn:none"
            world.outputs["arn"] = "arn:other"
            await world.ecs.apply(world.snapshot())
            errors = [one.text for one in world.context.events.since() if one.level == "error"]
            assert errors == ["ClientException: The task definition arn:none is not in the account."]
            assert "arn:none" in (await world.ecs.settled("arn:other")).reason

        self.run(test)

    def test_all_tasks_are_new_after_a_forced_deployment(self) -> None:
        async def test(world: World) -> None:
            await world.release(SLEEP)
            await world.settled()
            before = {one["id"] for one in world.tasks()}
            world.ecs.redeploy(SERVICE)
            assert (await world.settled()).ok
            assert not before & {one["id"] for one in world.tasks()}

        self.run(test)

    def test_a_command_can_be_run_beside_a_task(self) -> None:
        async def test(world: World) -> None:
            world.variables = {"NAME": "of the task"}
            await world.release(SLEEP)
            await world.settled()
            container = world.ecs.container(world.tasks()[0]["arn"])
            done = await container.execute((sys.executable, "-c", "import os;print(os.environ['NAME'])"), 30)
            assert done.output == "of the task\n"
            assert world.ecs.container("none") is None

        self.run(test)


class TestTraffic(Test):
    def _weights(self, world: World) -> list[tuple[str, list[float]]]:
        """Record how the weights of rules are set; the rules themselves are the balancer's."""
        seen: list[tuple[str, list[float]]] = []

        def modify(_: Path, rule: str, weights: dict[str, float]) -> None:
            seen.append((rule, [weights[group] for group in GROUPS]))

        world.monkeypatch.setattr("sandbox.workloads.ecs.traffic.modify_rule", modify)
        world.monkeypatch.setattr("sandbox.workloads.ecs.traffic._SEEN", 0.05)
        return seen

    CANARY: ClassVar = {
        "strategy": "CANARY",
        "bakeTimeInMinutes": "1",
        "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "1"},
    }

    def test_a_canary_gets_a_share_and_then_all(self) -> None:
        async def test(world: World) -> None:
            seen = self._weights(world)
            await world.release(SERVE, **balanced(both=True), deploymentConfiguration=self.CANARY)
            assert (await world.settled()).ok
            assert seen == []
            await world.release(SERVE)
            settled, most = asyncio.create_task(world.settled()), 0
            while not settled.done():
                most = max(most, world.service["healthy"])
                await asyncio.sleep(0.02)
            assert settled.result().ok
            assert most == 4
            assert seen == [(RULES[0], [100, 0]), (RULES[1], [0, 100]), (RULES[0], [90, 10]), (RULES[0], [0, 100])]
            # The next goes the other way.
            await world.release(SERVE)
            await world.settled()
            assert seen[-1] == (RULES[0], [100, 0])

        self.run(test)

    def test_an_alarm_takes_a_canary_back(self) -> None:
        async def test(world: World) -> None:
            seen = self._weights(world)
            alarms = {"alarmNames": ["errors", "old"], "enable": True, "rollback": True}
            world.alarms["old"] = "ALARM"
            await world.release(
                SERVE,
                **balanced(both=True),
                alarms=alarms,
                deploymentConfiguration=self.CANARY,
            )
            assert (await world.settled()).ok
            good = {one["pid"] for one in world.tasks()}
            await world.release(SERVE)
            await until(lambda: (RULES[0], [90, 10]) in seen)
            world.alarms["errors"] = "ALARM"
            outcome = await world.settled()
            assert outcome.reason.startswith("ECS deployment failed: alarm detected.")
            assert seen[-1] == (RULES[0], [100, 0])
            assert {one["pid"] for one in world.tasks()} == good

        self.run(test)

    def test_an_update_while_traffic_moves_begins_from_where_it_was(self) -> None:
        async def test(world: World) -> None:
            seen = self._weights(world)
            await world.release(SERVE, **balanced(both=True), deploymentConfiguration=self.CANARY)
            await world.settled()
            await world.release(SERVE)
            await until(lambda: (RULES[0], [90, 10]) in seen)
            await world.release(SERVE)
            assert (await world.settled()).ok
            assert (RULES[0], [100, 0]) in seen[4:]
            assert seen[-1] == (RULES[0], [0, 100])
            assert {one["taskDefinition"][-2:] for one in world.tasks()} == {":3"}

        self.run(test)


def _primary(world: World) -> dict[str, Any]:
    return world.service["deployments"][0]
