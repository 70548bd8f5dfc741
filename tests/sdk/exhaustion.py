#!/usr/bin/env python3
"""What official clients make of a pool in which no key can serve, for the day or for seconds.

usage: tests/sdk/exhaustion.py --bin build/release/bin [--packages build/sdk] [--only CLIENT …]
"""

import argparse
import concurrent.futures
import dataclasses
import datetime
import json
import math
import pathlib
import select
import sys
import tempfile
import zoneinfo

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import install  # noqa: E402
from cluster import Cluster  # noqa: E402
from recorder import Recorder  # noqa: E402
from run import run_client  # noqa: E402

KEYS = {f"sdk-test-key-{number}-0123456789": f"project-{number}" for number in (1, 2)}
DAY_MODEL = "spent-today"
AT_A_TIME = 4
# A timer may be early by so much.
TIMER_SECONDS = 0.01
# What the pool says of the day is true until midnight, and clients heed it when that is near.
MIDNIGHT_SECONDS = 300
FEATURES = ["day", "day stream", "day interaction", "minute", "minute stream", "waits"]
PLAIN = ["day", "day stream", "waits"]


@dataclasses.dataclass
class Client:
    """`day_calls` and `near_calls`: how often it may ask for the model that is spent for the day,
    and for the one that is free in seconds. `heeds`: what it waits by; empty: by nothing that it is
    told. `retry_delay`: what the fake Gemini says, in seconds; keyd waits a second longer."""
    command: list
    features: list
    day_calls: range
    near_calls: range
    heeds: str = "Retry-After"
    # Longer than the pause that any of them makes by itself, shorter than one that any refuses.
    retry_delay: int = 6
    near_model: str = ""


def clients(packages, only):
    """Name → Client, with what they need installed."""
    def genai(*command):
        return Client([*command], FEATURES, day_calls=range(3, 4), near_calls=range(4, 5))

    def node(package):
        return ["node", install.javascript(packages) / "exhaustion.mjs", package]

    def python(*arguments):
        return [install.python(packages), HERE / "exhaustion_clients.py", *arguments]

    makers = {
        "gemini-cli (npm)": lambda: Client(
            python("gemini-cli", *install.gemini_cli(packages)), ["day", "waits"],
            day_calls=range(1, 2), near_calls=range(2, 3), heeds="RetryInfo"),
        # Its first pauses without dice are 1, 2 and 4 seconds.
        "google-genai (Maven)": lambda: Client(
            ["java", "-cp", install.java(packages), "Exhaustion"],
            PLAIN,
            day_calls=range(10, 11), near_calls=range(3, 6), heeds="", retry_delay=2),
        "@google/genai 3 (npm)": lambda: genai(*node("genai-current")),
        "@google/genai 2 (npm)": lambda: genai(*node("genai-before")),
        "google-genai (PyPI)": lambda: genai(*python("google-genai")),
        # Of more than a minute it takes no notice, and makes its 3 attempts.
        "openai (npm)": lambda: Client(
            node("openai"), PLAIN, day_calls=range(2, 3), near_calls=range(2, 3)),
        # After more than two minutes it does not come back.
        "openai (PyPI)": lambda: Client(
            python("openai"), PLAIN, day_calls=range(2, 3), near_calls=range(2, 3)),
    }
    found = {name: make() for name, make in makers.items() if not only or name in only}
    for number, client in enumerate(found.values()):
        client.near_model = f"free-in-seconds-{number}"
    return found


def await_midnight_passed():
    """The day of the quota must not end under the test."""
    now = datetime.datetime.now(zoneinfo.ZoneInfo("America/Los_Angeles"))
    tomorrow = now.date() + datetime.timedelta(days=1)
    midnight = datetime.datetime.combine(tomorrow, datetime.time(), now.tzinfo)
    left = midnight.timestamp() - now.timestamp()
    if left < MIDNIGHT_SECONDS:
        print(f"waiting {left:.0f} s for midnight in {now.tzinfo.key}", flush=True)
        select.select([], [], [], left + 1)


def http_answer(status, body):
    text = json.dumps(body, indent=2) + "\n"
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=UTF-8\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}")


def minute_is_full(retry_delay):
    rpc = "type.googleapis.com/google.rpc"
    violation = {"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}
    return http_answer("429 Too Many Requests", {"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED",
        "message": f"You exceeded your current quota. Please retry in {retry_delay}s.",
        "details": [{"@type": f"{rpc}.QuotaFailure", "violations": [violation]},
                    {"@type": f"{rpc}.RetryInfo", "retryDelay": f"{retry_delay}s"}]}})


def exhaust(cluster, found):
    """Spends the day of one model; lets Gemini refuse every project once for each of the others."""
    for _ in KEYS:
        cluster.post(f"{cluster.proxy_urls[0]}/v1beta/models/{DAY_MODEL}:generateContent",
                     {"contents": [{"parts": [{"text": "Hello"}]}]})
    for client in found.values():
        for project in KEYS.values():
            cluster.post(f"{cluster.fake_url}/__fake/faults",
                         {"kind": "raw", "match": {"model": client.near_model, "project": project},
                          "params": {"raw": minute_is_full(client.retry_delay), "close": False}})
    # The fake has no interactions.
    said = {"type": "model_output", "content": [{"type": "text", "text": "Hello"}]}
    interaction = {"id": "interaction-1", "object": "interaction", "status": "completed",
                   "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z",
                   "steps": [said]}
    cluster.post(f"{cluster.fake_url}/__fake/faults",
                 {"kind": "raw", "match": {"path": "/interactions"}, "times": -1,
                  "params": {"raw": http_answer("200 OK", interaction), "close": False}})


