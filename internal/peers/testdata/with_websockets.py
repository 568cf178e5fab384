import asyncio

import websockets

from lines import obey, saw


class Client:
    async def dial(self, command):
        self.ws = await websockets.connect(command["url"])
        saw("open")
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        try:
            while True:
                saw("text", text=await self.ws.recv())
        except websockets.ConnectionClosed:
            saw("closed", code=self.ws.close_code, reason=self.ws.close_reason)

    async def send(self, command):
        await self.ws.send(command["text"])

    async def close(self, command):
        await self.ws.close(command["code"], command["reason"])


asyncio.run(obey(Client()))
