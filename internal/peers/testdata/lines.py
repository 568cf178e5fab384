"""What a client in Python is told to do by lines of JSON on standard input, and
how it tells what it sees on standard output."""

import asyncio
import json
import sys


def saw(what, **more):
    print(json.dumps({"saw": what, **more}), flush=True)


async def obey(client):
    """Calls the methods of the client until there are no more lines."""
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        command = json.loads(line)
        await getattr(client, command["do"])(command)
