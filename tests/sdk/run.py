#!/usr/bin/env python3
"""Every official client, unchanged, through two proxies and one keyd, with keys rotating over three projects.

usage: tests/sdk/run.py --bin build/release/bin [--packages build/sdk] [--only CLIENT …] [--table FILE]
"""

import argparse
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import install  # noqa: E402
import table  # noqa: E402
from cluster import Cluster  # noqa: E402

KEYS = {f"sdk-test-key-{number}-0123456789": f"project-{number}" for number in (1, 2, 3)}
CLIENT_SECONDS = 400
# Streams of the one end too early, streams of the other go no further than their first piece.
CUT_MODEL, HANG_MODEL = "gemini-2.5-pro", "gemini-2.5-flash-lite"
LEAVE_SECONDS = 10


def clients(packages, only):
    """Name → command, installing what they need."""
    def wanted(names):
        return [name for name in names if not only or name in only]

    found = {}
    javascript = {"@google/genai 3": "genai-current", "@google/genai 2": "genai-before", "@google/genai 1": "genai-first",
                  "@google/generative-ai": "legacy", "LangChain (npm)": "langchain", "openai (npm)": "openai"}
    python = {"google-genai (PyPI)": "google-genai", "openai (PyPI)": "openai"}
    # Needs an older google-genai than the newest.
    python_langchain = {"LangChain (PyPI)": "langchain"}
    if wanted(javascript):
        folder = install.javascript(packages)
        found |= {name: ["node", folder / "clients.mjs", javascript[name]] for name in wanted(javascript)}
    for names, requirements in ((python, "requirements.txt"), (python_langchain, "langchain/requirements.txt")):
        if wanted(names):
            interpreter = install.python(packages, HERE / requirements)
            found |= {name: [interpreter, HERE / "py" / "clients.py", names[name]] for name in wanted(names)}
    if wanted(["google-genai (Maven)"]):
        found["google-genai (Maven)"] = ["java", "-cp", install.java(packages), "Features"]
    if wanted(["google.golang.org/genai"]):
        if program := install.go(packages):
            found["google.golang.org/genai"] = [program]
        else:
            print(f"google.golang.org/genai is left out: there is no Go 1.{install.GO_MINOR} or newer here")
    if wanted(["gemini-cli"]):
        found["gemini-cli"] = [sys.executable, HERE / "py" / "gemini_cli.py", *install.gemini_cli(packages)]
    if wanted(["curl"]):
        found["curl"] = [HERE / "curl" / "clients.sh"]
    return found


def trust(ca_file):
    """What makes each kind of client trust the authority of the proxies, as deploy/make-local-ca says it."""
    found = {"SSL_CERT_FILE": str(ca_file), "NODE_EXTRA_CA_CERTS": str(ca_file)}
    if shutil.which("keytool"):
        store = ca_file.with_name("truststore.p12")
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "key-pool", "-file", ca_file, "-keystore", store,
                        "-storetype", "PKCS12", "-storepass", "changeit"], check=True, stderr=subprocess.DEVNULL)
        found["JDK_JAVA_OPTIONS"] = (f"-Djavax.net.ssl.trustStore={store} "
                                     "-Djavax.net.ssl.trustStorePassword=changeit")
    return found


