"""One feature after the other with one official Python client; a line of JSON for each on standard output.

usage: clients.py CLIENT, a key of CLIENTS
"""

import json
import sys

import genai_features
import langchain_features
import openai_features

CLIENTS = {"google-genai": genai_features.features, "langchain": langchain_features.features,
           "openai": openai_features.features}


def main():
    for feature, run in CLIENTS[sys.argv[1]]().items():
        try:
            run()
            print(json.dumps({"feature": feature, "ok": True}), flush=True)
        except Exception as error:  # whatever a client throws is the row's result
            detail = f"{type(error).__name__}: {error}"
            print(json.dumps({"feature": feature, "ok": False, "detail": detail}), flush=True)


main()
