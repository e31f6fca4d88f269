"""A Pyramid app: form, session, upload, static view, streaming, JSON."""
import hashlib
import os

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory


def index(request):
    return Response("Hello from Pyramid")


def form(request):
    request.session["name"] = request.POST["name"]
    return HTTPSeeOther("/who")


def who(request):
    return Response(request.session.get("name", "nobody"))


def upload(request):
    part = request.POST["file"]
    data = part.file.read()
    return {"name": part.filename, "length": len(data), "sha256": hashlib.sha256(data).hexdigest(), "note": request.POST["note"]}


def as_json(request):
    return {"doubled": [2 * number for number in request.json_body["numbers"]]}


def stream(request):
    word = request.GET["word"].encode()
    return Response(content_type="text/plain", app_iter=(b"%s %d\n" % (word, number) for number in range(1000)))


def broken(request):
    raise RuntimeError("broken view")


with Configurator(settings={}, session_factory=SignedCookieSessionFactory("only for tests")) as config:
    for name, view, renderer in [("", index, None), ("form", form, None), ("who", who, None), ("upload", upload, "json"),
                                 ("json", as_json, "json"), ("stream", stream, None), ("broken", broken, None)]:
        config.add_route("r-" + name, "/" + name)
        config.add_view(view, route_name="r-" + name, renderer=renderer)
    config.add_static_view("static", os.path.join(os.path.dirname(os.path.abspath(__file__)), "static"))
    app = config.make_wsgi_app()
