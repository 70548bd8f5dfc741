"""usage: crowd.py PORT COUNT idle|asking

Connects so many clients from 127.0.0.3. idle: each asks once and stays; asking: each asks again and again, on a new connection whenever the
one before has ended. Prints "ready N" once each has tried, N of them connected, and stays until its standard input ends; then what was answered.
"""

import asyncio
import collections
import resource
import sys

SOURCE = ("127.0.0.3", 0)
GET = b"GET /v1beta/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 30


class Crowd:
    def __init__(self, port, stays):
        self.port, self.stays = port, stays
        self.answers = collections.Counter()
        self.connected = 0
        self.tried = 0
        self.over = False
        self.all_tried = asyncio.Condition()

    async def ask(self, reader, writer):
        """The status of the answer, or how it ended without one."""
        writer.write(GET)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        return head.split(b" ")[1].decode()

    async def one(self):
        writer = None
        first = True
        try:
            while not self.over:
                try:
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=SOURCE)
                        self.connected += first
                    self.answers[await self.ask(reader, writer)] += 1
                except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as problem:
                    self.answers[type(problem).__name__] += 1
                    if writer:
                        writer.close()
                    writer = None
                async with self.all_tried:
                    self.tried += first
                    first = False
                    self.all_tried.notify_all()
                if self.stays and writer:
                    await asyncio.Event().wait()
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            if writer:
                writer.close()


async def main(port, count, stays):
    crowd = Crowd(port, stays)
    clients = []
    for _ in range(count):
        clients.append(asyncio.create_task(crowd.one()))
        await asyncio.sleep(0)
    async with crowd.all_tried:
        await crowd.all_tried.wait_for(lambda: crowd.tried == count)
    print(f"ready {crowd.connected}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    # A cancellation can be lost while an answer arrives.
    crowd.over = True
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    print(", ".join(f"{answer}: {times}" for answer, times in sorted(crowd.answers.items())))


if __name__ == "__main__":
    _, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "idle"))
