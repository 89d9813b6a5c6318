"""Speaks to `hale mcp` with the reference client of the protocol.

Usage: mcp_client.py HALE LIFE < REQUESTS, where LIFE is `initialize` or `discover` and REQUESTS is a
JSON list of {"tool", "arguments"} and {"resource"}. Prints what came back as one JSON object.
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

ANSWER_SECS_MAX = 50


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def answer(request, session):
    try:
        if "tool" in request:
            return plain(await session.call_tool(request["tool"], request.get("arguments", {})))
        return plain(await session.read_resource(request["resource"]))
    except Exception as error:  # What a client's own user would see.
        return {"protocol_error": str(error)}


async def main(hale, life, requests):
    server = StdioServerParameters(command=hale, args=["mcp"], env=dict(os.environ))
    async with stdio_client(server) as (read, write):
        async with ClientSession(read, write) as session:
            began = await (session.discover() if life == "discover" else session.initialize())
            said = {
                "began": plain(began),
                "tools": plain(await session.list_tools())["tools"],
                "resources": plain(await session.list_resources())["resources"],
                "templates": plain(await session.list_resource_templates())["resourceTemplates"],
                "answers": [await answer(request, session) for request in requests],
            }
    json.dump(said, sys.stdout)


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], json.load(sys.stdin)), ANSWER_SECS_MAX))
