"""A page that streams in all the ways that a browser has, at the same time and on one connection, and the app that it talks to."""
import asyncio

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from mark import mark

PAGE = """<!doctype html><title>A page</title><link rel="icon" href="data:,"><script>
const seen = {};
const text = bytes => new TextDecoder().decode(bytes);

function events() {
    return new Promise(resolve => {
        const source = new EventSource("/events"), got = [];
        source.addEventListener("tick", event => {
            got.push([event.lastEventId, event.data]);
            // After the third the stream ends, and the browser comes again with the last id.
            if (got.length === 5) { source.close(); resolve(got); }
        });
    });
}

async function streamed() {
    const reader = (await fetch("/steps")).body.getReader(), got = [];
    for (;;) {
        const { value, done } = await reader.read();
        if (done) return got;
        got.push(text(value));
        await fetch("/next", { method: "POST" }); // the app waits for it before its next block
    }
}

async function uploaded() {
    let left = 50;
    const body = new ReadableStream({ pull(into) { left-- > 0 ? into.enqueue(new Uint8Array(20000).fill(left)) : into.close(); } });
    return (await fetch("/upload", { method: "POST", body, duplex: "half" })).json();
}

async function aborted() {
    const stop = new AbortController(), answer = await fetch("/endless", { signal: stop.signal });
    await answer.body.getReader().read();
    stop.abort();
}

async function form() {
    const data = new FormData();
    data.append("note", "caf\\u00e9");
    data.append("file", new Blob([new Uint8Array(300000).fill(1)]), "blob.bin");
    return (await fetch("/form", { method: "POST", body: data })).json();
}

(async () => {
    const all = { events, streamed, uploaded, aborted, form };
    await Promise.all(Object.entries(all).map(async ([name, each]) => {
        try { seen[name] = await each() ?? "done"; } catch (error) { seen[name] = String(error); }
    }));
    seen.many = (await Promise.all(Array.from({ length: 100 }, (_, each) => fetch(`/number?n=${each}`).then(answer => answer.text())))).map(Number).reduce((sum, each) => sum + each);
    seen.protocols = [...new Set(performance.getEntries().filter(each => each.nextHopProtocol).map(each => each.nextHopProtocol))];
    window.result = seen;
})();
</script>"""

steps = asyncio.Semaphore(0)


async def page(request):
    return HTMLResponse(PAGE)


async def events(request):
    async def each():
        first = int(request.headers.get("last-event-id", 0)) + 1
        yield "retry: 20\n\n"
        for number in range(first, first + 3):
            yield f"event: tick\nid: {number}\ndata: number {number}\n\n"
    return StreamingResponse(each(), media_type="text/event-stream")


async def stepped(request):
    async def each():
        for number in range(3):
            yield f"step {number}"
            await steps.acquire()
    return StreamingResponse(each(), media_type="text/plain")


async def following(request):
    steps.release()
    return Response(status_code=204)


async def upload(request):
    length = total = 0
    async for block in request.stream():
        length, total = length + len(block), total + sum(block)
    return JSONResponse({"length": length, "total": total, "http": request.scope["http_version"]})


async def endless(request):
    async def each():
        try:
            while True:
                yield b"e" * 1000
                await asyncio.sleep(0.01)
        finally:
            mark("aborted")
    return StreamingResponse(each())


async def form(request):
    form = await request.form()
    return JSONResponse({"note": form["note"], "name": form["file"].filename, "length": len(await form["file"].read())})


async def number(request):
    return PlainTextResponse(request.query_params["n"])


app = Starlette(routes=[
    Route("/", page), Route("/events", events), Route("/steps", stepped), Route("/next", following, methods=["POST"]), Route("/endless", endless),
    Route("/upload", upload, methods=["POST"]), Route("/form", form, methods=["POST"]), Route("/number", number),
])
