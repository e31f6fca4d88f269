"""A FastAPI app: models, dependencies, forms, uploads, streams, WebSockets."""
import hashlib
import os
from typing import List

from fastapi import Depends, FastAPI, File, Form, Request, UploadFile, WebSocket
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key="only for tests")
app.mount("/static", StaticFiles(directory=os.path.join(os.path.dirname(os.path.abspath(__file__)), "static")))


class Numbers(BaseModel):
    numbers: List[int]


async def session(request: Request):
    yield request.session


@app.get("/", response_class=PlainTextResponse)
def index():
    return "Hello from FastAPI"


@app.post("/form")
async def form(name: str = Form(...), kept: dict = Depends(session)):
    kept["name"] = name
    return RedirectResponse("/who", status_code=303)


@app.get("/who", response_class=PlainTextResponse)
async def who(kept: dict = Depends(session)):
    return kept.get("name", "nobody")


@app.post("/upload")
async def upload(file: UploadFile = File(...), note: str = Form(...)):
    data = await file.read()
    return {"name": file.filename, "length": len(data), "sha256": hashlib.sha256(data).hexdigest(), "note": note}


@app.post("/json")
async def as_json(given: Numbers):
    return {"doubled": [2 * number for number in given.numbers]}


@app.get("/stream")
async def stream(word: str):
    return StreamingResponse(("%s %d\n" % (word, number) for number in range(1000)), media_type="text/plain")


@app.get("/broken")
async def broken():
    raise RuntimeError("broken view")


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    while True:
        await socket.send_json(await socket.receive_json())
