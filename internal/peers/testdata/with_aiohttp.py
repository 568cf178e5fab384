import asyncio

import aiohttp

from lines import obey, saw


class Client:
    async def dial(self, command):
        self.session = aiohttp.ClientSession()
        self.ws = await self.session.ws_connect(command["url"], compress=15)
        saw("open")
        self.reading = asyncio.create_task(self.read())

    async def read(self):
        while True:
            message = await self.ws.receive()
            if message.type == aiohttp.WSMsgType.TEXT:
                saw("text", text=message.data)
                continue
            if message.type != aiohttp.WSMsgType.CLOSING:  # which is our own, see close
                await self.ended(message.extra if message.type == aiohttp.WSMsgType.CLOSE else "")
            return

    async def send(self, command):
        await self.ws.send_str(command["text"])

    async def close(self, command):
        await self.ws.close(code=command["code"], message=command["reason"].encode())
        await self.ended(command["reason"])  # with which the chat answers it does not say

    async def ended(self, reason):
        saw("closed", code=self.ws.close_code, reason=reason)
        await self.session.close()


asyncio.run(obey(Client()))
