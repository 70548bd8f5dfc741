"""One feature after the other with one official Python client; a line of JSON for each on standard output.

usage: python_clients.py google-genai|openai
"""

import itertools
import json
import os
import sys

MODEL = "gemini-2.5-flash"
EMBEDDING_MODEL = "gemini-embedding-001"
PROXIES = itertools.cycle(os.environ["PROXIES"].split(","))


def genai_features():
    from google import genai

    def client():
        return genai.Client(api_key="pool", http_options={"base_url": next(PROXIES)})

    def text():
        with client() as c:
            answer = c.models.generate_content(model=MODEL, contents="Hello")
        assert answer.text
        assert answer.usage_metadata.prompt_token_count > 0

    def stream():
        with client() as c:
            chunks = [chunk.text for chunk in c.models.generate_content_stream(model=MODEL, contents="Hello")]
        assert len(chunks) > 1, chunks
        assert "".join(chunk or "" for chunk in chunks)

    def count_tokens():
        with client() as c:
            assert c.models.count_tokens(model=MODEL, contents="Hello there").total_tokens > 0

    def embeddings():
        with client() as c:
            answer = c.models.embed_content(model=EMBEDDING_MODEL, contents=["one", "two"])
        assert len(answer.embeddings) == 2
        assert answer.embeddings[0].values

    def models():
        with client() as c:
            names = [model.name for model in c.models.list()]
        assert f"models/{MODEL}" in names, names

    def chat():
        with client() as c:
            conversation = c.chats.create(model=MODEL)
            assert conversation.send_message("Hello").text
            assert conversation.send_message("And again").text
            assert len(conversation.get_history()) == 4

    return {"text": text, "stream": stream, "countTokens": count_tokens, "embeddings": embeddings, "models": models,
            "chat": chat}


def openai_features():
    import openai

    messages = [{"role": "user", "content": "Hello"}]

    def client():
        return openai.OpenAI(api_key="pool", base_url=f"{next(PROXIES)}/v1beta/openai/", max_retries=0)

    def text():
        answer = client().chat.completions.create(model=MODEL, messages=messages)
        assert answer.choices[0].message.content
        assert answer.usage.prompt_tokens > 0

    def stream():
        chunks = client().chat.completions.create(model=MODEL, messages=messages, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)

    def embeddings():
        answer = client().embeddings.create(model=EMBEDDING_MODEL, input=["one", "two"])
        assert len(answer.data) == 2
        assert answer.data[0].embedding

    def models():
        names = [model.id for model in client().models.list()]
        assert any(name.endswith(MODEL) for name in names), names

    def chat():
        history = messages + [{"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "And again"}]
        assert client().chat.completions.create(model=MODEL, messages=history).choices[0].message.content

    return {"text": text, "stream": stream, "embeddings": embeddings, "models": models, "chat": chat}


def main():
    features = genai_features() if sys.argv[1] == "google-genai" else openai_features()
    for feature, run in features.items():
        try:
            run()
            print(json.dumps({"feature": feature, "ok": True}), flush=True)
        except Exception as error:  # whatever a client throws is the row's result
            detail = f"{type(error).__name__}: {error}"
            print(json.dumps({"feature": feature, "ok": False, "detail": detail}), flush=True)


main()
