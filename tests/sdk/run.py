#!/usr/bin/env python3
"""Every official client, unchanged, through two proxies and one keyd, with keys rotating over three projects.

usage: tests/sdk/run.py --bin build/release/bin [--packages build/sdk] [--only CLIENT …]
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import install  # noqa: E402
from cluster import Cluster  # noqa: E402

KEYS = {f"sdk-test-key-{number}-0123456789": f"project-{number}" for number in (1, 2, 3)}
CLIENT_SECONDS = 120
FEATURES = ["text", "stream", "countTokens", "embeddings", "models", "chat"]
NOT_IN_CLIENT = {("openai (npm)", "countTokens"), ("openai (PyPI)", "countTokens")}


def clients(packages, only):
    """Name → command, installing what they need."""
    def wanted(names):
        return [name for name in names if not only or name in only]

    found = {}
    javascript = {"@google/genai 3 (npm)": "genai-current", "@google/genai 2 (npm)": "genai-before",
                  "openai (npm)": "openai"}
    python = {"google-genai (PyPI)": "google-genai", "openai (PyPI)": "openai"}
    if wanted(javascript):
        folder = install.javascript(packages)
        found |= {name: ["node", folder / "clients.mjs", javascript[name]] for name in wanted(javascript)}
    if wanted(python):
        interpreter = install.python(packages)
        found |= {name: [interpreter, HERE / "python_clients.py", python[name]] for name in wanted(python)}
    return found


def run_client(command, client_env):
    """Feature → None when it passed, else what went wrong."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("GEMINI_", "GOOGLE_", "OPENAI_")) and not key.lower().endswith("_proxy")}
    # With what it starts it is a process group, so that all of it can be ended.
    process = subprocess.Popen([str(part) for part in command], env={**env, **client_env},
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=CLIENT_SECONDS)
    except subprocess.TimeoutExpired:
        return {"exit": f"not within {CLIENT_SECONDS} s"}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    results = {row["feature"]: None if row["ok"] else row.get("detail", "failed") for row in rows}
    if process.returncode != 0:
        results["exit"] = f"exit code {process.returncode}"
    return results


def projects_used(cluster):
    return {bucket["project"] for bucket in cluster.fake("counts")["buckets"] if bucket["admitted"] > 0}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder with keyd, proxy and fake_gemini")
    parser.add_argument("--packages", default="build/sdk", help="where the clients are installed")
    parser.add_argument("--only", nargs="*", help="names of clients, as in the table")
    args = parser.parse_args()
    packages = pathlib.Path(args.packages).resolve()
    commands = clients(packages, args.only)
    passed, failures = 0, []
    width = max(map(len, commands)) + 2
    with tempfile.TemporaryDirectory(prefix="keypool-sdk-") as work_dir:
        cluster = Cluster(args.bin, work_dir, KEYS, fake_flags=("--rpm", "1000", "--rpd", "100000"),
                          keyd_env={"DEFAULT_RPM_LIMIT": "1000", "DEFAULT_RPD_LIMIT": "100000",
                                    "DEFAULT_TPM_LIMIT": "1000000000"})
        try:
            print(" " * width + "".join(f"{feature:>13}" for feature in FEATURES))
            for name, command in commands.items():
                results = run_client(command, {"PROXIES": ",".join(cluster.proxy_urls)})
                cells = []
                for feature in FEATURES:
                    if (name, feature) in NOT_IN_CLIENT:
                        cells.append("–")
                        continue
                    problem = results.pop(feature, "did not run")
                    cells.append("failed" if problem else "ok")
                    passed += not problem
                    if problem:
                        failures.append(f"{name}: {feature}: {problem}")
                failures += [f"{name}: {what}: {problem}" for what, problem in results.items() if problem]
                print(f"{name:<{width}}" + "".join(f"{cell:>13}" for cell in cells), flush=True)
            used = projects_used(cluster)
            if used != set(KEYS.values()):
                failures.append(f"keys did not rotate over all projects, only {sorted(used)}")
        finally:
            failures += [f"{name} did not exit 0 on SIGTERM" for name in cluster.stop()]
    for failure in failures:
        print(failure)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
