"""OpenAI's client on the compatible paths."""

import io

from common import CUT_MODEL, EMBEDDING_MODEL, HANG_MODEL, MODEL, USES, WEATHER, abort, expect_cut, next_proxy


def features():
    import openai

    messages = [{"role": "user", "content": "Hello"}]

    def client():
        return openai.OpenAI(api_key="pool", base_url=f"{next_proxy()}/v1beta/openai/", max_retries=0)

    def complete(**more):
        return client().chat.completions.create(**{"model": MODEL, "messages": messages, **more})

    def text():
        answer = complete()
        assert answer.choices[0].message.content
        assert answer.usage.prompt_tokens > 0

    def stream():
        assert "".join(c.choices[0].delta.content or "" for c in complete(stream=True) if c.choices)

    def chat():
        history = messages + [{"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "And again"}]
        assert complete(messages=history).choices[0].message.content

    def tools():
        wanted = [{"type": "function", "function": WEATHER}]
        message = complete(tools=wanted).choices[0].message
        assert message.tool_calls[0].function.name == "weather"
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "clear"}
        assert complete(tools=wanted, messages=[*messages, message, result]).choices[0].message.content

    def embeddings():
        answer = client().embeddings.create(model=EMBEDDING_MODEL, input=["one", "two"])
        assert len(answer.data) == 2
        assert answer.data[0].embedding

    def models():
        names = [model.id for model in client().models.list()]
        assert any(name.endswith(MODEL) for name in names), names

    def batches():
        # As Google documents it: the file goes up with Google's client.
        from google import genai
        with genai.Client(api_key="pool", http_options={"base_url": next_proxy()}) as google:
            file = google.files.upload(file=io.BytesIO(b"{}\n"), config={"mime_type": "application/jsonl"})
        for _ in range(USES):
            batch = client().batches.create(input_file_id=file.name, endpoint="/v1/chat/completions",
                                            completion_window="24h")
            assert client().batches.retrieve(batch.id).status == "validating"
            client().batches.cancel(batch.id)
            assert client().batches.retrieve(batch.id).status == "cancelled"

    return {"text": text, "stream": stream, "chat": chat, "tools": tools, "embeddings": embeddings, "models": models,
            "batches": batches, "abort": lambda: abort(complete(model=HANG_MODEL, stream=True)),
            "cut": lambda: expect_cut(complete(model=CUT_MODEL, stream=True))}
