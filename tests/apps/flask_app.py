"""A Flask app: forms, sessions, uploads, static files, streaming, JSON, errors."""
import hashlib
import os
from wsgiref.validate import validator

from flask import Flask, Response, abort, jsonify, redirect, request, session, stream_with_context, url_for

flask = Flask(__name__, static_folder=os.path.join(os.path.dirname(os.path.abspath(__file__)), "static"))
flask.secret_key = "only for tests"


@flask.get("/")
def index():
    return "Hello from Flask"


@flask.post("/form")
def form():
    session["name"] = request.form["name"]
    return redirect(url_for("who"))


@flask.get("/who")
def who():
    return session.get("name", "nobody")


@flask.post("/upload")
def upload():
    file = request.files["file"]
    data = file.read()
    return jsonify(name=file.filename, length=len(data), sha256=hashlib.sha256(data).hexdigest(), note=request.form["note"])


@flask.post("/json")
def json():
    return jsonify(doubled=[2 * number for number in request.get_json()["numbers"]])


@flask.get("/stream")
def stream():
    def lines():
        for number in range(1000):
            yield "%s %d\n" % (request.args["word"], number)
    return Response(stream_with_context(lines()), mimetype="text/plain")


@flask.get("/address")
def address():
    return jsonify(url=request.url, remote=request.remote_addr, root=request.script_root)


@flask.get("/missing")
def missing():
    abort(404)


@flask.get("/broken")
def broken():
    raise RuntimeError("broken view")


validated = validator(flask.wsgi_app)


def app(environ, start_response):
    # Files go out through wsgi.file_wrapper, which the validator hides; JSON is read by read() without a size, which PEP 3333
    # allows only where the input ends by itself (wsgi.input_terminated), and the validator does not know.
    bare = environ["PATH_INFO"].startswith(("/static/", "/json"))
    return (flask.wsgi_app if bare else validated)(environ, start_response)
