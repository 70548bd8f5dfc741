"""Google's client."""

import io
import os

import genai_resources
from common import CUT_MODEL, EMBEDDING_MODEL, FILE_BYTES, FILE_USES, HANG_MODEL, MODEL, WEATHER, abort, expect_cut, next_proxy


def features():
    from google import genai
    from google.genai import types

    def client():
        return genai.Client(api_key="pool", http_options={"base_url": next_proxy()})

    def generate(contents="Hello", **more):
        with client() as c:
            return c.models.generate_content(model=MODEL, contents=contents, **more)

    def text():
        answer = generate()
        assert answer.text
        assert answer.usage_metadata.prompt_token_count > 0

    def stream():
        with client() as c:
            chunks = [chunk.text for chunk in c.models.generate_content_stream(model=MODEL, contents="Hello")]
        assert len(chunks) > 1, chunks
        assert "".join(chunk or "" for chunk in chunks)

    def chat():
        with client() as c:
            conversation = c.chats.create(model=MODEL)
            assert conversation.send_message("Hello").text
            assert conversation.send_message("And again").text
            assert len(conversation.get_history()) == 4

    def tools():
        function = types.FunctionDeclaration(name=WEATHER["name"], description=WEATHER["description"],
                                             parameters_json_schema=WEATHER["parameters"])
        config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])])
        asked = generate(config=config)
        assert asked.function_calls[0].name == "weather"
        result = types.Part.from_function_response(name="weather", response={"sky": "clear"})
        told = generate([types.Content(role="user", parts=[types.Part(text="Hello")]), asked.candidates[0].content,
                         types.Content(role="user", parts=[result])], config=config)
        assert told.text

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

    def files():
        with client() as c:
            file = c.files.upload(file=io.BytesIO(os.urandom(FILE_BYTES)), config={"mime_type": "text/plain"})
        assert file.size_bytes == FILE_BYTES
        with client() as c:
            assert c.files.get(name=file.name).name == file.name
        for _ in range(FILE_USES):
            assert generate([file, "What is it?"]).text
        with client() as c:
            names = [listed.name for listed in c.files.list(config={"page_size": 1})]
        assert file.name in names, names
        with client() as c:
            c.files.delete(name=file.name)
        try:
            with client() as c:
                c.files.get(name=file.name)
        except genai.errors.ClientError:
            return
        raise AssertionError("a deleted file is still there")

    def aborted():
        with client() as c:
            abort(c.models.generate_content_stream(model=HANG_MODEL, contents="Hello"))

    def cut():
        with client() as c:
            expect_cut(c.models.generate_content_stream(model=CUT_MODEL, contents="Hello"))

    return {"text": text, "stream": stream, "chat": chat, "tools": tools, "countTokens": count_tokens,
            "embeddings": embeddings, "models": models, "files": files, "abort": aborted, "cut": cut,
            **genai_resources.features(client, generate)}
