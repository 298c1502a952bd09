"""One JSON object a line on stdin, one back on stdout, and a clean stop on SIGTERM."""
import asyncio
import json
import signal
import sys


def stop_on_signal():
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def say(answer):
    print(json.dumps(answer), flush=True)


def obey(actor, line):
    """Call actor.do_NAME(request) for {"do":"NAME",...}; False and errors become ok: false."""
    try:
        request = json.loads(line)
        do = getattr(actor, "do_" + request["do"].replace("-", "_"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"ok": False, "error": "no such command"}
    try:
        answer = do(request)
    except (ValueError, KeyError, TypeError) as wrong:
        return {"ok": False, "error": repr(wrong)}
    return answer if isinstance(answer, dict) else {"ok": answer is not False, "do": request["do"]}


async def _obey_stdin(actor):
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        say(obey(actor, line))


def obey_stdin(actor):
    """Start listening; keep the task."""
    return asyncio.create_task(_obey_stdin(actor))


async def obey_socket(actor, path):
    async def serve(reader, writer):
        while line := await reader.readline():
            writer.write((json.dumps(obey(actor, line)) + "\n").encode())
            await writer.drain()
        writer.close()
    return await asyncio.start_unix_server(serve, path)
