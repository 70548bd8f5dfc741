"""LangChain's chat class for Gemini."""

from common import CUT_MODEL, EMBEDDING_MODEL, MODEL, WEATHER, abort, expect_cut, next_proxy


def features():
    from langchain_google_genai import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings

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

    return {"text": text, "stream": stream, "chat": chat, "tools": tools, "embeddings": embeddings,
            "abort": lambda: abort(chat_model().stream("Hello")),
            "cut": lambda: expect_cut(chat_model(CUT_MODEL).stream("Hello"))}
