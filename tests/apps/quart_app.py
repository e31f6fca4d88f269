"""A Quart app: forms, sessions, uploads, static files, streams, WebSockets, start-up hooks."""
import hashlib
import os

from quart import Quart, Response, jsonify, redirect, request, session, url_for, websocket

app = Quart(__name__, static_folder=os.path.join(os.path.dirname(os.path.abspath(__file__)), "static"))
app.secret_key = "only for tests"
started = []


@app.before_serving
async def start():
    started.append(True)


@app.get("/")
async def index():
    return "Hello from Quart" if started else "not started"


@app.post("/form")
async def form():
    session["name"] = (await request.form)["name"]
    return redirect(url_for("who"))


@app.get("/who")
async def who():
    return session.get("name", "nobody")


@app.post("/upload")
async def upload():
    file = (await request.files)["file"]
    data = file.read()
    return jsonify(name=file.filename, length=len(data), sha256=hashlib.sha256(data).hexdigest(), note=(await request.form)["note"])


@app.post("/json")
async def as_json():
    return jsonify(doubled=[2 * number for number in (await request.get_json())["numbers"]])


@app.get("/stream")
async def stream():
    word = request.args["word"]

    async def lines():
        for number in range(1000):
            yield b"%s %d\n" % (word.encode(), number)
    return Response(lines(), mimetype="text/plain")


@app.get("/broken")
async def broken():
    raise RuntimeError("broken view")


@app.websocket("/echo")
async def echo():
    while True:
        await websocket.send(await websocket.receive())