def run_client(command, client_env):
    """Feature → None when it passed, else what went wrong."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("GEMINI_", "GOOGLE_", "OPENAI_")) and not key.lower().endswith("_proxy")}
    # With what it starts it is a process group, so that all of it can be ended.
    process = subprocess.Popen([str(part) for part in command], env={**env, **client_env},
                               stdout=subprocess.PIPE, text=True, start_new_session=True)
    late = False
    try:
        output, _ = process.communicate(timeout=CLIENT_SECONDS)
    except subprocess.TimeoutExpired:
        late = True
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()  # what it has said until then
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    rows = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    results = {row["feature"]: None if row["ok"] else row.get("detail", "failed") for row in rows}
    if late:
        results["exit"] = f"not within {CLIENT_SECONDS} s"
    elif process.returncode != 0:
        results["exit"] = f"exit code {process.returncode}"
    return results


def projects_used(cluster):
    return {bucket["project"] for bucket in cluster.fake("counts")["buckets"] if bucket["admitted"] > 0}


def streams_left(cluster, after):
    """What became of the streams of HANG_MODEL behind request number `after`, as soon as none is open any more: the
    client has ended, and Google must not be kept waiting."""
    deadline = time.monotonic() + LEAVE_SECONDS
    while True:
        seen = cluster.fake(f"requests?after={after}")["requests"]
        endings = {one["ending"] for one in seen if one["model"] == HANG_MODEL}
        if "open" not in endings or time.monotonic() > deadline:
            return endings
        select.select([], [], [], 0.02)


def run_one(cluster, command, env):
    before = max((one["number"] for one in cluster.fake("requests")["requests"]), default=0)
    results = run_client(command, env)
    endings = streams_left(cluster, before)
    if results.get("abort", "did not run") is None and endings != {"peer_closed"}:
        results["abort"] = f"the stream that the client left was not left at Google: {sorted(endings)}"
    return results


def run_all(cluster, commands):
    """Client → its results, printed as they come; and what failed beside them."""
    for kind, model, events in (("cut_stream", CUT_MODEL, 2), ("hang_stream", HANG_MODEL, 1)):
        cluster.post(f"{cluster.fake_url}/__fake/faults",
                     {"kind": kind, "match": {"model": model}, "times": -1, "params": {"events": events}})
    env = {"PROXIES": ",".join(cluster.proxy_urls), "TLS_PROXIES": ",".join(cluster.tls_proxy_urls),
           "CUT_MODEL": CUT_MODEL, "HANG_MODEL": HANG_MODEL, **trust(cluster.ca_file)}
    width = max(map(len, commands)) + 2
    print(" " * width + "".join(f"{feature:>13}" for feature in table.FEATURES))
    all_results, failures = {}, []
    for name, command in commands.items():
        results = run_one(cluster, command, env)
        all_results[name] = results
        print(f"{name:<{width}}" + "".join(f"{cell:>13}" for cell in table.cells(name, results)), flush=True)
        failures += [f"{name}: {what}: {problem}" for what, problem in results.items() if problem]
        failures += [f"{name}: {feature}: did not run" for feature in table.FEATURES
                     if feature not in results and table.expects(name, feature)]
        failures += [f"{name}: {what} is in no column" for what in results
                     if what != "exit" and not (what in table.FEATURES and table.expects(name, what))]
    if (used := projects_used(cluster)) != set(KEYS.values()):
        failures.append(f"keys did not rotate over all projects, only {sorted(used)}")
    return all_results, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder with keyd, proxy and fake_gemini")
    parser.add_argument("--packages", default="build/sdk", help="where the clients are installed")
    parser.add_argument("--only", nargs="*", help="names of clients, as in the table")
    parser.add_argument("--table", nargs="*", help="Markdown files: their table of clients must say what this run found")
    parser.add_argument("--write", action="store_true", help="write the table instead of comparing it")
    args = parser.parse_args()
    # So that what was started is ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    commands = clients(pathlib.Path(args.packages).resolve(), args.only)
    with tempfile.TemporaryDirectory(prefix="keypool-sdk-") as work_dir:
        cluster = Cluster(args.bin, work_dir, KEYS, fake_flags=("--rpm", "1000", "--rpd", "100000"),
                          keyd_env={"DEFAULT_RPM_LIMIT": "1000", "DEFAULT_RPD_LIMIT": "100000",
                                    "DEFAULT_TPM_LIMIT": "1000000000"}, https=True)
        try:
            results, failures = run_all(cluster, commands)
        finally:
            stopped_badly = cluster.stop()
    failures += [f"{name} did not exit 0 on SIGTERM" for name in stopped_badly]
    if args.table:
        for path in args.table:
            failures += table.compare(pathlib.Path(path), results, args.write)
    for failure in failures:
        print(failure)
    passed = sum(problem is None for row in results.values() for problem in row.values())
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
