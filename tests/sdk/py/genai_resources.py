"""What Google's client has of caches, batches, interactions and Live sessions."""

import asyncio
import base64
import io
import os

from common import MODEL, USES, next_tls_proxy

LIVE_TEXT_BYTES = 1_000_000


def expect_gone(call):
    """What was deleted is not there any more, says Google."""
    try:
        call()
    except Exception as error:
        status = getattr(error, "code", None) or getattr(error, "status_code", None)
        assert status in (403, 404), error
        return
    raise AssertionError("it is still there")


def caches(client, generate):
    def once(call):
        with client() as c:
            return call(c.caches)

    made = once(lambda c: c.create(model=MODEL, config={
        "contents": [{"role": "user", "parts": [{"text": "A long text."}]}], "display_name": "kept", "ttl": "3600s"}))
    assert once(lambda c: c.get(name=made.name)).display_name == "kept"
    for _ in range(USES):
        answer = generate("What is it?", config={"cached_content": made.name})
        assert answer.usage_metadata.cached_content_token_count > 0
    assert made.name in once(lambda c: [one.name for one in c.list(config={"page_size": 1})])
    updated = once(lambda c: c.update(name=made.name, config={"ttl": "7200s"}))
    assert updated.expire_time > made.expire_time
    assert once(lambda c: c.get(name=made.name)).expire_time == updated.expire_time
    once(lambda c: c.delete(name=made.name))
    expect_gone(lambda: once(lambda c: c.get(name=made.name)))


def batches(client):
    def once(call):
        with client() as c:
            return call(c.batches)

    def one_batch(src):
        name = once(lambda b: b.create(model=MODEL, src=src, config={"display_name": "many"})).name
        assert once(lambda b: b.get(name=name)).state == "JOB_STATE_PENDING"
        assert name in once(lambda b: [one.name for one in b.list(config={"page_size": 1})])
        once(lambda b: b.cancel(name=name))
        assert once(lambda b: b.get(name=name)).state == "JOB_STATE_CANCELLED"
        once(lambda b: b.delete(name=name))
        expect_gone(lambda: once(lambda b: b.get(name=name)))

    one_batch([{"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}])
    with client() as c:
        file = c.files.upload(file=io.BytesIO(os.urandom(1000)), config={"mime_type": "application/jsonl"})
    for _ in range(USES):
        one_batch(file.name)


def interactions(client):
    def once(call):
        with client() as c:
            return call(c.interactions)

    asked = [once(lambda i: i.create(model=MODEL, input="Hello"))]
    for _ in range(USES):
        asked.append(once(lambda i: i.create(model=MODEL, input="And again", previous_interaction_id=asked[-1].id)))
    assert asked[-1].output_text, asked[-1]
    for one in asked:
        assert once(lambda i, one=one: i.get(one.id)).status == "completed"
    for one in asked:
        once(lambda i, one=one: i.delete(one.id))
        expect_gone(lambda one=one: once(lambda i: i.get(one.id)))


def live():
    """Sessions in which what is said comes back. Their address is wss:// whatever the base URL is."""
    from google import genai

    async def session_of():
        client = genai.Client(api_key="pool", http_options={"base_url": next_tls_proxy()})
        long_text = base64.b64encode(os.urandom(LIVE_TEXT_BYTES)).decode()[:LIVE_TEXT_BYTES]
        async with client.aio.live.connect(model=MODEL) as session:
            for said in ("Hello", long_text, "And again"):
                await session.send_client_content(turns={"role": "user", "parts": [{"text": said}]})
                heard = ""
                async for message in session.receive():  # until the turn is complete
                    heard += message.text or ""
                assert heard == said, f"{len(heard)} characters came back for {len(said)}"

    for _ in range(2):
        asyncio.run(session_of())


def features(client, generate):
    return {"caches": lambda: caches(client, generate), "batches": lambda: batches(client),
            "interactions": lambda: interactions(client), "Live": live}