def told_seconds(call, heeds):
    if heeds == "Retry-After":
        return float(call.retry_after)
    return float(call.details()["RetryInfo"]["retryDelay"].removesuffix("s"))


def problems_of_refusal(call, window):
    """What is wrong with one answer of 429, whatever its shape."""
    details = call.details()
    quota_id = details["QuotaFailure"]["violations"][0]["quotaId"]
    if window not in quota_id:
        yield f"{call.target}: {quota_id} is not {window}"
    told = told_seconds(call, "RetryInfo")
    # Google's client in Python would sleep as long as Retry-After says, until tomorrow if need be.
    left_out = "/interactions" in call.target and told > 60
    expected = "" if left_out else str(max(1, math.ceil(told)))
    if call.retry_after != expected:
        yield f"{call.target}: Retry-After {call.retry_after}, but {details['RetryInfo']}"


def problems_of_refusals(calls, window):
    for call in calls:
        if call.status == 429:
            yield from problems_of_refusal(call, window)
        else:
            yield f"{call.target}: answered {call.status}, not 429"


def problems_of_calls(client, calls):
    """What is wrong with what was asked and answered."""
    day = [call for call in calls if call.model == DAY_MODEL]
    near = [call for call in calls if call.model == client.near_model]
    if len(day) + len(near) != len(calls):
        yield f"asked for more than it was told to: {sorted({call.target for call in calls})}"
    for which, asked, expected in (("day", day, client.day_calls),
                                   ("minute", near, client.near_calls)):
        if len(asked) not in expected:
            yield f"{which}: {len(asked)} calls, not {expected.start} to {expected.stop - 1}"
    yield from problems_of_refusals(day, "PerDay")
    yield from problems_of_refusals(near[:-1], "PerMinute")
    if not near or near[-1].status != 200:
        yield "was not served in the end"
    waited, told = wait_of(client, calls)
    if client.heeds and waited < told - TIMER_SECONDS:
        yield f"waited {waited:.3f} s of {told:.3f} s"


def wait_of(client, calls):
    """Seconds that it waited before it was served, and those that it was told to."""
    near = [call for call in calls if call.model == client.near_model]
    if len(near) < 2 or near[-2].status != 429:
        return 0.0, math.inf
    return near[-1].asked - near[-2].answered, told_seconds(near[-2], client.heeds)


def run_one(client, proxy_url):
    """Feature → None or what went wrong, and the calls."""
    recorder = Recorder(proxy_url)
    try:
        results = run_client(client.command, {
            "PROXY": recorder.url, "NEAR_MODEL": client.near_model, "DAY_MODEL": DAY_MODEL})
    finally:
        recorder.stop()
    return results, recorder.calls


def report(name, client, results, calls, width):
    """Prints the row; what failed."""
    failures = []
    cells = []
    for feature in FEATURES:
        if feature not in client.features:
            cells.append("–")
            continue
        problem = results.pop(feature, "did not run")
        cells.append("failed" if problem else "ok")
        if problem:
            failures.append(f"{name}: {feature}: {problem}")
    failures += [f"{name}: {what}: {problem}" for what, problem in results.items() if problem]
    failures += [f"{name}: {problem}" for problem in problems_of_calls(client, calls)]
    waited, told = wait_of(client, calls)
    day_calls = sum(call.model == DAY_MODEL for call in calls)
    waits = f"{waited:.1f} of {told:.1f} s" if client.heeds else "–"
    cells += [str(day_calls), str(len(calls) - day_calls), waits]
    print(f"{name:<{width}}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder with keyd, proxy and fake_gemini")
    parser.add_argument("--packages", default="build/sdk", help="where the clients are installed")
    parser.add_argument("--only", nargs="*", help="names of clients, as in the table")
    args = parser.parse_args()
    found = clients(pathlib.Path(args.packages).resolve(), args.only)
    failures = []
    await_midnight_passed()
    with tempfile.TemporaryDirectory(prefix="keypool-sdk-") as work_dir:
        limits = pathlib.Path(work_dir, "limits.toml")
        limits.write_text(f'[models."{DAY_MODEL}"]\nrequests_per_day = 1\n')
        models = [DAY_MODEL, *(client.near_model for client in found.values())]
        cluster = Cluster(args.bin, work_dir, KEYS,
                          fake_flags=[flag for model in models for flag in ("--model", model)],
                          keyd_env={"LIMITS_FILE": str(limits)},
                          proxy_env={"MAX_WAIT_SECONDS": "0", "RETRY_DELAY_SECONDS": "0"})
        try:
            exhaust(cluster, found)
            width = max(map(len, found)) + 2
            columns = [*FEATURES, "day calls", "minute calls", "waited"]
            print(" " * width + "".join(f"{column:>16}" for column in columns))
            with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
                runs = [pool.submit(run_one, client, cluster.proxy_urls[number % 2])
                        for number, client in enumerate(found.values())]
                for (name, client), run in zip(found.items(), runs):
                    failures += report(name, client, *run.result(), width)
        finally:
            failures += [f"{name} did not exit 0 on SIGTERM" for name in cluster.stop()]
    for failure in failures:
        print(failure)
    passed = sum(not any(failure.startswith(f"{name}:") for failure in failures)
                 for name in found)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
