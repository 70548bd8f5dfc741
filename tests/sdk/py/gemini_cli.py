"""One feature with gemini-cli, which has but one that can be asked for without a terminal; a line of JSON on standard output.

usage: gemini_cli.py COMMAND…
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

SETTINGS = {"general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "privacy": {"usageStatisticsEnabled": False},
            "security": {"auth": {"selectedType": "gemini-api-key"}}}


def ask(command, proxy, model, prompt="Hello"):
    """The finished process of one question, in a home of its own."""
    with tempfile.TemporaryDirectory(prefix="keypool-gemini-cli-") as home:
        work_dir = pathlib.Path(home, "work")
        work_dir.mkdir()
        pathlib.Path(home, ".gemini").mkdir()
        pathlib.Path(home, ".gemini", "settings.json").write_text(json.dumps(SETTINGS))
        env = {**os.environ, "HOME": home, "TMPDIR": home, "GOOGLE_GEMINI_BASE_URL": proxy, "GEMINI_API_KEY": "pool",
               "GEMINI_TELEMETRY_ENABLED": "false", "GEMINI_CLI_NO_RELAUNCH": "true"}
        return subprocess.run([*command, "--skip-trust", "--model", model, "--prompt", prompt], cwd=work_dir, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main():
    done = ask(sys.argv[1:], os.environ["PROXIES"].split(",")[0], "gemini-2.5-flash")
    # It streams whatever it asks for.
    ok = done.returncode == 0 and "Hello from the fake Gemini" in done.stdout
    for feature in ("text", "stream"):
        print(json.dumps({"feature": feature, "ok": ok, "detail": done.stdout[-500:]}))


if __name__ == "__main__":
    main()
