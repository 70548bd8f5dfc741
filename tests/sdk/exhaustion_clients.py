"""What one official Python client, or gemini-cli, makes of a pool in which no key can serve; a line
of JSON for each feature on standard output.

usage: exhaustion_clients.py google-genai|openai
       exhaustion_clients.py gemini-cli COMMAND…
"""

import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "py"))
import gemini_cli  # noqa: E402

PROXY, NEAR_MODEL, DAY_MODEL = (os.environ[name] for name in ("PROXY", "NEAR_MODEL", "DAY_MODEL"))


def refusal_of(call, kind):
    """The error of this kind that `call` raises."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("was not refused")


def check_body(body, window):
    error = body["error"]
    assert re.search(r"(?s)of the pool.*Please retry in [0-9.]+s", error["message"]), body
    details = {detail["@type"].rpartition(".")[2]: detail for detail in error["details"]}
    assert window in details["QuotaFailure"]["violations"][0]["quotaId"], body
    assert re.fullmatch(r"[0-9.]+s", details["RetryInfo"]["retryDelay"]), body


def genai_features():
    from google import genai
    from google.genai import errors

    client = genai.Client(api_key="pool", http_options={"base_url": PROXY})
    once = genai.Client(api_key="pool",
                        http_options={"base_url": PROXY, "retry_options": {"attempts": 1}})

    def check(call, window):
        error = refusal_of(call, errors.ClientError)
        assert error.code == 429, error
        assert error.status == "RESOURCE_EXHAUSTED", error
        check_body(error.details, window)

    def unary(model):
        return lambda: client.models.generate_content(model=model, contents="Hello")

    def stream(model):
        return lambda: list(client.models.generate_content_stream(model=model, contents="Hello"))

    def day_interaction():
        # With its usual attempts it would wait until tomorrow: of Retry-After it takes any length.
        error = refusal_of(lambda: once.interactions.create(model=DAY_MODEL, input="Hello"),
                           Exception)
        assert error.status_code == 429, error
        check_body(error.body, "PerDay")

    def waits():
        assert client.interactions.create(model=NEAR_MODEL, input="Hello").status == "completed"

    return {"day": lambda: check(unary(DAY_MODEL), "PerDay"),
            "day stream": lambda: check(stream(DAY_MODEL), "PerDay"),
            "day interaction": day_interaction,
            "minute": lambda: check(unary(NEAR_MODEL), "PerMinute"),
            "minute stream": lambda: check(stream(NEAR_MODEL), "PerMinute"),
            "waits": waits}


def openai_features():
    import openai

    client = openai.OpenAI(api_key="pool", base_url=f"{PROXY}/v1beta/openai/")

    def ask(model, stream=False):
        messages = [{"role": "user", "content": "Hello"}]
        return client.chat.completions.create(model=model, messages=messages, stream=stream)

    def is_refused(stream):
        error = refusal_of(lambda: ask(DAY_MODEL, stream), openai.RateLimitError)
        assert error.status_code == 429, error
        check_body(error.body[0], "PerDay")

    def waits():
        assert ask(NEAR_MODEL).choices[0].message.content

    return {"day": lambda: is_refused(stream=False), "day stream": lambda: is_refused(stream=True),
            "waits": waits}


def gemini_cli_features(command):
    def run(model):
        return gemini_cli.ask(command, PROXY, model)

    def day():
        done = run(DAY_MODEL)
        assert done.returncode != 0, done.stdout
        terminal = "TerminalQuotaError: You have exhausted your daily quota"
        assert terminal in done.stdout, done.stdout
        assert "of the pool" in done.stdout, done.stdout

    def waits():
        done = run(NEAR_MODEL)
        assert done.returncode == 0, done.stdout
        assert "Hello from the fake Gemini" in done.stdout, done.stdout

    return {"day": day, "waits": waits}


def main():
    if sys.argv[1] == "gemini-cli":
        features = gemini_cli_features(sys.argv[2:])
    else:
        features = genai_features() if sys.argv[1] == "google-genai" else openai_features()
    for feature, run in features.items():
        try:
            run()
            print(json.dumps({"feature": feature, "ok": True}), flush=True)
        except Exception as error:  # whatever a client throws is the row's result
            detail = f"{type(error).__name__}: {error}"
            print(json.dumps({"feature": feature, "ok": False, "detail": detail}), flush=True)


main()
