"""One feature after the other with gemini-cli, without a terminal; a line of JSON for each on standard output.

usage: gemini_cli.py COMMAND…
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import acp

SETTINGS = {"general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "privacy": {"usageStatisticsEnabled": False},
            "security": {"auth": {"selectedType": "gemini-api-key"}}}
MODEL = "gemini-2.5-flash"
WEATHER_SERVER = pathlib.Path(__file__).with_name("weather_server.py")


@contextlib.contextmanager
def home_of(proxy):
    """A folder and an environment to run it in, of which nothing is left behind."""
    with tempfile.TemporaryDirectory(prefix="keypool-gemini-cli-") as home:
        work_dir = pathlib.Path(home, "work")
        work_dir.mkdir()
        pathlib.Path(home, ".gemini").mkdir()
        pathlib.Path(home, ".gemini", "settings.json").write_text(json.dumps(SETTINGS))
        yield work_dir, {**os.environ, "HOME": home, "TMPDIR": home, "GOOGLE_GEMINI_BASE_URL": proxy,
                         "GEMINI_API_KEY": "pool", "GEMINI_TELEMETRY_ENABLED": "false",
                         "GEMINI_CLI_NO_RELAUNCH": "true"}


def ask(command, proxy, model, prompt="Hello"):
    """The finished process of one question, in a home of its own."""
    with home_of(proxy) as (work_dir, env):
        return subprocess.run([*command, "--skip-trust", "--model", model, "--prompt", prompt], cwd=work_dir, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def turn(agent, session, text="Hello"):
    """The updates of one turn that ends well."""
    updates = []
    stopped = agent.prompt(session, text, updates.append)
    assert stopped == "end_turn", stopped
    return updates


def said(updates):
    return [update["content"]["text"] for update in updates if update["sessionUpdate"] == "agent_message_chunk"]


def stream(agent):
    pieces = said(turn(agent, agent.session(MODEL)))
    assert len(pieces) > 1, pieces


def chat(agent):
    session = agent.session(MODEL)
    assert said(turn(agent, session))
    assert said(turn(agent, session, "And again"))


def tools(agent):
    updates = turn(agent, agent.session(MODEL, [(sys.executable, str(WEATHER_SERVER))]))
    assert "clear in Paris" in json.dumps(updates), updates
    assert said(updates), updates


def abort(agent):
    session = agent.session(os.environ["HANG_MODEL"])
    stopped = agent.prompt(session, "Hello", lambda update: said([update]) and agent.cancel(session))
    assert stopped == "cancelled", stopped


def cut(agent):
    try:
        stopped = agent.prompt(agent.session(os.environ["CUT_MODEL"]), "Hello")
    except acp.Refused as error:
        return print(error, file=sys.stderr)
    raise AssertionError(f"the stream seemed complete: {stopped}")


def report(feature, run):
    try:
        run()
        print(json.dumps({"feature": feature, "ok": True}), flush=True)
    except Exception as error:  # whatever goes wrong is the row's result
        detail = f"{type(error).__name__}: {error}"
        print(json.dumps({"feature": feature, "ok": False, "detail": detail[-500:]}), flush=True)


def text(command, proxy):
    done = ask(command, proxy, MODEL)
    assert done.returncode == 0, done.stdout
    assert "Hello from the fake Gemini" in done.stdout, done.stdout


def main():
    command, proxies = sys.argv[1:], os.environ["PROXIES"].split(",")
    report("text", lambda: text(command, proxies[0]))
    with home_of(proxies[-1]) as (work_dir, env), contextlib.closing(acp.Agent(command, work_dir, env)) as agent:
        os.chdir(work_dir)
        for feature in (stream, chat, tools, abort, cut):
            report(feature.__name__, lambda: feature(agent))


if __name__ == "__main__":
    main()
