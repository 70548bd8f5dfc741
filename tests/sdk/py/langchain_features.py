"""LangChain's chat class for Gemini."""

import io
import os

from common import CUT_MODEL, EMBEDDING_MODEL, FILE_BYTES, FILE_USES, HANG_MODEL, MODEL, USES, WEATHER, abort, expect_cut, next_proxy


def features():
    from langchain_core.messages import HumanMessage
    from langchain_google_genai import (ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings,
                                       create_context_cache)

    def chat_model(model=MODEL):
        return ChatGoogleGenerativeAI(model=model, google_api_key="pool", base_url=next_proxy(), max_retries=1)

    def text():
        assert chat_model().invoke("Hello").text

    def stream():
        assert "".join(chunk.text for chunk in chat_model().stream("Hello"))

    def chat():
        assert chat_model().invoke([("human", "Hello"), ("ai", "Hello!"), ("human", "And again")]).text

    def tools():
        bound = chat_model().bind_tools([{"type": "function", "function": WEATHER}])
        assert bound.invoke("Hello").tool_calls[0]["name"] == "weather"

    def embeddings():
        model = GoogleGenerativeAIEmbeddings(model=EMBEDDING_MODEL, google_api_key="pool", base_url=next_proxy())
        vectors = model.embed_documents(["one", "two"])
        assert len(vectors) == 2
        assert vectors[0]

    def count_tokens():
        assert chat_model().get_num_tokens("Hello there") > 0

    # For what it has no words of its own it shows Google's client, which is under it.
    def google(call):
        model = chat_model()
        return call(model.client)

    def files():
        file = google(lambda g: g.files.upload(file=io.BytesIO(os.urandom(FILE_BYTES)), config={"mime_type": "text/plain"}))
        assert google(lambda g: g.files.get(name=file.name)).size_bytes == FILE_BYTES
        for _ in range(FILE_USES):
            assert chat_model().invoke([("human", [
                {"type": "media", "file_uri": file.uri, "mime_type": file.mime_type},
                {"type": "text", "text": "What is it?"}])]).text
        assert file.name in google(lambda g: [listed.name for listed in g.files.list()])
        google(lambda g: g.files.delete(name=file.name))

    def caches():
        cache = create_context_cache(chat_model(), [HumanMessage("A long text.")], ttl="3600s")
        assert google(lambda g: g.caches.get(name=cache)).name == cache
        for _ in range(USES):
            answer = chat_model().invoke("What is it?", cached_content=cache)
            assert answer.usage_metadata["input_token_details"]["cache_read"] > 0
        assert cache in google(lambda g: [listed.name for listed in g.caches.list()])
        google(lambda g: g.caches.delete(name=cache))

    return {"text": text, "stream": stream, "chat": chat, "tools": tools, "countTokens": count_tokens,
            "embeddings": embeddings, "files": files, "caches": caches,
            "abort": lambda: abort(chat_model(HANG_MODEL).stream("Hello")),
            "cut": lambda: expect_cut(chat_model(CUT_MODEL).stream("Hello"))}
