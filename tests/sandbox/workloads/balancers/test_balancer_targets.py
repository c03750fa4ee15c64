"""Targets behind a load balancer: health, choice, errors and leaving, against servers that really listen."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.data import ports
from sandbox.workloads.http.messages import Response
from sandbox.workloads.surfaces import Target
from tests.sandbox.workloads.balancers.balancer_account import (
    Broken,
    balancer,
    forward,
    group,
    group_arn,
    listener,
    rule,
    talking,
    until,
    world,
)

USERS = group_arn("dev-users")
PLAIN = (balancer(), listener(), group(), rule())
# So short that a new target has no time to start.
SOON = {"interval": 0.1}
QUICK = (balancer(), listener(), group(check=SOON), rule())


def health(here, name="dev-users"):
    return [(one.state, one.reason, one.description) for one in here.manager.health(group_arn(name))]


def test_a_new_target_is_checked_at_once_and_needs_one_pass(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:
            await here.target()
            # At the speed of AWS a second pass would have taken half a minute.
            assert health(here) == [("healthy", "", "")]
            assert await here.get() == (200, *(await here.get())[1:])
            assert (await here.get())[2] == b"10.20.0.17"

    asyncio.run(run())


def test_a_new_target_is_initial_with_the_reason_of_aws(tmp_path):
    async def run():
        answer = asyncio.Event()

        async def slow(reader, writer):
            await answer.wait()
            writer.close()

        async with talking(slow) as port, world(tmp_path, *PLAIN, speed=1) as here:
            here.manager.register(USERS, Target("10.20.0.9", "127.0.0.1", port))
            assert health(here)[0][:2] == ("initial", "Elb.RegistrationInProgress")
            answer.set()
            await until(lambda: health(here)[0][1] == "Elb.InitialHealthChecking")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "matcher", "state"),
    [(200, "200", "healthy"), (204, "200-299", "healthy"), (302, "200,302", "healthy"), (503, "200", "unhealthy")],
)
def test_a_matcher_says_which_status_passes(tmp_path, status, matcher, state):
    async def run():
        resources = (balancer(), listener(), group(check={"matcher": matcher, "path": "/ready", **SOON}), rule())
        async with world(tmp_path, *resources, speed=1000) as here:

            async def answer(request):
                assert request.header("user-agent") == "ELB-HealthChecker/2.0"
                assert request.header("host").startswith("10.20.0.17:")
                return Response(status)

            await here.target(answer, healthy=False)
            await until(lambda: here.state("10.20.0.17") == state)
            if state == "unhealthy":
                expected = "Health checks failed with these codes: [503]"
                assert health(here) == [("unhealthy", "Target.ResponseCodeMismatch", expected)]

    asyncio.run(run())


def test_who_does_not_answer_in_time_is_unhealthy_by_timeout(tmp_path):
    async def run():
        async def silent(reader, writer):
            await reader.read()

        resources = (balancer(), listener(), group(check={"timeout": 0.05, **SOON}), rule())
        async with talking(silent) as port, world(tmp_path, *resources, speed=1000) as here:
            here.manager.register(USERS, Target("10.20.0.9", "127.0.0.1", port))
            await until(lambda: here.state("10.20.0.9") == "unhealthy")
            assert health(here) == [("unhealthy", "Target.Timeout", "Request timed out")]

    asyncio.run(run())


def test_where_nobody_listens_checks_fail(tmp_path):
    async def run():
        async with world(tmp_path, *QUICK) as here:
            here.manager.register(USERS, Target("10.20.0.9", "127.0.0.1", ports.free()))
            await until(lambda: here.state("10.20.0.9") == "unhealthy")
            assert health(here) == [("unhealthy", "Target.FailedHealthChecks", "Health checks failed")]
            assert [event.level for event in here.context.events.since() if event.kind == "health"][-1] == "warning"

    asyncio.run(run())


def test_a_new_target_has_the_time_to_start_whatever_the_speed(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1000) as here:
            script = iter([503] * 5)

            async def answer(request):
                return Response(next(script, 200))

            resources = (balancer(), listener(), group(check={"path": "/start"}), rule())
            await here.apply(*resources)
            await here.target(answer, healthy=False)
            await until(lambda: here.state("10.20.0.17") == "healthy")
            said = [event.text for event in here.context.events.since() if event.kind == "health"]
            assert [text for text in said if "unhealthy" in text] == []

    asyncio.run(run())


def test_thresholds_count_passes_and_failures_in_a_row(tmp_path):
    async def run():
        check = {"healthyThreshold": 3, "unhealthyThreshold": 2, "path": "/check", **SOON}
        async with world(tmp_path, balancer(), listener(), group(check=check), rule(), speed=1000) as here:
            script = iter([200, 500, 200, 500, 500, 200, 500, 200, 200, 200])
            seen = []

            async def answer(request):
                seen.append(here.state("10.20.0.17"))
                return Response(next(script, 200))

            await here.target(answer, healthy=False)
            await until(lambda: len(seen) > 10)
            # What each check found the target to be, by those before it.
            assert seen[:11] == ["initial", *["healthy"] * 4, *["unhealthy"] * 5, "healthy"]

    asyncio.run(run())


def test_without_targets_the_answer_is_503(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:
            status, headers, body = await here.get()
            assert status == 503
            assert headers["Server"] == "awselb/2.0"
            assert b"<center><h1>503 Service Temporarily Unavailable</h1></center>" in body
            assert here.count("HTTPCode_ELB_503_Count") == here.count("HTTPCode_ELB_5XX_Count") == 1
            assert here.count("RequestCount") == 0

    asyncio.run(run())


def test_when_all_are_unhealthy_all_get_requests(tmp_path):
    async def run():
        resources = (balancer(), listener(), group(check={"path": "/broken", **SOON}), rule())
        async with world(tmp_path, *resources, speed=1000) as here:

            async def answer(request):
                return Response(500 if request.path == "/broken" else 200, [], b"still here")

            for ip in ("10.20.0.1", "10.20.0.2"):
                await here.target(answer, ip=ip, healthy=False)
                await until(lambda ip=ip: here.state(ip) == "unhealthy")
            for _ in range(4):
                assert (await here.get())[2] == b"still here"
            assert {one["requests"] for one in here.manager.describe()["groups"][0]["targets"]} == {2}

    asyncio.run(run())


def test_the_unhealthy_get_nothing_while_somebody_is_healthy(tmp_path):
    async def run():
        async with world(tmp_path, *QUICK) as here:
            await here.target(ip="10.20.0.1")
            here.manager.register(USERS, Target("10.20.0.2", "127.0.0.1", ports.free()))
            await until(lambda: here.state("10.20.0.2") == "unhealthy")
            assert {(await here.get())[2] for _ in range(6)} == {b"10.20.0.1"}

    asyncio.run(run())


def test_requests_go_round(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:
            for number in range(3):
                await here.target(ip=f"10.20.0.{number}")
            bodies = [(await here.get())[2] for _ in range(6)]
            assert sorted(bodies[:3]) == sorted(bodies[3:]) == [b"10.20.0.0", b"10.20.0.1", b"10.20.0.2"]

    asyncio.run(run())


def test_the_least_busy_gets_the_next_request(tmp_path):
    async def run():
        resources = (balancer(), listener(), group(loadBalancingAlgorithmType="least_outstanding_requests"), rule())
        async with world(tmp_path, *resources) as here:
            held, free = [], asyncio.Event()

            async def hold(request):
                held.append(request)
                await free.wait()
                return Response(200, [], b"busy")

            await here.target(hold, ip="10.20.0.1")
            first = asyncio.create_task(here.get())
            await until(lambda: held)
            await here.target(ip="10.20.0.2")
            assert {(await here.get())[2] for _ in range(4)} == {b"10.20.0.2"}
            free.set()
            assert (await first)[2] == b"busy"

    asyncio.run(run())


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n"])
def test_who_closes_or_babbles_in_the_middle_is_a_bad_gateway(tmp_path, said):
    async def run():
        asked = []

        async def broken(reader, writer):
            line = await reader.readline()
            asked.append(line)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if b"/health" in line else said)
            writer.close()

        async with talking(broken) as port, world(tmp_path, *PLAIN, speed=1) as here:
            here.manager.register(USERS, Target("10.20.0.9", "127.0.0.1", port))
            await until(lambda: here.state("10.20.0.9") == "healthy")
            status, headers, body = await here.get()
            assert (status, headers["Server"]) == (502, "awselb/2.0")
            assert b"502 Bad Gateway" in body
            assert here.count("HTTPCode_ELB_502_Count") == 1
            assert here.count("TargetConnectionErrorCount") == 0
            # Nothing is sent twice, not even what could be.
            assert asked.count(b"GET / HTTP/1.1\r\n") == 1

    asyncio.run(run())


def test_a_refused_connection_is_a_bad_gateway_and_counted(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:
            server = await here.target()
            await server.close(0)
            assert (await here.get())[0] == 502
            assert here.count("TargetConnectionErrorCount", TargetGroup="targetgroup/dev-users/f221ccc32fd93714") == 1
            await here.get()
            said = [event.text for event in here.context.events.since() if event.text.startswith("502")]
            assert said == [f"502 for GET /: the target 10.20.0.17:{server.port} refused the connection."]

    asyncio.run(run())


def test_who_is_silent_for_longer_than_the_idle_timeout_is_given_up(tmp_path):
    async def run():
        async with world(tmp_path, balancer(idleTimeout=0.3), listener(), group(), rule()) as here:

            async def sleep(request):
                await asyncio.sleep(30)

            await here.target(sleep)
            status, _, body = await here.get()
            assert status == 504
            assert b"504 Gateway Time-out" in body
            assert here.count("HTTPCode_ELB_504_Count") == 1

    asyncio.run(run())


def test_a_failed_zone_makes_its_targets_unhealthy_and_no_others(tmp_path):
    async def run():
        resources = (balancer(), listener(), group(check={"timeout": 0.2}), rule())
        async with world(tmp_path, *resources, speed=1000) as here:
            await here.target(ip="10.20.0.1", zone="us-east-1a")
            await here.target(ip="10.20.0.2", zone="us-east-1b")
            here.break_down(Broken(zone="us-east-1a"))
            await until(lambda: here.state("10.20.0.1") == "unhealthy")
            assert health(here)[0][1] == "Target.Timeout"
            assert {(await here.get())[2] for _ in range(4)} == {b"10.20.0.2"}

    asyncio.run(run())


def test_a_slow_target_is_slow_and_may_fail_its_checks(tmp_path):
    async def run():
        resources = (balancer(idleTimeout=60), listener(), group(check={"timeout": 0.2}), rule())
        async with world(tmp_path, *resources, speed=1000) as here:
            await here.target()
            here.break_down(Broken(slow="dev-users", seconds=0.5))
            assert (await here.get())[2] == b"10.20.0.17"
            assert here.count("TargetResponseTime", "Minimum") >= 0.5
            await until(lambda: here.state("10.20.0.17") == "unhealthy")
            here.break_down(Broken(slow="dev-front-door", seconds=0.5))
            before = asyncio.get_running_loop().time()
            await here.get()
            assert asyncio.get_running_loop().time() - before >= 0.5

    asyncio.run(run())


def test_a_group_without_a_rule_is_not_checked(tmp_path):
    async def run():
        async with world(tmp_path, balancer(), listener(), group(), speed=1000) as here:
            server = await here.target(healthy=False)
            assert health(here)[0][:2] == ("unused", "Target.NotInUse")
            await here.apply(balancer(), listener(), group(), rule())
            await until(lambda: here.state("10.20.0.17") == "healthy")
            await here.apply(balancer(), listener(), group())
            assert health(here)[0][:2] == ("unused", "Target.NotInUse")
            assert server.port

    asyncio.run(run())


def test_an_idle_target_leaves_at_once(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:
            await here.target()
            await here.get()
            # 300 seconds at the speed of AWS.
            async with asyncio.timeout(20):
                await here.manager.deregister(USERS, "10.20.0.17")
            assert health(here) == []
            assert (await here.get())[0] == 503

    asyncio.run(run())


def test_who_leaves_ends_what_it_works_on_and_gets_nothing_new(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:
            held, free = [], asyncio.Event()

            async def hold(request):
                held.append(request)
                await free.wait()
                return Response(200, [], b"done")

            await here.target(hold, ip="10.20.0.1")
            request = asyncio.create_task(here.get())
            await until(lambda: held)
            leaving = asyncio.create_task(here.manager.deregister(USERS, "10.20.0.1"))
            await until(lambda: here.state("10.20.0.1") == "draining")
            assert health(here)[0][1:] == ("Target.DeregistrationInProgress", "Target deregistration is in progress")
            await here.target(ip="10.20.0.2")
            assert {(await here.get())[2] for _ in range(3)} == {b"10.20.0.2"}
            assert not leaving.done()
            free.set()
            assert (await request)[2] == b"done"
            await leaving
            assert here.state("10.20.0.1") is None

    asyncio.run(run())


def test_the_delay_ends_the_waiting(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1000) as here:
            held, free = [], asyncio.Event()

            async def hold(request):
                held.append(request)
                await free.wait()
                return Response(200)

            await here.target(hold)
            request = asyncio.create_task(here.get())
            await until(lambda: held)
            await here.manager.deregister(USERS, "10.20.0.17")
            assert here.state("10.20.0.17") is None
            free.set()
            assert (await request)[0] == 200

    asyncio.run(run())


def test_weights_share_requests_and_none_gets_none(tmp_path):
    async def run():
        groups = (group("dev-old"), group("dev-new"))
        shares = rule(action=forward((group_arn("dev-old"), 80), (group_arn("dev-new"), 20)))
        async with world(tmp_path, balancer(), listener(), *groups, shares) as here:
            await here.target(name="dev-old", ip="10.20.0.1")
            await here.target(name="dev-new", ip="10.20.0.2")
            bodies = [(await here.get())[2] for _ in range(300)]
            assert 20 <= bodies.count(b"10.20.0.2") <= 110
            everything = rule(action=forward((group_arn("dev-old"), 0), (group_arn("dev-new"), 100)))
            await here.apply(balancer(), listener(), *groups, everything)
            assert {(await here.get())[2] for _ in range(20)} == {b"10.20.0.2"}
            here.manager.weigh(everything.outputs["arn"], {group_arn("dev-old"): 100, group_arn("dev-new"): 0})
            assert {(await here.get())[2] for _ in range(20)} == {b"10.20.0.1"}
            here.manager.weigh(everything.outputs["arn"], {})
            assert (await here.get())[2] == b"10.20.0.2"

    asyncio.run(run())


def test_a_sticky_rule_brings_a_client_back_to_its_group(tmp_path):
    async def run():
        groups = (group("dev-old"), group("dev-new"))
        sticky = {"stickiness": {"enabled": True, "duration": 600}}
        shares = rule(action=forward((group_arn("dev-old"), 50), (group_arn("dev-new"), 50), **sticky))
        async with world(tmp_path, balancer(), listener(), *groups, shares) as here:
            await here.target(name="dev-old", ip="10.20.0.1")
            await here.target(name="dev-new", ip="10.20.0.2")
            _, headers, first = await here.get()
            names = [cookie.split("=")[0] for cookie in headers.getall("Set-Cookie")]
            assert names == ["AWSALBTG", "AWSALBTGCORS"]
            assert {(await here.get())[2] for _ in range(10)} == {first}

    asyncio.run(run())


def test_a_sticky_group_brings_a_client_back_to_its_target(tmp_path):
    async def run():
        sticky = group(stickiness={"enabled": True, "type": "lb_cookie", "cookieDuration": 60})
        async with world(tmp_path, balancer(), listener(), sticky, rule()) as here:
            await here.target(ip="10.20.0.1")
            await here.target(ip="10.20.0.2")
            _, headers, first = await here.get()
            assert headers["Set-Cookie"].startswith("AWSALB=")
            assert {(await here.get())[2] for _ in range(10)} == {first}
            await here.manager.deregister(USERS, first.decode())
            assert {(await here.get())[2] for _ in range(4)} == {b"10.20.0.1", b"10.20.0.2"} - {first}

    asyncio.run(run())


def test_what_is_counted_has_the_names_and_dimensions_of_cloudwatch(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN) as here:

            async def answer(request):
                return Response(int(request.path[1:]))

            await here.target(answer, ip="10.20.0.1")
            await here.target(answer, ip="10.20.0.2")
            for status in (200, 201, 404, 500):
                assert (await here.get(f"/{status}"))[0] == status
            users = {"TargetGroup": "targetgroup/dev-users/f221ccc32fd93714"}
            for dimensions in ({}, users):
                assert here.count("RequestCount", **dimensions) == 4
                assert here.count("HTTPCode_Target_2XX_Count", **dimensions) == 2
                assert here.count("HTTPCode_Target_4XX_Count", **dimensions) == 1
                assert here.count("HTTPCode_Target_5XX_Count", **dimensions) == 1
                assert here.count("TargetResponseTime", "SampleCount", **dimensions) == 4
            assert here.count("HTTPCode_ELB_5XX_Count") == 0
            by_group = here.context.metrics.statistics(
                "AWS/ApplicationELB", "RequestCountPerTarget", users, 0, 2**40, period=2**30, stat="Sum"
            )
            assert [value for _, value in by_group] == [2.0]
            await until(lambda: here.count("HealthyHostCount", "Maximum", **users) == 2)
            assert here.count("UnHealthyHostCount", "Minimum", **users) == 0

    asyncio.run(run())


@pytest.mark.parametrize(("idle", "warned"), [(5, True), (0.2, False)])
def test_a_target_that_closes_idle_connections_too_early_is_told_of(tmp_path, idle, warned):
    async def run():
        connections = []

        async def impatient(reader, writer):
            connections.append(writer)
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            # Those that look at how long a connection is kept say no more than they must.
            await asyncio.sleep(1 if b"User-Agent" not in head else 0)
            writer.close()

        resources = (balancer(idleTimeout=idle), listener(), group(), rule())
        async with talking(impatient) as port, world(tmp_path, *resources, speed=1) as here:
            here.manager.register(USERS, Target("10.20.0.9", "127.0.0.1", port, subject="dev-users"))

            def said():
                return [event for event in here.context.events.since() if "idle connections" in event.text]

            if warned:
                await until(said)
                assert (said()[0].subject, said()[0].level) == ("dev-users", "warning")
                assert "after 1 seconds, the load balancer after 5" in said()[0].text
            else:
                await until(lambda: len(connections) > 1)
                await asyncio.sleep(1.2)
                assert not said()

    asyncio.run(run())


def test_a_target_that_ends_is_not_taken_for_an_impatient_one(tmp_path):
    async def run():
        async with world(tmp_path, *PLAIN, speed=1) as here:
            server = await here.target()
            await until(lambda: server.connections)
            await server.close(0)
            await until(lambda: not [task for task in asyncio.all_tasks() if "idle to" in task.get_name()])
            assert not [event for event in here.context.events.since() if "idle connections" in event.text]

    asyncio.run(run())
